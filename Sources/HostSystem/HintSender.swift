import Glibc
import SyncRules

/// Gives hints to a daemon.
package struct HintSender: ~Copyable {
    private let descriptor: Int32
    private let path: String
    private var text: [UInt8] = []
    private var count = 0
    /// Hints that the daemon had no room for.
    package private(set) var lost = 0

    /// A sender's datagrams; far below what a socket takes.
    private static let enough = 16_384
    /// How long a daemon that does not read is waited for, in milliseconds.
    private static let patience: Int32 = 1000

    /// - Throws: when no daemon listens there.
    package init(_ path: String) throws(ProgramFailure) {
        self.path = path
        descriptor = UnixAddress.datagramSocket()
        guard let address = UnixAddress(path), descriptor >= 0,
            address.withPointer({ connect(descriptor, $0, $1) }) == 0
        else {
            let problem = String(cString: strerror(errno))
            if descriptor >= 0 { Glibc.close(descriptor) }
            throw ProgramFailure(
                .cloudUnavailable, "no daemon takes hints at \(path): \(problem)",
                advice: "does it run? 'groupmirror status'; hints.socket says where it listens")
        }
    }

    deinit { Glibc.close(descriptor) }

    /// Adds a hint; it leaves with others.
    package mutating func add(_ hint: HintLine) {
        text += Array(hint.written.utf8) + [UInt8(ascii: "\n")]
        count += 1
        if text.count >= Self.enough { send() }
    }

    /// Sends what is left.
    package mutating func send() {
        guard !text.isEmpty else { return }
        if !wasSent() { lost += count }
        (text, count) = ([], 0)
    }

    private func wasSent() -> Bool {
        while true {
            if Glibc.send(descriptor, text, text.count, Int32(MSG_NOSIGNAL)) >= 0 { return true }
            if errno == EINTR { continue }
            guard errno == EAGAIN || errno == ENOBUFS else { return false }
            var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            guard poll(&waiting, 1, Self.patience) > 0 else { return false }
        }
    }
}
