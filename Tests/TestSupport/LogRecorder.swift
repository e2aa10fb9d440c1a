import ChatModel
import EventLog
import Synchronization

/// Keeps the lines of a log, in which no secret may be.
package final class LogRecorder: Sendable {
    private let recorded = Mutex<[String]>([])

    package init() {}

    package var lines: [String] { recorded.withLock { $0 } }

    /// Lines of one event.
    package func lines(of event: String) -> [String] {
        lines.filter { $0.contains(" event=\(event) ") }
    }

    package func log(_ time: any Timekeeper, level: LogLevel = .info, format: LogFormat = .logfmt)
        -> Log
    {
        Log(
            app: 1_400_000_000, level: level, format: format, time: time, redactor: Redactor(),
            write: { line, _ in
                SecretSearch.expectNone(in: line, of: "a log: \(line)")
                self.recorded.withLock { $0.append(line) }
            })
    }
}
