import Foundation

/// What systemd would be: a socket that keeps what it is told.
package final class NotifySocket: Sendable {
    package let path: String
    private let received = Shared<[(text: String, at: Date)]>([])
    private let descriptor: Int32

    package init(_ path: String) throws {
        self.path = path
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0 else { throw NeverHappened(what: "a socket at \(path)") }
        self.descriptor = descriptor
        let received = received
        Thread.detachNewThread {
            var bytes = [UInt8](repeating: 0, count: 4096)
            while case let count = recv(descriptor, &bytes, bytes.count, 0), count > 0 {
                let text = String(decoding: bytes[..<count], as: UTF8.self)
                received.change { $0.append((text, Date())) }
            }
            // Here, where nobody can still be reading from the number.
            close(descriptor)
        }
    }

    deinit {
        shutdown(descriptor, Int32(SHUT_RDWR))
    }

    /// Everything that was said, in order.
    package var messages: [String] { received.value.map(\.text) }

    /// When something was said last.
    package var lastHeard: Date? { received.value.last?.at }

    /// Forgets what was said: another process begins.
    package func clear() { received.change { $0 = [] } }
}
