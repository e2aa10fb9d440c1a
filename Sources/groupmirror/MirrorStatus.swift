import ChatAPI
import ChatModel
import Daemon
import MirrorConfiguration
import MirrorStore
import SyncEngine
import SyncRules
import HostSystem

/// Everything that `status` shows, of one moment.
struct MirrorStatus {
    let settings: MirrorSettings
    let now: WallTime
    /// The daemon's process; nil when none runs.
    let process: Int32?
    /// A command that calls the cloud itself.
    let command: Int32?
    /// When the daemon took the lock; nil when none runs, or that cannot be seen.
    let lockedSince: WallTime?
    let daemon: DaemonState?
    /// What the daemon said last, whether the database could be written or not.
    let heartbeat: Heartbeat?
    let states: [String: Int]
    let oldestPull: WallTime?
    let lastChange: Int64
    let undecided: Int
    let outbox: OutboxTotals
    /// Where the deletion guard tripped last; nil when it never did.
    let guardTrip: (seq: Int64, at: WallTime, believed: Int)?

    init(_ settings: MirrorSettings, _ time: any Timekeeper) throws {
        try self.init(
            settings, time,
            MirrorReader(path: settings.database, sdkAppID: settings.sdkAppID))
    }

    /// - Parameter reader: of the mirror that the settings name.
    init(_ settings: MirrorSettings, _ time: any Timekeeper, _ reader: MirrorReader) throws {
        self.settings = settings
        now = time.wallTime()
        let holder = LockFile.holder(database: settings.database)
        process = holder.flatMap { $0.isDaemon ? $0.process : nil }
        command = holder.flatMap { $0.isDaemon ? nil : $0.process }
        lockedSince = holder.flatMap { $0.isDaemon ? $0.since : nil }
        daemon = process == nil ? try reader.daemon() : try reader.daemon(of: holder)
        heartbeat = process.flatMap {
            Heartbeat(database: settings.database, of: $0, now: time.now())
        }
        states = try reader.states()
        oldestPull = try reader.oldestPull()
        lastChange = try reader.lastChange()
        undecided = try reader.held().count { $0.decision == nil }
        outbox = try reader.outboxTotals()
        guardTrip = try reader.lastGuardTrip()
    }

    var needsOperator: Bool { undecided > 0 || outbox.rejected > 0 }

    /// The daemon holds its lock and has been silent for longer than it may.
    var isSilent: Bool {
        if let heartbeat { return heartbeat.isSilent }
        // A daemon gives its first heartbeat right after it has taken the lock.
        return lockedSince.map { now - $0 > PulseFile.patience } ?? false
    }

    /// Since when, of one that is silent: a time, or words.
    var silentSince: String {
        (heartbeat?.at ?? lockedSince)?.description ?? "its start"
    }

    /// No daemon keeps the mirror up to date, and it is out of date.
    var isLeftAlone: Bool {
        process == nil && command == nil && (states["stale"] != nil || states["new"] != nil)
    }

    var exitStatus: ExitStatus {
        if isSilent { return .cloudUnavailable }
        if heartbeat?.pulse.storeProblem != nil { return .storage }
        if needsOperator { return .operatorNeeded }
        return isLeftAlone ? .someUsersFailed : .done
    }

    private static let order = [
        "fresh", "stale", "new", "failing", "held", "parked", "unlisted",
    ]

    /// Users in the list.
    var listed: Int {
        states.filter { $0.key != "unlisted" }.values.reduce(0, +)
    }

    func print(as format: OutputFormat) {
        switch format {
        case .text: Output.table(rows)
        case .json: Output.data(json)
        }
    }

    /// Its first lines, for a screen.
    var headlines: [String] {
        rows.filter {
            ["app", "daemon", "cloud", "database", "outbox", "held", "guard", "clock"].contains(
                $0[0])
        }
        .map { $0[0].padded(to: 9) + Output.shown($0[1]) }
    }

