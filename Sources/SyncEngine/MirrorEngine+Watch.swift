import ChatAPI
import ChatModel
import EventLog
import MirrorStore
import SyncRules

// The second loop: what other processes wrote into the database, what is to be written for them,
// and the numbers.

extension MirrorEngine {
    /// How often the database is looked at, and the dispatcher at the clock.
    static let glance = Duration.milliseconds(100)
    private static let report = Duration.seconds(1)
    private static let statistics = Duration.seconds(15)
    private static let pruning = Duration.seconds(60)

    func watch() async {
        var lastReport = parts.time.now()
        var nextStatistics = parts.time.now() + Self.statistics
        var nextPruning = parts.time.now() + Self.pruning
        var calendar = CalendarWatch(now: parts.time.now(), wall: parts.time.wallTime())
        await look()
        while !isStopping {
            try? await parts.time.sleep(for: Self.glance)
            wakeDispatcher()
            await look()
            let now = parts.time.now()
            if now >= lastReport + Self.report || mustReport {
                mustReport = false
                await commits.flush(takeProgress() + entries(of: await state()))
                lastReport = now
            }
            if now >= nextStatistics {
                await logStatistics()
                nextStatistics = now + Self.statistics
            }
            if now >= nextPruning {
                if calendar.isSteady(now: now, wall: parts.time.wallTime()) { await prune() }
                nextPruning = parts.time.now() + Self.pruning
            }
        }
    }

    /// The last words, when no pass runs any more.
    func finishWatching() async {
        await logStatistics()
        var state = await state()
        state.cloud = "stopped"
        await commits.flush(takeProgress() + entries(of: state))
    }

    /// A command that serves its own request is no daemon, and leaves no trace of one.
    private func entries(of state: DaemonState) -> [StoreEntry] {
        settings.onlyRequest == nil ? [.daemon(state)] : []
    }

    /// Takes in what other processes have written. What cannot be read is read at the next glance:
    /// the news that there is something to be read come only once.
    private func look() async {
        do {
            if try await parts.store.wasWrittenByOthers() { mustLook = true }
            guard mustLook else { return }
            if !isOutboxOpen { try await openOutbox() }
            await take(try await parts.store.openRequests())
            try await takeNews()
            for user in await guardian.take(try await parts.store.holds()) {
                schedule.nudge(user)
            }
            mustLook = false
        } catch {
            // Commits report a store that is not well.
        }
    }

    private func state() async -> DaemonState {
        let now = parts.time.now()
        let wall = parts.time.wallTime()
        let counted = parts.counters.totals
        var state = DaemonState(
            version: settings.version, pid: settings.pid, startedAt: wall + (startedAt - now),
            at: wall)
        let cloud = cloudState
        state.cloud = cloud.word
        state.cloudCode = cloud.code
        state.cloudProblem = parts.log.redactor.clean(cloud.problem)
        state.callsPerSecond = Double(parts.counters.lastSecond(at: now))
        state.allowed = await parts.gate.allowed(.getContactGroup)
        state.calls = counted.sent
        state.throttled = counted.throttled
        state.passes = totals.passes
        state.changes = totals.changes
        return state
    }

    private func logStatistics() async {
        let counted = parts.counters.totals
        for command in Command.allCases {
            for (code, total) in (counted.calls[command] ?? [:]).sorted(by: { $0.key < $1.key }) {
                parts.log(.calls(command: command.rawValue, code: code, total: total))
            }
        }
        var stats = await stats(counted)
        if let outbox = try? await parts.store.outboxTotals() {
            stats.outboxOpen = outbox.open
            stats.outboxRejected = outbox.rejected
            stats.outboxOldest = outbox.oldest.map { max(.zero, parts.time.wallTime() - $0) }
        }
        parts.log(.stats(stats))
    }

    private func stats(_ counted: CallCounters.Totals) async -> Stats {
        var stats = Stats()
        stats.calls = counted.sent
        stats.widestSecond = counted.widestSecond
        stats.throttled = counted.throttled
        stats.users = schedule.count
        stats.parked = troubles.values.count(where: \.isParked)
        stats.failing = troubles.count - stats.parked
        stats.held = await guardian.heldCount
        countAges(&stats)
        stats.passes = totals.passes
        stats.unchanged = totals.unchanged
        stats.changes = totals.changes
        stats.backlog = schedule.backlog + comparisons.count
        stats.inFlight = running
        stats.allowed = await parts.gate.allowed(.getContactGroup)
        return stats
    }

    /// Above so many users the percentiles are taken of a sample; the longest age is always of all.
    private static let sample: UserNumber = 20_000

    private func countAges(_ stats: inout Stats) {
        let now = parts.time.now()
        let step = max(1, roster.highest / Self.sample)
        var ages: [Duration] = []
        // A user that is not imported is reported as parked, and not as too old for ever.
        for user in 1...max(1, roster.highest)
        where schedule.contains(user) && troubles[user]?.isParked != true {
            guard let pulled = schedule.lastPull(of: user) else {
                if troubles[user] == nil { stats.new += 1 }
                continue
            }
            let age = now - pulled
            if age > schedule.maxStaleness { stats.stale += 1 } else { stats.fresh += 1 }
            stats.lag.longest = max(stats.lag.longest, age)
            if user % step == 0 { ages.append(age) }
        }
        ages.sort()
        if !ages.isEmpty {
            stats.lag.p50 = ages[ages.count / 2]
            stats.lag.p99 = ages[min(ages.count - 1, ages.count * 99 / 100)]
        }
    }
}
