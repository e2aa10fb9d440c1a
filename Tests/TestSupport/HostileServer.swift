import Foundation
import Synchronization

/// A server on a free port of this machine that answers every connection as it is told to, byte by
/// byte: what no HTTP library would send.
package final class HostileServer: Sendable {
    /// Called for each request with the bytes received so far and the socket.
    package typealias Behaviour = @Sendable (_ request: [UInt8], _ socket: Int32) -> Void

    package let port: UInt16
    private let listener: Int32
    private let requests = Mutex(0)
    private let isClosed = Mutex(false)

    package init(_ behave: @escaping Behaviour) throws {
        signal(SIGPIPE, SIG_IGN)
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.listener = listener
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(listener, pointer, length) == 0 && listen(listener, 64) == 0
                    && getsockname(listener, pointer, &length) == 0
            }
        }
        guard bound else { throw NeverHappened(what: "a free port") }
        port = UInt16(bigEndian: address.sin_port)
        Thread.detachNewThread { [self] in accept(behave) }
    }

    deinit { close() }

    /// Requests that came whole.
    package var requestCount: Int { requests.withLock { $0 } }

    package func close() {
        let wasClosed = isClosed.withLock { closed in
            defer { closed = true }
            return closed
        }
        if !wasClosed {
            shutdown(listener, Int32(SHUT_RDWR))
            Glibc.close(listener)
        }
    }

    private func accept(_ behave: @escaping Behaviour) {
        while true {
            let socket = Glibc.accept(listener, nil, nil)
            guard socket >= 0 else { return }
            Thread.detachNewThread { [weak self] in
                defer { Glibc.close(socket) }
                while let request = HostileServer.read(socket) {
                    self?.requests.withLock { $0 += 1 }
                    behave(request, socket)
                }
            }
        }
    }

    /// One whole request: its head and as many bytes as it promises.
    private static func read(_ socket: Int32) -> [UInt8]? {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while true {
            let text = String(decoding: bytes, as: UTF8.self)
            if let end = text.range(of: "\r\n\r\n") {
                let length =
                    text.lowercased().firstMatch(of: /content-length: *([0-9]+)/).flatMap {
                        Int($0.1)
                    } ?? 0
                if text[end.upperBound...].utf8.count >= length { return bytes }
            }
            let count = recv(socket, &piece, piece.count, 0)
            guard count > 0 else { return nil }
            bytes += piece[..<count]
        }
    }

    /// Sends all of `bytes`; false when the other side is gone.
    @discardableResult
    package static func send(_ bytes: some Collection<UInt8>, to socket: Int32) -> Bool {
        var rest = Array(bytes)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// A well-formed response with any body.
    package static func respond(
        _ body: [UInt8], status: String = "200 OK", headers: String = "", to socket: Int32
    ) {
        send(
            Array("HTTP/1.1 \(status)\r\nContent-Length: \(body.count)\r\n\(headers)\r\n".utf8)
                + body, to: socket)
    }
}
