import ChatModel
import SyncRules

// Plays a trace against a schedule, with a clock of its own: calls are made one after the other, each takes
// its share of a second, and a pull sees all that has changed until it is sent. What is measured begins two
// days later, when the schedule has learned.

/// One schedule on one trace.
package struct FreshnessRun: Sendable {
    /// What is to be compared.
    package enum Policy: Sendable {
        /// Users in turn.
        case roundRobin
        /// The program's own schedule.
        case expectedStaleness(Setup)
    }

    /// What the schedule is given.
    package struct Setup: Sendable {
        /// The schedule's limit.
        package var maxStaleness: Duration
        /// The day of the simulation at whose begin the program ends and is started again: it knows what was
        /// stored.
        package var restart: Int?
        /// It hears of changes that its own edits make.
        package var hearsOfOwnChanges = true
        /// By arrival.
        package var hints: [HintTrace.Notice] = []

        package init(maxStaleness: Duration) { self.maxStaleness = maxStaleness }
    }

    /// What a run came to.
    package struct Result: Sendable {
        package init() {}
        package fileprivate(set) var pulls = 0
        /// Over all pulls, their times and users: two runs with the same digest pulled the same.
        package fileprivate(set) var digest: UInt64 = 0
        /// Of all users, averaged over time: how many copies lacked a change.
        package fileprivate(set) var staleShare = 0.0
        /// Seconds from a change to the pull that saw it.
        package fileprivate(set) var lags = LagHistogram()
        package fileprivate(set) var longestGap = Duration.zero
        package fileprivate(set) var price = 0.0
        package fileprivate(set) var hitRate = 0.0
    }

    private let trace: TrafficTrace
    private let callMilliseconds: Double
    /// When measuring begins.
    private static let measured = TrafficTrace.start + 2 * TrafficTrace.day

    private var result = Result()
    private var order = FNV()
    /// By user: the first change that no pull has seen.
    private var unseen: [Int]
    private var pulledAt: [Int?]
    private var staleMilliseconds = 0

    private init(_ trace: TrafficTrace, callsPerSecond: Double) {
        self.trace = trace
        callMilliseconds = 1000 / callsPerSecond
        unseen = trace.costs.indices.map { trace.range(of: $0).lowerBound }
        pulledAt = Array(repeating: nil, count: trace.costs.count)
    }

    /// Runs the seven days.
    package static func run(
        _ trace: TrafficTrace, _ policy: Policy, callsPerSecond: Double
    ) -> Result {
        var run = FreshnessRun(trace, callsPerSecond: callsPerSecond)
        switch policy {
        case .roundRobin: run.runInTurn()
        case .expectedStaleness(let setup): run.runSchedule(setup, callsPerSecond)
        }
        return run.ended()
    }

    private mutating func runInTurn() {
        var calls = 0
        while true {
            for user in trace.costs.indices {
                let now = TrafficTrace.start + Int(Double(calls) * callMilliseconds)
                guard now < TrafficTrace.end else { return }
                _ = pull(user, at: now)
                calls += trace.costs[user]
            }
        }
    }

    private mutating func runSchedule(_ setup: Setup, _ callsPerSecond: Double) {
        var restart = setup.restart.map { TrafficTrace.start + $0 * TrafficTrace.day }
        var schedule = Schedule(maxStaleness: setup.maxStaleness)
        schedule.callsPerSecond = callsPerSecond
        for user in trace.costs.indices { schedule.add(UserNumber(user + 1)) }
        var own = (setup.hearsOfOwnChanges ? trace.ownChanges() : []).makeIterator()
        var hints = setup.hints.drop { $0.arrival < TrafficTrace.start }
        var nextOwn = own.next()
        var calls = 0
        while true {
            let now = TrafficTrace.start + Int(Double(calls) * callMilliseconds)
            guard now < TrafficTrace.end else { break }
            if let time = restart, now >= time {
                schedule = restarted(schedule, now: self.time(now))
                restart = nil
            }
            while let change = nextOwn, change.time <= now {
                schedule.changed(UserNumber(change.user + 1), now: time(change.time))
                nextOwn = own.next()
            }
            while let hint = hints.first, hint.arrival <= now {
                schedule.hint(
                    UserNumber(hint.user + 1), hint.kind, at: time(hint.at), now: time(hint.arrival)
                )
                hints.removeFirst()
            }
            guard case .user(let number) = schedule.take(now: time(now)) else {
                calls += 1
                continue
            }
            let user = Int(number) - 1
            let finding = pull(user, at: now)
            calls += trace.costs[user]
            schedule.finish(
                number, at: time(now), outcome: .pulled(finding), calls: trace.costs[user])
        }
        result.price = schedule.price
        result.hitRate = schedule.hitRateOfLooks
    }

    /// The schedule of a process that knows what an earlier one has stored.
    private func restarted(_ old: Schedule, now: MonotonicTime) -> Schedule {
        var new = Schedule(maxStaleness: old.maxStaleness)
        new.callsPerSecond = old.callsPerSecond
        let users = trace.costs.indices.map { UserNumber($0 + 1) }
        let rows = users.compactMap { user -> Schedule.PulledEarlier? in
            guard let pulled = old.lastPull(of: user), let known = old.knowledge(of: user) else {
                new.add(user)
                return nil
            }
            return Schedule.PulledEarlier(
                user: user, lastPull: pulled, evidence: known.evidence, calls: known.calls)
        }
        new.restore(rows.sorted { ($0.lastPull, $0.user) < ($1.lastPull, $1.user) })
        if let record = old.presenceRecord {
            new.restorePresence(record, of: users.filter(old.hasHints), now: now)
        }
        return new
    }

    private func time(_ milliseconds: Int) -> MonotonicTime {
        .zero + .milliseconds(milliseconds)
    }

    /// Pulls a user: its copy is up to date then.
    private mutating func pull(_ user: Int, at now: Int) -> PullFinding {
        result.pulls += 1
        order.mix(UInt64(now))
        order.mix(UInt64(user))
        let first = pulledAt[user] == nil
        if let before = pulledAt[user] {
            result.longestGap = max(result.longestGap, .milliseconds(now - before))
        }
        pulledAt[user] = now
        var newest: Int?
        var firstUnseen: Int?
        let range = trace.range(of: user)
        while unseen[user] < range.upperBound, trace.time(unseen[user]) <= now {
            let position = unseen[user]
            unseen[user] += 1
            newest = trace.time(position)
            // The mirror knows of what its own edits changed.
            if trace.isOwn(position) { continue }
            firstUnseen = firstUnseen ?? trace.time(position)
            if trace.time(position) >= Self.measured {
                result.lags.add(seconds: Double(now - trace.time(position)) / 1000)
            }
        }
        if !first, let firstUnseen { addStale(from: firstUnseen, to: now) }
        guard let newest, firstUnseen != nil else { return .unchanged }
        return .changed(age: .milliseconds(now - newest))
    }

    private mutating func addStale(from begin: Int, to end: Int) {
        staleMilliseconds += max(0, end - max(begin, Self.measured))
    }

    private mutating func ended() -> Result {
        for user in trace.costs.indices {
            let range = trace.range(of: user)
            let next = (unseen[user]..<range.upperBound).first { !trace.isOwn($0) }
            if let next { addStale(from: trace.time(next), to: TrafficTrace.end) }
            let gap = TrafficTrace.end - (pulledAt[user] ?? TrafficTrace.start)
            result.longestGap = max(result.longestGap, .milliseconds(gap))
        }
        let span = Double(TrafficTrace.end - Self.measured) * Double(trace.costs.count)
        result.staleShare = Double(staleMilliseconds) / span
        result.digest = order.value
        return result
    }
}

/// How long changes waited, in whole seconds.
package struct LagHistogram: Sendable {
    private var counts: [Int] = []
    private var sum = 0.0
    package private(set) var count = 0

    mutating func add(seconds: Double) {
        let place = Int(seconds)
        while counts.count <= place { counts.append(0) }
        counts[place] += 1
        sum += seconds
        count += 1
    }

    package var mean: Double { count == 0 ? 0 : sum / Double(count) }

    /// The seconds that `share` of the changes waited at most.
    package func percentile(_ share: Double) -> Double {
        var left = Int((Double(count) * share).rounded(.up))
        for (seconds, number) in counts.enumerated() {
            left -= number
            if left <= 0 { return Double(seconds) }
        }
        return 0
    }
}

extension TrafficTrace {
    /// The changes that our own edits made, in the order of time.
    fileprivate func ownChanges() -> [(time: Int, user: Int)] {
        costs.indices.flatMap { user in
            range(of: user).filter(isOwn).map { (time($0), user) }
        }.sorted { ($0.0, $0.1) < ($1.0, $1.1) }
    }
}
