import ChatModel
import SyncRules
import Testing

private func at(_ seconds: Double) -> MonotonicTime {
    .zero + .milliseconds(Int64(seconds * 1000))
}

/// What the schedule keeps of a user, and what it takes over from others.
@Suite struct WhatTheScheduleKnowsOfAUser {
    private typealias Row = Schedule.PulledEarlier

    /// What the store holds may be older than what this process has seen.
    @Test func isNotReplacedByAnOlderOrTheSamePull() {
        let known = Evidence(changes: 3, watched: 1000)
        let other = Evidence(changes: 9, watched: 9)
        var schedule = Schedule(maxStaleness: .seconds(3600))
        let isTaken = [
            Row(user: 1, lastPull: at(10), evidence: known, calls: 2),
            Row(user: 1, lastPull: at(5), evidence: other, calls: 7),
            Row(user: 1, lastPull: at(10), evidence: other, calls: 7),
        ].map { schedule.remember($0) }
        #expect(isTaken == [true, true, true])
        #expect(schedule.lastPull(of: 1) == at(10))
        #expect(schedule.knowledge(of: 1)?.evidence == known)
        #expect(schedule.knowledge(of: 1)?.calls == 2)
    }

    @Test func isReplacedByALaterPull() {
        var schedule = Schedule(maxStaleness: .seconds(3600))
        #expect(schedule.remember(Row(user: 1, lastPull: at(5))) == true)
        let evidence = Evidence(changes: 3, watched: 1000)
        #expect(
            schedule.remember(Row(user: 1, lastPull: at(10), evidence: evidence, calls: 3)) == true)
        #expect(schedule.lastPull(of: 1) == at(10))
        #expect(schedule.knowledge(of: 1)?.evidence == evidence)
    }

    @Test func isLeftAlone_ofWhoHasATurn() {
        var schedule = Schedule(maxStaleness: .seconds(3600))
        schedule.add(1)
        #expect(schedule.remember(Row(user: 1, lastPull: at(5))) == false)
        #expect(schedule.lastPull(of: 1) == nil)
    }

    /// At a first pull all of the listing is news, later only what came since.
    @Test func countsTheAgeOfAChange_fromTheFirstPullOn() {
        var schedule = Schedule(maxStaleness: .seconds(3600))
        schedule.add(1)
        #expect(schedule.take(now: at(0)) == .user(1))
        schedule.finish(
            1, at: at(0), outcome: .pulled(.changed(age: .seconds(5000))), calls: 1)
        let first = schedule.knowledge(of: 1)?.evidence
        #expect(first?.watched == Evidence.prior.watched + 5000)
        #expect(schedule.take(now: at(1000)) == .user(1))
        schedule.finish(
            1, at: at(1000), outcome: .pulled(.changed(age: .seconds(400))), calls: 1)
        let second = schedule.knowledge(of: 1)?.evidence
        #expect(second == first?.adding(.changed(age: .seconds(400)), after: 1000))
    }

    @Test func saysTheChanceThatItsCopyIsStale() {
        let evidence = Evidence(changes: 2, watched: 86_400)
        var schedule = Schedule(maxStaleness: .seconds(7 * 86_400))
        schedule.restore([Row(user: 1, lastPull: at(100), evidence: evidence, calls: 1)])
        for span in [0, 0.25, 3600, 200_000] {
            let chance = schedule.chanceOfStaleness(of: 1, now: at(100 + span))
            let expected = chanceOfStaleness(rate: evidence.rate, after: span)
            #expect(abs(chance - expected) < 1e-6)
        }
        // A clock that is behind: nothing has passed.
        #expect(schedule.chanceOfStaleness(of: 1, now: at(50)) == 0)
    }

    /// The goal for a million users is 56 bytes each.
    @Test func takesFiftyTwoBytes() {
        #expect(Schedule.bytesForAUser == 52)
    }
}

@Suite struct ATurnThatWasNotUsed {
    /// Before the other new ones, as it was.
    @Test func givesANewUserTheNextOne() {
        var schedule = Schedule(maxStaleness: .seconds(3600))
        for user in 1...3 as ClosedRange<UserNumber> { schedule.add(user) }
        #expect(schedule.take(now: at(0)) == .user(1))
        schedule.finish(1, at: at(0), outcome: .notTried, calls: 0)
        #expect(schedule.backlog == 3)
        let turns = (0..<3).map { _ in schedule.take(now: at(0)) }
        #expect(turns == [.user(1), .user(2), .user(3)])
    }

    @Test func leavesWhoWasPulledWithItsLastPull() {
        var schedule = Schedule(maxStaleness: .seconds(3600))
        schedule.restore([Schedule.PulledEarlier(user: 1, lastPull: at(0))])
        #expect(schedule.take(now: at(10)) == .user(1))
        schedule.finish(1, at: at(10), outcome: .notTried, calls: 0)
        #expect(schedule.backlog == 0 && schedule.lastPull(of: 1) == at(0))
        #expect(schedule.take(now: at(11)) == .user(1))
    }
}

@Suite struct WhenTheNextUserIsDue {
    /// Users of several classes, each of whom may not be pulled again yet.
    @Test func isTheTimeOfTheFirst() {
        var schedule = Schedule(maxStaleness: .seconds(3600), minInterval: .seconds(10))
        schedule.restore([
            .init(user: 1, lastPull: at(0), evidence: Evidence(changes: 9, watched: 900), calls: 1),
            .init(
                user: 2, lastPull: at(3), evidence: Evidence(changes: 1, watched: 90_000), calls: 1),
            .init(user: 3, lastPull: at(5), evidence: Evidence(changes: 1, watched: 900), calls: 4),
        ])
        #expect(schedule.nextDue(now: at(6)) == at(10))
        #expect(schedule.take(now: at(6)) == .wait(until: at(10)))
        #expect(schedule.take(now: at(10)) == .user(1))
        #expect(schedule.nextDue(now: at(10)) == at(13))
    }
}
