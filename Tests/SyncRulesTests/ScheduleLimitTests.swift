import ChatModel
import SyncRules
import Testing

// No user goes unpulled for longer than the limit: whatever pulls cost, whoever comes, whoever changes.

@Suite struct NoUserWaitsLongerThanTheLimit {
    /// Users of one schedule, and when each was pulled.
    private struct Watched {
        var schedule: Schedule
        var random: SeededGenerator
        var now = MonotonicTime.zero
        var callsPerSecond: Double
        var pulledAt: [UserNumber: MonotonicTime] = [:]
        var costs: [UserNumber: Int] = [:]
        /// Pulls that have been sent and not answered.
        var running: [(user: UserNumber, sentAt: MonotonicTime)] = []
        var pulls: [UserNumber: Int] = [:]

        init(seed: UInt64, users: UserNumber, sweeps: Double) {
            random = SeededGenerator(seed: seed)
            callsPerSecond = 10
            var calls = 0
            for user in 1...users {
                costs[user] = Int.random(in: 0..<10, using: &random) == 0 ? 7 : 1
                calls += costs[user] ?? 1
            }
            schedule = Schedule(maxStaleness: .seconds(Double(calls) / callsPerSecond * sweeps))
            schedule.callsPerSecond = callsPerSecond
            for user in 1...users { schedule.add(user) }
        }

        /// Makes calls until the time is over, four passes at once.
        mutating func run(for span: Duration, changing: (UserNumber) -> Bool) throws {
            let end = now + span
            while now < end {
                if running.count == 4 { finishOne(changing) }
                guard case .user(let user) = schedule.take(now: now) else {
                    if running.isEmpty {
                        now = now + .milliseconds(100)
                    } else {
                        finishOne(changing)
                    }
                    continue
                }
                if let before = pulledAt[user] {
                    let gap = now - before
                    #expect(gap <= schedule.limit, "user \(user) waited for \(gap)")
                }
                pulledAt[user] = now
                pulls[user, default: 0] += 1
                running.append((user, now))
                now = now + .seconds(Double(costs[user] ?? 1) / callsPerSecond)
            }
        }

        private mutating func finishOne(_ changing: (UserNumber) -> Bool) {
            let (user, sentAt) = running.remove(at: .random(in: 0..<running.count, using: &random))
            let isChanged =
                changing(user) || Int.random(in: 0..<20, using: &random) == 0
            schedule.finish(
                user, at: sentAt,
                outcome: .pulled(
                    isChanged
                        ? .changed(age: .seconds(Int64.random(in: 0..<200, using: &random)))
                        : .unchanged),
                calls: costs[user] ?? 1)
        }
    }

    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func whateverPullsCost(seed: UInt64) throws {
        var users = Watched(seed: seed, users: 200, sweeps: 1.25 + Double(seed - 1) * 1.75)
        for _ in 0..<4 {
            try users.run(for: users.schedule.maxStaleness * 2) { _ in false }
            // More calls are allowed.
            users.callsPerSecond *= 1.1
            users.schedule.callsPerSecond = users.callsPerSecond
        }
        #expect(users.pulledAt.count == 200)
    }

    /// One user changes all the time, so that second looks use up their share; many new users come.
    @Test func whoeverChangesAndWhoeverComes() throws {
        var users = Watched(seed: 7, users: 300, sweeps: 3)
        let busy = { (user: UserNumber) in user <= 60 }
        try users.run(for: users.schedule.maxStaleness * 2, changing: busy)
        for user in 1001...1100 as ClosedRange<UserNumber> {
            users.costs[user] = 1
            users.schedule.add(user)
        }
        try users.run(for: users.schedule.maxStaleness * 3, changing: busy)
        #expect(users.pulledAt.count == 400)
        // Those who change are looked at more often all the same.
        let often = (1...60).reduce(0) { $0 + users.pulls[UserNumber($1), default: 0] } / 60
        let seldom = (61...300).reduce(0) { $0 + users.pulls[UserNumber($1), default: 0] } / 240
        #expect(often > seldom * 2)
    }
}
