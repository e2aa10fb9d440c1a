import ChatModel
import SyncRules
import Testing

private func at(_ seconds: Double) -> MonotonicTime {
    .zero + .milliseconds(Int64(seconds * 1000))
}

private func schedule(_ users: UserNumber...) -> Schedule {
    var schedule = Schedule(maxStaleness: .seconds(3600))
    for user in users { schedule.add(user) }
    return schedule
}

/// Users that were pulled at `seconds`, in their order.
private func pulled(_ users: (UserNumber, Double)..., maxStaleness: Duration = .seconds(3600))
    -> Schedule
{
    var schedule = Schedule(maxStaleness: maxStaleness)
    schedule.restore(users.map { Schedule.PulledEarlier(user: $0.0, lastPull: at($0.1)) })
    return schedule
}

@Suite struct UsersThatWait {
    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func comeByTheirTimes_whateverTheOrderInWhichTheyBeganToWait(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var schedule = Schedule(maxStaleness: .seconds(3600))
        let times = (1...100).map(Double.init).shuffled(using: &random)
        for (user, time) in zip(1...100 as ClosedRange<UserNumber>, times) {
            schedule.add(user)
            #expect(schedule.take(now: at(0)) == .user(user))
            schedule.finish(user, at: at(0), outcome: .failed(retryAt: at(time)), calls: 1)
        }
        #expect(schedule.waitingCount == 100)
        for (time, user) in zip(times, 1...100 as ClosedRange<UserNumber>).sorted(by: {
            $0.0 < $1.0
        }) {
            #expect(schedule.nextDue(now: at(0)) == at(time))
            #expect(schedule.take(now: at(time)) == .user(user))
            schedule.remove(user)
            schedule.finish(user, at: at(time), outcome: .notTried, calls: 0)
        }
        #expect(schedule.waitingCount == 0)
    }

    @Test func usersThatWaitWithTheSameTime_comeInOneOrder() {
        var schedule = schedule(3, 1, 2)
        for user in [3, 1, 2] as [UserNumber] { schedule.postpone(user, until: at(5)) }
        #expect(
            [0, 1, 2].map { _ in schedule.take(now: at(5)) } == [.user(1), .user(2), .user(3)])
    }

    /// Seven of ten users fail whenever they are pulled, with as many calls each, and are due again
    /// more often than there are calls for them.
    @Test(arguments: [1, 4])
    func doNotStarveTheOthers_howeverManyTheyAre(calls: Int) {
        let well = 1...300 as ClosedRange<UserNumber>
        var schedule = Schedule(maxStaleness: .seconds(3600))
        for user in 1...1000 as ClosedRange<UserNumber> { schedule.add(user) }
        var pulls: [UserNumber: Int] = [:]
        var now = at(0)
        while now < at(3000) {
            guard case .user(let user) = schedule.take(now: now) else {
                now = now + .milliseconds(100)
                continue
            }
            let isWell = well.contains(user)
            now = now + .milliseconds(200 * (isWell ? 1 : calls))
            if isWell { pulls[user, default: 0] += 1 }
            schedule.finish(
                user, at: now,
                outcome: isWell ? .pulled(.unchanged) : .failed(retryAt: now + .seconds(20)),
                calls: isWell ? 1 : calls)
        }
        // Of 15 000 calls half are theirs; the first of everybody comes before.
        #expect(well.allSatisfy { pulls[$0, default: 0] >= 15 })
        #expect(pulls.values.reduce(0, +) < 10_000)
    }

    @Test func andAreDueSoonerThanAnother_areAwaitedFirst() {
        var schedule = schedule(1, 2)
        schedule.postpone(1, until: at(10))
        schedule.postpone(2, until: at(5))
        #expect(schedule.take(now: at(0)) == .wait(until: at(5)))
    }

    @Test func comeBeforeThoseThatWerePulledLately() {
        var schedule = pulled((1, -20), (2, -10))
        #expect(schedule.take(now: at(0)) == .user(1))
        schedule.finish(1, at: at(0), outcome: .failed(retryAt: at(5)), calls: 1)
        #expect(schedule.take(now: at(5)) == .user(1))
    }

    @Test func leaveOneByOne() {
        var schedule = schedule(1, 2, 3)
        for user in [1, 2, 3] as [UserNumber] { schedule.postpone(user, until: at(5)) }
        schedule.nudge(2)
        #expect(schedule.waitingCount == 2)
    }

    @Test func andAreAskedFor_doNotWait() {
        var schedule = schedule(1)
        schedule.nudge(1)
        schedule.postpone(1, until: at(30))
        #expect(schedule.take(now: at(0)) == .user(1))
    }
}

