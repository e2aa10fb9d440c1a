// The numbers, every 15 seconds: what an alert needs must not have to be reckoned from transitions.

extension Event {
    /// The counters of one command and one of the cloud's codes, since the start.
    package static func calls(command: String, code: String, total: Int) -> Event {
        Event(
            "calls", .info,
            "calls since the start, one line for each command and code, every 15 s",
            .command(command), .text("code", code, "`0`, the cloud's code, or `network`"),
            .count("total", total, "calls"))
    }

    /// How long calls or passes took, since the start.
    /// - Parameter of: `calls` or `passes`.
    package static func latency(of subject: String, _ histogram: Histogram) -> Event {
        Event(
            "latency", .info,
            "how long calls and passes took since the start, as cumulative buckets, a line for each, every 15 s",
            do: "nothing",
            fields: [.text("of", subject, "`calls` (from sending to the reply) or `passes`")]
                + zip(Histogram.bounds, histogram.cumulative).map { bound, count in
                    .count("le_\(bound)_ms", count, "that took at most \(bound) ms")
                }
                + [
                    .count("count", histogram.count, "all of them"),
                    .milliseconds("sum", histogram.sum, "milliseconds, of all together"),
                ])
    }

    package static func stats(_ stats: Stats) -> Event {
        Event(
            "stats", .info, "absolute counters and the state of everything, every 15 s",
            do:
                "alert on `stale`, on `cloud`, `store` and `guard`, and on `lag_max_s`, `outbox_oldest_s` or `outbox_rejected` growing",
            fields: stats.calling + stats.mirroring + stats.editing + stats.process.fields)
    }
}

extension Stats {
    fileprivate var calling: [EventField] {
        [
            .text(
                "cloud", cloud,
                "`accepting`, `refused`, `unreachable`, `clock_off` or `unknown`"),
            .count("calls", calls, "since the start"),
            .count("widest_second", widestSecond, "most calls of one command sent in any second"),
            .count("throttled", throttled, "calls that the cloud found too many"),
            .count("limit", limit, "get calls a second configured"),
            .count("allowed", allowed, "get calls a second allowed now"),
        ]
    }

    fileprivate var mirroring: [EventField] {
        [
            .count("users", users, "in the list"),
            .count("fresh", fresh, "pulled within `max_staleness`"),
            .count("stale", stale, "not pulled within it, parked ones apart"),
            .count("new", new, "never pulled yet"), .count("failing", failing, "last pass failed"),
            .count("held", held, "users whose deletions are held, decided or not"),
            .count("held_undecided", heldUndecided, "of them, those that wait for an operator"),
            .count("parked", parked, "not imported in the cloud"),
            .flag("guard", isGuardTripped, "whether the deletion guard is tripped"),
            .seconds("lag_p50", lag.p50, "seconds since the last pull, median"),
            .seconds("lag_p99", lag.p99, "99th percentile"),
            .seconds("lag_max", lag.longest, "of the user waiting longest"),
            .seconds("max_staleness", maxStaleness, "as configured"),
            .seconds(
                "staleness_limit", limitOfStaleness,
                "no user goes unpulled for longer: `max_staleness`, or 1.25 sweeps where that is more"
            ),
            .seconds("sweep", sweep, "one pull of every user, with all the calls that are allowed"),
            .decimal(
                "price_s", price,
                "expected staleness at which users are pulled, in seconds for each call"),
            .decimal(
                "expected_fresh", expectedFresh,
                "share of the users whose copies lack nothing, as expected; `-` before"),
            .seconds("round", round, "of the last full round through all users; `-` before"),
            .count("hints", hints, "since the start, those that moved a pull, or may"),
            .count("hints_useless", hintsUseless, "doubled, overtaken or older than the last pull"),
            .count("hints_unknown", hintsUnknown, "about users who are not in the list"),
            .count("hints_dropped", hintsDropped, "too many in a second, or none by their form"),
            .count("passes", passes, "since the start"),
            .count("unchanged", unchanged, "of them without any difference"),
            .count("changes", changes, "found since the start"),
            .count(
                "queue", backlog,
                "users asked for, to be compared, new or due again after a failure, not started"),
            .count("in_flight", inFlight, "passes running"),
        ]
    }

