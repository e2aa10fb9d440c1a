import ChatModel
import Dispatch
import Foundation
import Glibc
import MirrorStore
import Synchronization
import SyncRules

// Hints come as datagrams on a Unix socket, some lines in each: there is no client that could stop reading, be
// slow or leave half a line. A datagram that the daemon has no room for is the sender's to know of: it was not
// taken, and no program waits for it.

/// Takes hints from other programs.
final class HintSocket: Sendable {
    private let path: String
    // A dispatch source may be used from any thread; its type does not say so.
    private nonisolated(unsafe) let source: any DispatchSourceRead

    /// Bytes of a datagram; a sender's own are smaller.
    static let longestDatagram = 65_536

    /// Makes the socket, in the place of one that an earlier process has left.
    /// - Parameter take: is given lines, how many were too many, and how many are none.
    init(
        _ path: String, time: any Timekeeper,
        take: @escaping @Sendable ([HintLine], _ dropped: Int, _ faulty: Int) -> Void
    ) throws(StoreFailure) {
        self.path = path
        guard let address = UnixAddress(path) else {
            throw Self.failure("the path has more than \(UnixAddress.longest) bytes")
        }
        var status = stat()
        if lstat(path, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFSOCK else {
                throw Self.failure("something stands there that is no socket")
            }
            unlink(path)
        }
        let listening = UnixAddress.datagramSocket()
        guard listening >= 0, address.withPointer({ bind(listening, $0, $1) }) == 0 else {
            let problem = OwnedFile.problem(path, errno)
            if listening >= 0 { Glibc.close(listening) }
            throw Self.failure(problem)
        }
        // The group of the state directory may hint, and no one else.
        chmod(path, 0o660)
        source = DispatchSource.makeReadSource(
            fileDescriptor: listening, queue: DispatchQueue(label: "hints"))
        let reader = HintReader()
        source.setEventHandler { reader.read(listening, time.now(), take) }
        // Not before: another file could have the number while the last datagrams are read.
        source.setCancelHandler { _ = Glibc.close(listening) }
        source.resume()
    }

    /// No hint is taken any more.
    func close() {
        source.cancel()
        unlink(path)
    }

    private static func failure(_ problem: String) -> StoreFailure {
        StoreFailure(kind: .passing, problem: problem, advice: "")
    }
}

/// Reads what has come.
private final class HintReader: Sendable {
    private let gate = Mutex(HintGate())

    /// Datagrams that are read before what they hold is handed on.
    private static let atOnce = 64

    func read(
        _ descriptor: Int32, _ now: MonotonicTime,
        _ take: ([HintLine], _ dropped: Int, _ faulty: Int) -> Void
    ) {
        var buffer = [UInt8](repeating: 0, count: HintSocket.longestDatagram)
        var (lines, dropped, faulty): ([HintLine], Int, Int) = ([], 0, 0)
        for _ in 0..<Self.atOnce {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            for line in buffer[..<count].split(separator: UInt8(ascii: "\n")) {
                guard gate.withLock({ $0.admits(now: now) }) else {
                    dropped += 1
                    continue
                }
                if let hint = try? HintLine(line) { lines.append(hint) } else { faulty += 1 }
            }
        }
        take(lines, dropped, faulty)
    }
}

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
