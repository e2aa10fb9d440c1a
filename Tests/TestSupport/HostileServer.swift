import Foundation
import Synchronization

/// A server on a free port of this machine that answers every connection as it is told to, byte by
/// byte: what no HTTP library would send.
package final class HostileServer: Sendable {
    /// Called for each request with the bytes received so far and the socket.
    package typealias Behaviour = @Sendable (_ request: [UInt8], _ socket: Int32) -> Void

    package let port: UInt16
    private let listener: Int32
    private let requests = Shared(0)
    private let connections = Shared(0)
    private let isClosed = Mutex(false)

    package init(_ behave: @escaping Behaviour) throws {
        signal(SIGPIPE, SIG_IGN)
        let (listener, port) = try LoopbackPort.bind(canBeShared: false)
        // Where the queue of a listener is full, the kernel resets what it has let in already.
        guard listen(listener, SOMAXCONN) == 0 else { throw NeverHappened(what: "a listener") }
        self.listener = listener
        self.port = port
        Thread.detachNewThread { [requests, connections] in
            Self.accept(on: listener, counting: requests, connections, behave)
        }
    }

    deinit { close() }

    /// Requests that came whole.
    package var requestCount: Int { requests.value }

    /// Connections that were accepted.
    package var connectionCount: Int { connections.value }

    /// No connection is accepted any more. The thread that accepts them closes the descriptor:
    /// closed here, its number could be another test's by the time that thread uses it again.
    package func close() {
        let wasClosed = isClosed.withLock { closed in
            defer { closed = true }
            return closed
        }
        if !wasClosed { shutdown(listener, Int32(SHUT_RDWR)) }
    }

    private static func accept(
        on listener: Int32, counting requests: Shared<Int>, _ connections: Shared<Int>,
        _ behave: @escaping Behaviour
    ) {
        defer { Glibc.close(listener) }
        while true {
            let socket = Glibc.accept(listener, nil, nil)
            if socket < 0, [EINTR, ECONNABORTED, EMFILE].contains(errno) { continue }
            guard socket >= 0 else { return }
            connections.change { $0 += 1 }
            Thread.detachNewThread {
                defer { Glibc.close(socket) }
                while let request = read(socket) {
                    requests.change { $0 += 1 }
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

    /// Resets the connection. Its thread closes the descriptor, once it has seen the end.
    package static func reset(_ socket: Int32) {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(
            socket, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
        shutdown(socket, Int32(SHUT_RD))
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
