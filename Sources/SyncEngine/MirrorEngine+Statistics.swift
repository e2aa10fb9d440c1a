import ChatAPI
import ChatModel
import EventLog
import MirrorStore
import SyncRules

// The numbers of the log, every 15 seconds.

extension MirrorEngine {
    func logStatistics() async {
        let counted = parts.counters.totals
        for command in Command.allCases {
            for (code, total) in (counted.calls[command] ?? [:]).sorted(by: { $0.key < $1.key }) {
                parts.log(.calls(command: command.rawValue, code: code, total: total))
            }
        }
        parts.log(.latency(of: "calls", counted.took))
        parts.log(.latency(of: "passes", totals.took))
        var stats = await stats(counted)
        if let outbox = try? await parts.store.outboxTotals() {
            stats.outboxOpen = outbox.open
            stats.outboxWaiting = outbox.waiting
            stats.outboxRejected = outbox.rejected
            stats.outboxOldest = outbox.oldest.map { max(.zero, parts.time.wallTime() - $0) }
        }
        parts.log(.stats(stats))
    }

    private func stats(_ counted: CallCounters.Totals) async -> Stats {
        var stats = Stats()
        stats.cloud = cloud.shown.word
        stats.calls = counted.sent
        stats.widestSecond = counted.widestSecond
        stats.throttled = counted.throttled
        stats.limit = await parts.gate.limit(.getContactGroup)
        stats.allowed = await parts.gate.allowed(.getContactGroup)
        stats.users = schedule.count
        stats.parked = failing.parked
        stats.failing = failing.count - stats.parked
        (stats.held, stats.heldUndecided, stats.isGuardTripped) = await deletionHolds.state
        await countAges(&stats)
        noteReach()
        stats.maxStaleness = schedule.maxStaleness
        stats.limitOfStaleness = schedule.limit
        stats.sweep = schedule.sweep
        stats.price = schedule.price
        stats.expectedFresh = forecast?.fresh
        stats.round = round.last
        stats.passes = totals.passes
        stats.unchanged = totals.unchanged
        stats.changes = totals.changes
        stats.backlog = schedule.backlog + comparisons.count
        stats.inFlight = running
        stats.editsApplied = totals.editsApplied
        stats.editsRejected = totals.editsRejected
        stats.hints = hints.taken
        stats.hintsUseless = hints.useless
        stats.hintsUnknown = hints.unknown
        stats.hintsDropped = hints.dropped + hints.faulty
        stats.store = await commits.problem == nil ? "ok" : "failing"
        stats.process = parts.process()
        return stats
    }

    /// Above so many users the percentiles are taken of a sample; the longest age is always of all.
    private static let sample: UserNumber = 20_000

    private func noteReach() {
        let isOutOfReach = reach.look(
            maxStaleness: schedule.maxStaleness, limit: schedule.limit)
        switch isOutOfReach {
        case true?:
            parts.log(
                .stalenessOutOfReach(
                    maxStaleness: schedule.maxStaleness, limit: schedule.limit,
                    sweep: schedule.sweep))
        case false?: parts.log(.stalenessInReach(maxStaleness: schedule.maxStaleness))
        case nil: break
        }
    }

    /// Users whose copies are looked at in one go: a million would keep every call waiting.
    private static let atOnce: UserNumber = 20_000

    private func countAges(_ stats: inout Stats) async {
        var forecast = Forecast()
        var ages: [Duration] = []
        var next: UserNumber = 1
        while next <= users.highest {
            let last = min(users.highest, next + Self.atOnce - 1)
            count(next...last, &stats, &forecast, &ages)
            next = last + 1
            await Task.yield()
        }
        self.forecast = forecast
        ages.sort()
        if !ages.isEmpty {
            stats.lag.p50 = ages[ages.count / 2]
            stats.lag.p99 = ages[min(ages.count - 1, ages.count * 99 / 100)]
        }
    }

    private func count(
        _ range: ClosedRange<UserNumber>, _ stats: inout Stats, _ forecast: inout Forecast,
        _ ages: inout [Duration]
    ) {
        let now = parts.time.now()
        let step = max(1, users.highest / Self.sample)
        // A user that is not imported is reported as parked, and not as too old for ever.
        for user in range where schedule.contains(user) && !failing.isParked(user) {
            guard let pulled = schedule.lastPull(of: user) else {
                if !failing.contains(user) { stats.new += 1 }
                continue
            }
            let age = now - pulled
            forecast.add(chance: schedule.chanceOfStaleness(of: user, now: now))
            if age > schedule.maxStaleness { stats.stale += 1 } else { stats.fresh += 1 }
            stats.lag.longest = max(stats.lag.longest, age)
            if user % step == 0 { ages.append(age) }
        }
    }
}