@Suite struct UsersThatAreAskedFor {
    @Test func urgently_areTold() {
        var schedule = Schedule(maxStaleness: .seconds(10))
        schedule.restore([1, 2].map { Schedule.PulledEarlier(user: $0, lastPull: at(0)) })
        schedule.nudge(1)
        #expect(schedule.hasAsked && !schedule.hasUrgent)
        schedule.nudge(2, urgently: true)
        #expect(schedule.hasUrgent)
        #expect(schedule.take(now: at(1)) == .user(2))
        #expect(!schedule.hasUrgent)
    }

    @Test func urgently_goBeforeThoseThatAreOnlyAskedFor() {
        var schedule = schedule(1, 2, 3)
        schedule.nudge(1)
        schedule.nudge(2)
        schedule.nudge(2, urgently: true)
        #expect(schedule.take(now: at(0)) == .user(2))
        #expect(schedule.take(now: at(0)) == .user(1))
        #expect(schedule.take(now: at(0)) == .user(3))
    }

    @Test func twice_keepTheirPlace() {
        var schedule = schedule(1, 2)
        for user in [2, 1, 2] as [UserNumber] { schedule.nudge(user) }
        #expect(schedule.take(now: at(0)) == .user(2))
    }

    @Test func urgentlyDuringTheirPass_areNextAfterIt() {
        var schedule = schedule(1, 2)
        #expect(schedule.take(now: at(0)) == .user(1))
        schedule.nudge(2)
        schedule.nudge(1, urgently: true)
        schedule.finish(1, at: at(0), outcome: .pulled(.unchanged), calls: 1)
        #expect(schedule.take(now: at(0)) == .user(1))
    }

    @Test func usersThatAreAskedForAreKnownUntilTheyAreTaken() {
        var schedule = schedule(1, 2, 3)
        #expect(!schedule.hasAsked)
        schedule.nudge(1)
        #expect(schedule.hasAsked)
        schedule.nudge(2, urgently: true)
        #expect(schedule.hasAsked)
        #expect(schedule.backlog == 3)
        _ = schedule.take(now: at(0))
        _ = schedule.take(now: at(0))
        #expect(!schedule.hasAsked)
        #expect(schedule.backlog == 1)
        #expect(schedule.nextDue(now: at(7)) == at(7))
    }
}

@Suite struct WhatTheScheduleKnows {
    @Test func whenRestoredUsersWerePulled() {
        let schedule = pulled((7, -20), (3, -10))
        #expect(schedule.count == 2)
        #expect(schedule.lastPull(of: 7) == at(-20))
        #expect(schedule.lastPull(of: 3) == at(-10))
        #expect(schedule.lastPull(of: 5) == nil)
        #expect(schedule.lastPull(of: 8) == nil)
    }

    @Test func whenAUserWasPulledLast() {
        var schedule = schedule(1)
        #expect(schedule.lastPull(of: 1) == nil)
        _ = schedule.take(now: at(0))
        schedule.finish(1, at: at(3), outcome: .pulled(.unchanged), calls: 1)
        #expect(schedule.lastPull(of: 1) == at(3))
    }

    @Test func whatTheScheduleKnowsThatNobodyElseIsTaken() {
        var schedule = schedule(1, 2, 3)
        _ = schedule.take(now: at(0))
        #expect(schedule.isTaken(1) && !schedule.isTaken(2))
        #expect(!schedule.isTaken(4) && !schedule.isTaken(99))
        #expect(!schedule.contains(4))
    }

    @Test func whatTheScheduleKnowsThatAUserIsDueAfterExactlyASecond() {
        var schedule = pulled((1, 0))
        #expect(schedule.take(now: at(0.999)) == .wait(until: at(1)))
        #expect(schedule.take(now: at(1)) == .user(1))
    }

    @Test func whatTheScheduleKnowsThatTurnsOfTheNewCountOnlyInARow() {
        var schedule = pulled((1, -30), (2, -20), (3, -10))
        for user in 101...105 as ClosedRange<UserNumber> { schedule.add(user) }
        for user in 101...105 as ClosedRange<UserNumber> {
            #expect(schedule.take(now: at(0)) == .user(user))
        }
        #expect(schedule.take(now: at(0)) == .user(1))
        for user in 111...130 as ClosedRange<UserNumber> { schedule.add(user) }
        let turns = (0..<20).map { _ in schedule.take(now: at(0)) }
        #expect(turns[9] == .user(2) && turns[19] == .user(3))
    }

    @Test func somebodyIsOverdue_whenNinetyEightHundredthsOfTheStalenessHavePassed() {
        var schedule = Schedule(maxStaleness: .seconds(100))
        schedule.restore([Schedule.PulledEarlier(user: 1, lastPull: at(0))])
        schedule.add(2)
        var later = schedule
        #expect(schedule.take(now: at(98)) == .user(2))
        #expect(later.take(now: at(98) + .nanoseconds(1)) == .user(1))
    }
}

