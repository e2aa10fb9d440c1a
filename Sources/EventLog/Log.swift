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
    private struct Settings {
        var level: LogLevel
        var format: LogFormat
    }

    private let settings: Mutex<Settings>
    private let app: Int64
    private let time: any Timekeeper
    private let write: @Sendable (String) -> Void
    package let redactor: Redactor

    /// - Parameters:
    ///   - app: the SDKAppID, in the head of each line.
    ///   - write: takes one line with its line feed; called in the order of the events of a thread.
    package init(
        app: Int64, level: LogLevel, format: LogFormat, time: any Timekeeper, redactor: Redactor,
        write: @escaping @Sendable (String) -> Void
    ) {
        self.app = app
        self.time = time
        self.redactor = redactor
        self.write = write
        settings = Mutex(Settings(level: level, format: format))
    }

    package func set(level: LogLevel, format: LogFormat) {
        settings.withLock { $0 = Settings(level: level, format: format) }
    }

    package func callAsFunction(_ event: @autoclosure () -> Event, at level: LogLevel) {
        let current = settings.withLock { $0 }
        guard level >= current.level else { return }
        let line = LogLine(event: event(), app: app, time: time.wallTime(), redactor: redactor)
        write(line.rendered(as: current.format) + "\n")
    }

    package func callAsFunction(_ event: Event) {
        self(event, at: event.kind.level)
    }
}

/// One event as one line: the fixed head, then the event's own fields in their fixed order.
struct LogLine {
    private let fields: [(key: String, value: LogValue)]

    init(event: Event, app: Int64, time: WallTime, redactor: Redactor) {
        let keys = event.kind.fields.map(\.key)
        precondition(
            keys.count == event.values.count,
            "event \(event.kind.rawValue) has \(event.values.count) values for \(keys.count) keys")
        let head: [(key: String, value: LogValue)] = [
            ("ts", .text(time.precise)), ("level", .text(event.kind.level.rawValue)),
            ("event", .text(event.kind.rawValue)), ("app", .number(app)),
        ]
        fields =
            head
            + zip(keys, event.values).map { key, value in
                guard case .text(let text) = value else { return (key, value) }
                return (key, .text(redactor.clean(text)))
            }
    }

    func rendered(as format: LogFormat) -> String {
        switch format {
        case .logfmt: fields.map { "\($0.key)=\($0.value.logfmt)" }.joined(separator: " ")
        case .json:
            "{" + fields.map { "\"\($0.key)\":\($0.value.json)" }.joined(separator: ",") + "}"
        }
    }
}