    fileprivate var editing: [EventField] {
        [
            .count("outbox_open", outboxOpen, "edits queued or being sent"),
            .count("outbox_waiting", outboxWaiting, "of them, those behind a rejected one"),
            .seconds("outbox_oldest", outboxOldest ?? .zero, "since the oldest was queued"),
            .count("outbox_rejected", outboxRejected, "edits that wait for an operator"),
            .count("edits_applied", editsApplied, "since the start, those without a call included"),
            .count("edits_rejected", editsRejected, "since the start"),
            .text("store", store, "`ok`, or `failing` while the database cannot be written"),
        ]
    }
}

extension ProcessNumbers {
    fileprivate var fields: [EventField] {
        [
            .seconds("uptime", uptime, "since the start"),
            .number("rss_bytes", residentBytes, "memory in use"),
            .seconds("cpu", processorTime, "processor time since the start"),
            .number("db_bytes", databaseBytes, "size of the database file"),
            .number("wal_bytes", logBytes, "size of its write-ahead log"),
            .number("disk_free_bytes", freeBytes, "left on the file system of the database"),
            .flag("reload_ok", isReloadGood, "false after a reload that was rejected"),
            .seconds("signature_expires", signatureExpires, "until the usersig expires"),
            .count("log_dropped", logDropped, "lines of the log that could not be written"),
            .count(
                "loop_blocked", loopBlocked,
                "jobs that kept the daemon's thread from all others for over 50 ms"),
        ]
    }
}

/// The numbers of a `stats` line. Totals count from the start of the process; the others are of
/// this moment.
package struct Stats: Sendable {
    package var cloud = "unknown"
    package var calls = 0
    package var widestSecond = 0
    package var throttled = 0
    package var limit = 0
    package var allowed = 0
    package var users = 0
    package var fresh = 0
    package var stale = 0
    package var new = 0
    package var failing = 0
    package var held = 0
    package var heldUndecided = 0
    package var parked = 0
    package var isGuardTripped = false
    package var lag = Lag()
    package var maxStaleness = Duration.zero
    /// No user goes unpulled for longer.
    package var limitOfStaleness = Duration.zero
    /// One pull of every user, with all the calls that are allowed.
    package var sweep = Duration.zero
    /// The expected staleness in seconds at which users are pulled.
    package var price = 0.0
    /// Share of the users whose copies lack nothing, as expected; nil before the first reckoning.
    package var expectedFresh: Double?
    package var hints = 0
    package var hintsUseless = 0
    package var hintsUnknown = 0
    package var hintsDropped = 0
    /// nil before the first full round.
    package var round: Duration?
    package var passes = 0
    package var unchanged = 0
    package var changes = 0
    package var backlog = 0
    package var inFlight = 0
    package var outboxOpen = 0
    package var outboxWaiting = 0
    /// Since the oldest open edit was queued; nil when none is open.
    package var outboxOldest: Duration?
    package var outboxRejected = 0
    package var editsApplied = 0
    package var editsRejected = 0
    package var store = "ok"
    package var process = ProcessNumbers()

    /// The age of the copies: now less the time each was last pulled.
    package struct Lag: Sendable {
        package var p50 = Duration.zero
        package var p99 = Duration.zero
        package var longest = Duration.zero

        package init() {}
    }

    package init() {}
}

/// What only the process around the engine knows.
package struct ProcessNumbers: Sendable {
    package var uptime = Duration.zero
    package var residentBytes: Int64 = 0
    package var processorTime = Duration.zero
    package var databaseBytes: Int64 = 0
    package var logBytes: Int64 = 0
    package var freeBytes: Int64 = 0
    package var isReloadGood = true
    /// nil before the first signature.
    package var signatureExpires: Duration?
    package var logDropped = 0
    package var loopBlocked = 0

    package init() {}
}

/// Durations counted in buckets, for percentiles that a monitoring system computes.
package struct Histogram: Sendable {
    /// Upper bounds in milliseconds.
    static let bounds = [10, 30, 100, 300, 1000, 3000, 10_000, 30_000]

    private var buckets = [Int](repeating: 0, count: bounds.count)
    package private(set) var count = 0
    package private(set) var sum = Duration.zero

    package init() {}

    /// Counts one more that took so long.
    package mutating func add(_ span: Duration) {
        count += 1
        sum += span
        let bucket = Self.bounds.firstIndex { span <= .milliseconds($0) }
        if let bucket { buckets[bucket] += 1 }
    }

    /// For each bound, how many took no longer.
    var cumulative: [Int] {
        var total = 0
        return buckets.map { count in
            total += count
            return total
        }
    }
}