    /// A label and what stands beside it; advice has a line of its own, without a label.
    private var rows: [[String]] {
        var rows = [["app", "\(settings.sdkAppID), \(settings.database)"]]
        func add(_ label: String, _ words: String, _ advice: String? = nil) {
            rows.append([label, words])
            if let advice { rows.append(["", advice]) }
        }
        add("daemon", daemonText.words, daemonText.advice)
        add("cloud", cloudText.words, cloudText.problem)
        if let throttled = running?.throttled, throttled > 0 {
            add(
                "limit", "the cloud refused \(throttled) calls as too many since the start",
                "if the number grows, another program may be calling for this app: lower limits.calls_per_second"
            )
        }
        if let problem = heartbeat?.pulse.storeProblem {
            add("database", "cannot be written: \(Output.shown(problem))")
        }
        if heartbeat?.pulse.isReloadRejected ?? false {
            add("reload", Pulse.reloadRejected, "groupmirror check")
        }
        if let offset = heartbeat?.pulse.clockOffset {
            add("clock", "\(offset.asClockOffset) the cloud's", "set the clock")
        }
        if let oldestPull { add("oldest", "copy pulled \(spokenAgo(now - oldestPull))") }
        let inEachState = Self.order.compactMap { state in
            states[state].map { "\($0) \(state)" }
        }
        add("users", "\(listed): " + inEachState.joined(separator: ", "), usersAdvice)
        if let round = running?.lastRound {
            add(
                "round",
                "the last full one took \(spoken(round.took)) and ended \(spokenAgo(now - round.endedAt))"
            )
        }
        if let daemon = running, daemon.sweep > .zero { rows += scheduleRows(daemon) }
        add("changes", "\(lastChange)")
        add("outbox", outboxText, outbox.rejected > 0 ? "groupmirror outbox list" : nil)
        if undecided > 0 {
            add("held", "\(undecided) users wait for an operator", "groupmirror held list")
        }
        if let guardTrip, undecided > 0 {
            add(
                "guard",
                "tripped \(spokenAgo(now - guardTrip.at)), after \(counted(guardTrip.believed, "user")) that had "
                    + "lost everything had been believed",
                "what they lost: groupmirror changes, up to number \(guardTrip.seq)")
        }
        return rows
    }

    private func scheduleRows(_ daemon: DaemonState) -> [[String]] {
        let price = Duration.milliseconds(Int64(daemon.price * 1000))
        var rows = [
            [
                "schedule",
                "copies are pulled when expected to be \(spokenStaleness(price)) stale, and within "
                    + spoken(daemon.limit),
            ],
            ["", "one pull of all takes \(spoken(daemon.sweep))"],
        ]
        if let fresh = daemon.expectedFresh {
            rows[1][1] +=
                "; \(decimals(fresh * 100, 1)) % of the copies are expected to lack nothing"
        }
        if daemon.limit > settings.maxStaleness {
            rows.append([
                "",
                "too many users for schedule.max_staleness (\(spoken(settings.maxStaleness))): raise it, or allow "
                    + "more calls",
            ])
        }
        return rows
    }

    private var usersAdvice: String? {
        let failing = (states["failing"] ?? 0) > 0
        return failing ? "groupmirror users --state failing" : nil
    }

    private var outboxText: String {
        var parts = ["\(outbox.open) open"]
        if let oldest = outbox.oldest {
            parts.append("the oldest queued \(spokenAgo(now - oldest))")
        }
        if outbox.rejected > 0 {
            parts.append("\(outbox.rejected) rejected, \(outbox.waiting) behind them")
        }
        return parts.joined(separator: ", ")
    }

    private var daemonText: (words: String, advice: String?) {
        if let command {
            return ("not running; a command (process \(command)) calls the cloud", nil)
        }
        guard let process else {
            let seen = daemon.map { "not running; last seen \($0.at)" } ?? "has never run"
            return (seen, isLeftAlone ? "the mirror is out of date: start the daemon" : nil)
        }
        if isSilent {
            return (
                "process \(process) has not responded since \(silentSince)",
                "look at its log, or restart it"
            )
        }
        guard let daemon else { return ("running (process \(process)), starting", nil) }
        return (
            "running (process \(process)) since \(daemon.startedAt), version \(daemon.version)", nil
        )
    }

