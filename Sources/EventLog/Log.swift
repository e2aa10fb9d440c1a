import ChatModel
import Synchronization

/// How much is logged; ordered.
package enum LogLevel: String, Sendable, CaseIterable, Comparable {
    case debug, info, warning, error

    package static func < (left: LogLevel, right: LogLevel) -> Bool { left.rank < right.rank }

    private var rank: Int {
        switch self {
        case .debug: 0
        case .info: 1
        case .warning: 2
        case .error: 3
        }
    }
}

/// How a line is written.
package enum LogFormat: String, Sendable, CaseIterable {
    case logfmt, json
}

/// Writes events as lines. Thread-safe; a reload changes level and format in place.
package final class Log: Sendable {
    /// What a reload can change.
    private struct Settings {
        var level: LogLevel
        var format: LogFormat
    }

    private let settings: Mutex<Settings>
    private let app: Int64
    private let time: any Timekeeper
    private let write: @Sendable (String, LogLevel) -> Void
    package let redactor: Redactor

    /// - Parameters:
    ///   - app: the SDKAppID, in the head of each line.
    ///   - write: takes one line with its line feed and its level; called in the order of the events
    ///     of a thread. Must not wait.
    package init(
        app: Int64, level: LogLevel, format: LogFormat, time: any Timekeeper, redactor: Redactor,
        write: @escaping @Sendable (String, LogLevel) -> Void
    ) {
        self.app = app
        self.time = time
        self.redactor = redactor
        self.write = write
        settings = Mutex(Settings(level: level, format: format))
    }

    /// Takes over another level and format, as a reload does.
    package func set(level: LogLevel, format: LogFormat) {
        settings.withLock { $0 = Settings(level: level, format: format) }
    }

    /// Writes the event as one line, if its level is logged; secrets in it are masked.
    package func callAsFunction(_ event: Event) {
        let current = settings.withLock { $0 }
        guard event.level >= current.level else { return }
        let line = LogLine(event: event, app: app, time: time.wallTime(), redactor: redactor)
        write(line.rendered(as: current.format) + "\n", event.level)
    }
}

/// One event as one line: the fixed head, then the event's own fields in their fixed order.
struct LogLine {
    private let fields: [(key: String, value: LogValue)]

    init(event: Event, app: Int64, time: WallTime, redactor: Redactor) {
        let head: [(key: String, value: LogValue)] = [
            ("ts", .text(time.precise)), ("level", .text(event.level.rawValue)),
            ("event", .text(event.name)), ("app", .number(app)),
        ]
        fields =
            head
            + event.fields.map { field in
                guard case .text(let text) = field.value else { return (field.key, field.value) }
                return (field.key, .text(redactor.clean(text)))
            }
    }

    /// One line, without its end.
    func rendered(as format: LogFormat) -> String {
        switch format {
        case .logfmt: fields.map { "\($0.key)=\($0.value.logfmt)" }.joined(separator: " ")
        case .json:
            "{" + fields.map { "\"\($0.key)\":\($0.value.json)" }.joined(separator: ",") + "}"
        }
    }
}
