import ChatModel
import Dispatch
import Foundation
import Glibc
import MirrorStore
import Synchronization
import SyncRules
import HostSystem

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