/// Pulls take longer than the schedule believes, so that no limit can hold: no user must be forgotten for that.
@Suite struct WhenTheLimitCannotBeKept {
    /// Each turn takes a second, and the limit is five.
    private func turns(_ schedule: inout Schedule, from start: Double, count: Int)
        -> [UserNumber]
    {
        (0..<count).compactMap { second in
            guard case .user(let user) = schedule.take(now: at(start + Double(second))) else {
                return nil
            }
            schedule.finish(
                user, at: at(start + Double(second)), outcome: .pulled(.unchanged), calls: 1)
            return user
        }
    }

    /// The first five keep the schedule busy by themselves.
    @Test func newUsersHaveEveryHundredthTurn_thoughOthersAreAtTheLimit() {
        var schedule = Schedule(maxStaleness: .seconds(5))
        schedule.callsPerSecond = 100
        for user in 1...20 as ClosedRange<UserNumber> { schedule.add(user) }
        let turns = turns(&schedule, from: 0, count: 400)
        #expect(turns.prefix(10) == [1, 2, 3, 4, 5, 1, 2, 3, 4, 5])
        #expect(turns.firstIndex(of: 6) == 104)
        #expect(turns.firstIndex(of: 7).map { $0 <= 204 } == true)
    }

    @Test func newUsersHaveEveryTenthTurn_whereOthersAreBeyondIt() {
        var schedule = Schedule(maxStaleness: .seconds(5))
        schedule.callsPerSecond = 100
        schedule.restore(
            (1...20 as ClosedRange<UserNumber>).map {
                Schedule.PulledEarlier(user: $0, lastPull: at(Double($0)))
            })
        for user in 21...23 as ClosedRange<UserNumber> { schedule.add(user) }
        let turns = turns(&schedule, from: 40, count: 60)
        #expect(turns.prefix(9) == [1, 2, 3, 4, 5, 6, 7, 8, 9])
        #expect([9, 19, 29].map { turns[$0] } == [21, 22, 23])
        // The others go on in their order.
        #expect(turns[10] == 10 && turns[30] == 8)
    }
}

@Suite struct WhoIsBackFromAFailure {
    @Test func whoIsBackFromAFailureGoesFirst_andThenEverySecondTurn() {
        var schedule = schedule(1, 2)
        for user in [1, 2] as [UserNumber] {
            #expect(schedule.take(now: at(0)) == .user(user))
            schedule.finish(user, at: at(0), outcome: .failed(retryAt: at(5)), calls: 1)
        }
        for user in [3, 4, 5] as [UserNumber] { schedule.add(user) }
        let turns = (1...5).map { _ in schedule.take(now: at(6)) }
        #expect(turns == [.user(1), .user(3), .user(2), .user(4), .user(5)])
    }

    @Test func whoIsBackFromAFailureGoesFirst_whenNothingElseWasTakenBefore() {
        var schedule = schedule(1, 2)
        schedule.postpone(2, until: at(5))
        #expect(schedule.take(now: at(5)) == .user(2))
    }

    /// Only what those that are back have had is to be made up for.
    @Test func whoIsBackFromAFailureDoesNotWait_forTheManyCallsOfAnother() {
        var schedule = schedule(1, 2, 3)
        schedule.postpone(3, until: at(5))
        #expect(schedule.take(now: at(0)) == .user(1))
        schedule.finish(1, at: at(0), outcome: .pulled(.unchanged), calls: 4)
        #expect(schedule.take(now: at(5)) == .user(3))
    }

    @Test func whoIsBackFromAFailureIsOneOfTheOthers_whenItIsPulledTheNextTime() {
        var schedule = schedule(1, 2)
        schedule.postpone(1, until: at(5))
        #expect(schedule.take(now: at(5)) == .user(1))
        schedule.finish(1, at: at(5), outcome: .pulled(.unchanged), calls: 1)
        schedule.postpone(2, until: at(6))
        #expect(schedule.take(now: at(6)) == .user(1))
        schedule.finish(1, at: at(6), outcome: .pulled(.unchanged), calls: 4)
        #expect(schedule.take(now: at(7)) == .user(2))
    }

    /// A moment without work does not make up for its calls.
    @Test func whoIsBackFromAFailureWaitsForTheOthers_thoughNobodyWasDueMeanwhile() {
        var schedule = schedule(1, 2, 3)
        schedule.postpone(1, until: at(5))
        schedule.postpone(2, until: at(6))
        schedule.postpone(3, until: at(6))
        #expect(schedule.take(now: at(5)) == .user(1))
        schedule.finish(1, at: at(5), outcome: .pulled(.unchanged), calls: 4)
        #expect(schedule.take(now: at(5)) == .wait(until: at(6)))
        #expect(schedule.take(now: at(6)) == .user(1))
    }
}
