import ChatModel
import SyncRules
import Testing

private func at(_ seconds: Double) -> MonotonicTime {
    .zero + .milliseconds(Int64(seconds * 1000))
}

/// Two users of whom the first hardly ever changes, and the second often.
private func schedule(
    pulled seconds: Double = -20, minInterval: Duration = Schedule.shortestInterval
) -> Schedule {
    var schedule = Schedule(maxStaleness: .seconds(100_000), minInterval: minInterval)
    schedule.restore([
        Schedule.PulledEarlier(user: 1, lastPull: at(seconds), evidence: Evidence(recent: 0)),
        Schedule.PulledEarlier(
            user: 2, lastPull: at(seconds), evidence: Evidence(changes: 50, watched: 86_400)),
    ])
    return schedule
}

extension Schedule {
    /// Takes whoever is next and gives it back.
    fileprivate mutating func pull(at time: MonotonicTime, _ finding: PullFinding = .unchanged)
        -> UserNumber?
    {
        guard case .user(let user) = take(now: time) else { return nil }
        finish(user, at: time, outcome: .pulled(finding), calls: 1)
        return user
    }
}

@Suite struct ASecondLookAfterAChange {
    /// Who hardly ever changes has just done so: it is looked at again half a minute later, before the other,
    /// whose copy is expected to be the staler.
    @Test func isMadeSoonAfterAChangeThatIsYoung() {
        var schedule = schedule()
        #expect(schedule.pull(at: at(0)) == 2)
        #expect(schedule.pull(at: at(0), .changed(age: .seconds(119))) == 1)
        #expect(schedule.pull(at: at(29)) == 2)
        #expect(schedule.pull(at: at(32)) == 1)
    }

    @Test func isNotMade_afterAnOlderChange() {
        var schedule = schedule()
        #expect(schedule.pull(at: at(0)) == 2)
        #expect(schedule.pull(at: at(0), .changed(age: .seconds(120))) == 1)
        let looks = stride(from: 30.0, to: 150, by: 10).map { schedule.pull(at: at($0)) }
        #expect(!looks.contains(1))
    }

    @Test func isNotMade_whenTheUserWasPulledMeanwhile() {
        var schedule = schedule()
        schedule.changed(1, now: at(0))
        schedule.nudge(1)
        #expect(schedule.pull(at: at(1)) == 1)
        #expect(schedule.pull(at: at(31)) == 2)
    }

    @Test func isMadeAtOnceThirtySecondsAfterAnEditOfOurs() {
        var schedule = schedule()
        schedule.changed(1, now: at(0))
        schedule.changed(99, now: at(0))
        #expect(schedule.pull(at: at(0)) == 2)
        #expect(schedule.nextDue(now: at(0.5)) == at(0.5))
        #expect(schedule.take(now: at(0.5)) == .user(1))
    }

    /// No other user is due: the look is what is waited for.
    @Test func isWaitedFor() {
        var schedule = Schedule(maxStaleness: .seconds(100_000), minInterval: .seconds(20))
        schedule.restore([Schedule.PulledEarlier(user: 1, lastPull: at(0))])
        schedule.postpone(1, until: at(19))
        schedule.add(2)
        #expect(schedule.pull(at: at(0)) == 2)
        schedule.changed(2, now: at(0))
        #expect(schedule.take(now: at(0)) == .wait(until: at(19)))
        #expect(schedule.nextDue(now: at(0)) == at(19))
    }

    /// Who is not to be pulled more often is not looked at more often.
    @Test func keepsTheLeastTimeBetweenTwoPulls() {
        var schedule = schedule(pulled: -700, minInterval: .seconds(600))
        #expect(schedule.pull(at: at(0)) == 2)
        #expect(schedule.pull(at: at(0), .changed(age: .seconds(1))) == 1)
        #expect(schedule.take(now: at(599)) == .wait(until: at(600)))
        #expect(schedule.take(now: at(600)) == .user(1))
    }

    /// Of the calls while others are due, three of ten at most.
    @Test func leavesTheOthersTheirShare() {
        var schedule = Schedule(maxStaleness: .seconds(1_000_000))
        for user in 1...400 as ClosedRange<UserNumber> { schedule.add(user) }
        var time = 0.0
        for _ in 1...400 {
            _ = schedule.pull(at: at(time))
            time += 0.5
        }
        // Half of them change whenever they are looked at; the rest never.
        var looked = 0
        for _ in 0..<20_000 {
            time += 0.5
            guard case .user(let user) = schedule.take(now: at(time)) else { continue }
            if user <= 200 { looked += 1 }
            schedule.finish(
                user, at: at(time),
                outcome: .pulled(user <= 200 ? .changed(age: .seconds(1)) : .unchanged), calls: 1)
        }
        #expect(looked < 19_000)
        #expect(schedule.hitRateOfLooks > 0.9)
    }
}
