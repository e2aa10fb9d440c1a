import ChatModel
import EventLog
import SyncRules

/// A whole, valid configuration. Every value has been checked; paths are absolute or relative to
/// the working directory.
package struct MirrorSettings: Sendable {
    /// The file it was read from.
    package var file: String

    package var sdkAppID: Int64
    package var admin: UserID
    /// `https://host[:port]`, or `http://` to this machine.
    package var endpoint: String
    package var secretKeyFile: String?
    /// For how long a usersig of this program is valid.
    package var usersigLifetime = Duration.seconds(24 * 3600)

    package var usersFile: String?
    package var usersList: [UserID]

    package var database: String

    /// For each command.
    package var callsPerSecond = 200
    package var inFlight = 100
    package var timeout = Duration.seconds(10)
    package var margin = CallWindow.Margin.measured

    package var maxStaleness = Duration.seconds(4 * 3600)
    /// No user is polled more often.
    package var minInterval = Schedule.shortestInterval

    /// Where hints are taken; nil: beside the database.
    package var hintsSocketFile: String?

    package var guardLimits = DeletionGuard.Limits(
        share: 0.05, atLeast: 20, window: .seconds(600))
    package var listingCap = 0

    package var pushPolicy = PushPolicy()
    /// How long the name of a new group may be, in bytes.
    package var nameBytes = EditOperation.longestName
    /// How long settled edits and changes are kept; nil for ever.
    package var history: Duration? = .seconds(30 * 86_400)

    package var logLevel = LogLevel.info
    package var logFormat = LogFormat.logfmt

    /// The Unix socket on which hints are taken.
    package var hintsSocket: String { hintsSocketFile ?? database + ".hints" }

    /// A setting as `check` prints it and a reload compares it.
    package struct Entry: Sendable, Hashable {
        package let key: String
        package let value: String
        /// A reload takes it over; else it holds from the next start.
        package let isReloadable: Bool
    }

    /// All settings in the order of the file.
    package var entries: [Entry] {
        func entry(_ key: String, _ value: String, reloadable: Bool = false) -> Entry {
            Entry(key: key, value: value, isReloadable: reloadable)
        }
        return [
            entry("app.sdk_app_id", String(sdkAppID)),
            entry("app.admin", admin.string),
            entry("app.endpoint", endpoint),
            entry("app.secret_key_file", secretKeyFile ?? "", reloadable: true),
            entry("app.usersig_lifetime", SpanText.written(usersigLifetime)),
            entry("users.file", usersFile ?? "", reloadable: true),
            entry(
                "users.list", usersList.map(\.string).joined(separator: ", "), reloadable: true),
            entry("mirror.database", database),
            entry(
                "mirror.history", history.map(SpanText.written) ?? "forever", reloadable: true),
            entry("limits.calls_per_second", String(callsPerSecond)),
            entry("limits.in_flight", String(inFlight)),
            entry("limits.timeout", SpanText.written(timeout)),
            entry("limits.margin", margin.rawValue),
            entry("schedule.max_staleness", SpanText.written(maxStaleness), reloadable: true),
            entry("schedule.min_interval", SpanText.written(minInterval), reloadable: true),
            entry("hints.socket", hintsSocket),
            entry("push.conflicts", pushPolicy.conflicts.rawValue, reloadable: true),
            entry("push.missing_group", pushPolicy.missingGroup.rawValue, reloadable: true),
            entry("push.name_bytes", String(nameBytes), reloadable: true),
            entry("guard.emptied_users", guardLimits.written, reloadable: true),
            entry("guard.at_least", String(guardLimits.atLeast), reloadable: true),
            entry("guard.window", SpanText.written(guardLimits.window), reloadable: true),
            entry("guard.listing_cap", String(listingCap)),
            entry("log.level", logLevel.rawValue, reloadable: true),
            entry("log.format", logFormat.rawValue, reloadable: true),
        ]
    }
}

extension DeletionGuard.Limits {
    /// The share as people write it: `5%`, `2.5%`.
    fileprivate var written: String {
        let percent = share * 100
        return percent == percent.rounded() ? "\(Int(percent))%" : "\(percent)%"
    }
}

/// Spans as people write them: `250ms`, `10s`, `10m`, `4h`, `1d`.
package enum SpanText {
    private static let units: [(suffix: String, milliseconds: Int64)] = [
        ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]

    /// Reads a whole number with its unit; nil for anything else.
    package static func read(_ text: String) -> Duration? {
        let digits = text.prefix { $0.isNumber && $0.isASCII }
        let suffix = text.dropFirst(digits.count)
        guard let number = Int64(digits),
            let unit = units.first(where: { $0.suffix == suffix }),
            case (let milliseconds, false) = number.multipliedReportingOverflow(
                by: unit.milliseconds),
            milliseconds <= 10_000 * 86_400_000
        else { return nil }
        return .milliseconds(milliseconds)
    }

    /// In the largest unit that needs no fraction.
    package static func written(_ span: Duration) -> String {
        let milliseconds = span.milliseconds
        let unit = units.last { milliseconds % $0.milliseconds == 0 && milliseconds > 0 }
        return unit.map { "\(milliseconds / $0.milliseconds)\($0.suffix)" } ?? "\(milliseconds)ms"
    }
}
