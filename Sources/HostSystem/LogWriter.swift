import ChatModel
import EventLog
import Foundation
import Glibc
import Synchronization

/// Writes the log on a thread of its own, from a bounded queue: when the reader of the log stands still,
/// lines are dropped and counted, debug ones first, and nothing else stops.
package final class LogWriter: Sendable {
    /// Lines that are not written yet.
    private struct Queue {
        var lines: [String] = []
        var bytes = 0
        /// Bytes that the thread has taken and not yet written.
        var taken = 0
        var dropped = 0
        var isClosed = false
    }

    private let queue = Mutex(Queue())
    private let news = DispatchSemaphore(value: 0)
    private let isDone = DispatchSemaphore(value: 0)
    private let descriptor: Int32
    /// Whether each line begins with its priority, which the journal reads and removes.
    private let hasPriorities: Bool

    /// Bytes that wait, at most; less important lines may fill only part of it.
    static let room = 4 << 20

    package init(
        descriptor: Int32 = STDERR_FILENO,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) {
        self.descriptor = descriptor
        hasPriorities = LogWriter.isJournal(descriptor, environment["JOURNAL_STREAM"])
        let thread = Thread { [self] in run() }
        thread.name = "log"
        thread.start()
    }

    /// Lines that were not written.
    package var dropped: Int { queue.withLock { $0.dropped } }

    /// Queues a line with its line feed; never waits.
    package func write(_ line: String, _ level: LogLevel) {
        let line = hasPriorities ? "<\(level.priority)>\(line)" : line
        queue.withLock { queue in
            guard queue.bytes + queue.taken + line.utf8.count <= level.room else {
                queue.dropped += 1
                return
            }
            queue.lines.append(line)
            queue.bytes += line.utf8.count
        }
        news.signal()
    }

    /// Writes what waits and ends the thread; a reader that stands still is not waited for longer than
    /// `patience`.
    package func close(within patience: Duration = .milliseconds(500)) {
        queue.withLock { $0.isClosed = true }
        news.signal()
        _ = isDone.wait(timeout: .now() + .nanoseconds(Int(patience.nanoseconds)))
    }

    private func run() {
        while true {
            news.wait()
            let (lines, isClosed) = queue.withLock { queue in
                defer { (queue.lines, queue.taken, queue.bytes) = ([], queue.bytes, 0) }
                return (queue.lines, queue.isClosed)
            }
            let written = writeAll(lines)
            queue.withLock { queue in
                queue.dropped += lines.count - written
                queue.taken = 0
            }
            if isClosed { break }
        }
        isDone.signal()
    }

    /// How many of the lines could be written.
    private func writeAll(_ lines: [String]) -> Int {
        for (index, line) in lines.enumerated() where !write(line) { return index }
        return lines.count
    }

    private func write(_ line: String) -> Bool {
        var rest = Array(line.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                guard errno == EAGAIN else { return false }
                // Another program has made the stream non-blocking; this thread may wait.
                var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&waiting, 1, -1)
                continue
            }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// systemd names the socket of the journal by device and inode in `JOURNAL_STREAM`.
    private static func isJournal(_ descriptor: Int32, _ stream: String?) -> Bool {
        var file = stat()
        guard let stream, fstat(descriptor, &file) == 0 else { return false }
        return stream == "\(file.st_dev):\(file.st_ino)"
    }
}

extension LogLevel {
    /// As syslog and the journal number them.
    fileprivate var priority: Int {
        switch self {
        case .debug: 7
        case .info: 6
        case .warning: 4
        case .error: 3
        }
    }

    /// How full the queue may be for a line of this level.
    fileprivate var room: Int {
        switch self {
        case .debug: LogWriter.room / 4
        case .info: LogWriter.room / 2
        case .warning: LogWriter.room * 3 / 4
        case .error: LogWriter.room
        }
    }
}