    /// By the heartbeat, which is written also while the database cannot be written.
    private func cloudWord(of daemon: DaemonState) -> String {
        guard let pulse = heartbeat?.pulse, pulse != .starting else { return daemon.cloud }
        return pulse.cloud
    }

    private var cloudText: (words: String, problem: String?) {
        guard process != nil, let daemon else {
            guard let daemon, daemon.cloud == "refused" else { return ("not called", nil) }
            return ("refused the last daemon", Output.shown(daemon.cloudProblem))
        }
        if isSilent { return ("not known: the daemon does not respond", nil) }
        let problem = heartbeat?.pulse.cloudProblem ?? daemon.cloudProblem
        return (
            "\(cloudWord(of: daemon)); \(Int(daemon.callsPerSecond)) calls/s "
                + "(limit \(daemon.allowed) for each of \(Command.allCases.count) commands)",
            problem.isEmpty ? nil : Output.shown(problem)
        )
    }

    private var json: String {
        JSONText.object([
            "json_version": "1", "app": JSONText.number(settings.sdkAppID),
            "database": JSONText.string(settings.database),
            "running": process == nil ? "false" : "true", "pid": JSONText.number(process),
            "started_at": JSONText.string(daemon?.startedAt.description),
            "seen_at": JSONText.string(daemon?.at.description),
            "responding": process == nil ? "null" : isSilent ? "false" : "true",
            "store_problem": JSONText.string(heartbeat?.pulse.storeProblem),
            "clock_offset_s": JSONText.number(
                heartbeat?.pulse.clockOffset.map { $0.milliseconds / 1000 }),
            "cloud": JSONText.string(running.map(cloudWord) ?? "not called"),
            "cloud_code": JSONText.number(running?.cloudCode),
            "cloud_problem": JSONText.string(running?.cloudProblem),
            "calls_per_second": running.map { String($0.callsPerSecond) },
            "allowed": JSONText.number(running?.allowed),
            "calls": JSONText.number(daemon?.calls),
            "throttled": JSONText.number(daemon?.throttled),
            "users": JSONText.number(listed), "fresh": count("fresh"), "stale": count("stale"),
            "new": count("new"), "failing": count("failing"), "held": count("held"),
            "parked": count("parked"), "unlisted": count("unlisted"),
            "undecided": JSONText.number(undecided),
            "edits_open": JSONText.number(outbox.open),
            "edits_sending": JSONText.number(outbox.sending),
            "edits_rejected": JSONText.number(outbox.rejected),
            "edits_waiting": JSONText.number(outbox.waiting),
            "oldest_edit": JSONText.string(outbox.oldest?.description),
            "oldest_pull": JSONText.string(oldestPull?.description),
            "last_change": JSONText.number(lastChange),
            "round_ended_at": JSONText.string(running?.lastRound?.endedAt.description),
            "round_s": JSONText.number(running?.lastRound.map { $0.took.milliseconds / 1000 }),
            "price_s": running.map { decimals($0.price, 3) },
            "sweep_s": running.map { decimals($0.sweep.inSeconds, 3) },
            "staleness_limit_s": running.map { decimals($0.limit.inSeconds, 3) },
            "expected_fresh": running?.expectedFresh.map { decimals($0, 4) },
            "guard_tripped_at": JSONText.string(guardTrip?.at.description),
            "guard_tripped_seq": JSONText.number(guardTrip?.seq),
            "guard_believed": JSONText.number(guardTrip?.believed),
        ])
    }

    /// What the daemon says of itself, while it runs.
    private var running: DaemonState? { process == nil ? nil : daemon }

    private func count(_ state: String) -> String { JSONText.number(states[state] ?? 0) }
}
