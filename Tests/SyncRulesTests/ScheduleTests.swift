import ChatModel
import SyncRules
import Testing

private func at(_ seconds: Double) -> MonotonicTime {
    .zero + .milliseconds(Int64(seconds * 1000))
}

private func rows(_ rows: (UserNumber, Double)...) -> [Schedule.PulledEarlier] {
    rows.map { Schedule.PulledEarlier(user: $0.0, lastPull: at($0.1)) }
}

@Suite struct TheSchedule {
    /// Takes everybody who is due at `time` and gives each back as pulled.
    private func round(_ schedule: inout Schedule, at time: MonotonicTime) -> [UserNumber] {
        var taken: [UserNumber] = []
        while case .user(let user) = schedule.take(now: time) {
            taken.append(user)
            schedule.finish(user, at: time, outcome: .pulled(.unchanged), calls: 1)
        }
        return taken
    }

    private func schedule(_ users: UserNumber...) -> Schedule {
        var schedule = Schedule(maxStaleness: .seconds(3600))
        for user in users { schedule.add(user) }
        return schedule
    }

    @Test func users_takeTurnsInTheOrderOfTheirLastPull() {
        var schedule = schedule(1, 2, 3)
        #expect(round(&schedule, at: at(0)) == [1, 2, 3])
        #expect(round(&schedule, at: at(2)) == [1, 2, 3])
    }

    @Test func theScheduleWithNobody_itIsIdle() {
        var schedule = schedule()
        #expect(schedule.take(now: at(0)) == .idle)
    }

    @Test func aUserIsNotPulledTwiceWithinASecond() {
        var schedule = schedule(1)
        #expect(round(&schedule, at: at(0)) == [1])
        #expect(schedule.take(now: at(0.5)) == .wait(until: at(1)))
        #expect(schedule.nextDue(now: at(0.5)) == at(1))
    }

    @Test func restoredUsers_followInTheOrderTheyCome() {
        var schedule = Schedule(maxStaleness: .seconds(3600))
        schedule.restore(rows((7, -20), (3, -10)))
        #expect(round(&schedule, at: at(0)) == [7, 3])
    }

    @Test func newUsers_goBeforeThoseAlreadyPulled() {
        var schedule = Schedule(maxStaleness: .seconds(3600))
        schedule.restore(rows((1, -20)))
        schedule.add(2)
        #expect(round(&schedule, at: at(0)) == [2, 1])
    }

    @Test func whileNewUsersWait_oneTurnInTenIsAnothers() {
        var schedule = Schedule(maxStaleness: .seconds(3600))
        for user in 1...3 { schedule.restore(rows((UserNumber(user), -100))) }
        for user in 101...140 { schedule.add(UserNumber(user)) }
        let taken = (0..<20).map { _ in schedule.take(now: at(0)) }
        #expect(taken[9] == .user(1) && taken[19] == .user(2))
        #expect(taken.count { if case .user(let user) = $0 { user > 100 } else { false } } == 18)
    }

    /// The limit is for everyone; a new user has no copy that could become too old.
    @Test func usersWhoseCopiesAreTooOld_goBeforeNewOnes() {
        var schedule = Schedule(maxStaleness: .seconds(10))
        for user in 1...3 { schedule.restore(rows((UserNumber(user), -100))) }
        schedule.add(101)
        #expect(
            (0..<4).map { _ in schedule.take(now: at(0)) }
                == [.user(1), .user(2), .user(3), .user(101)])
    }

    @Test func anAskedForUser_isNextEvenWhileWaiting() {
        var schedule = schedule(1, 2, 3)
        guard case .user(1) = schedule.take(now: at(0)) else { return #expect(Bool(false)) }
        schedule.finish(1, at: at(0), outcome: .failed(retryAt: at(900)), calls: 1)
        schedule.nudge(1)
        #expect(schedule.take(now: at(0)) == .user(1))
    }

    @Test func askedForDuringItsPass_itIsPulledOnceMore() {
        var schedule = schedule(1)
        #expect(schedule.take(now: at(0)) == .user(1))
        schedule.nudge(1)
        #expect(schedule.take(now: at(0)) == .idle)
        schedule.finish(1, at: at(0), outcome: .pulled(.unchanged), calls: 1)
        #expect(schedule.take(now: at(0)) == .user(1))
    }

    @Test func aFailedUser_waitsForItsTimeAndIsThenFirst() {
        var schedule = schedule(1, 2)
        _ = schedule.take(now: at(0))
        schedule.finish(1, at: at(0), outcome: .failed(retryAt: at(5)), calls: 1)
        #expect(round(&schedule, at: at(0)) == [2])
        #expect(schedule.waitingCount == 1)
        #expect(schedule.take(now: at(0.5)) == .wait(until: at(1)))
        #expect(round(&schedule, at: at(5)) == [1, 2])
    }

    @Test func anEarlierBackOff_doesNotCutALaterOneShort() {
        var schedule = schedule(1)
        _ = schedule.take(now: at(0))
        schedule.finish(1, at: at(0), outcome: .failed(retryAt: at(5)), calls: 1)
        schedule.nudge(1)
        _ = schedule.take(now: at(1))
        schedule.finish(1, at: at(1), outcome: .failed(retryAt: at(60)), calls: 1)
        #expect(schedule.take(now: at(6)) == .wait(until: at(60)))
    }

    @Test func aUserNotTried_keepsItsPlace() {
        var schedule = schedule(1, 2)
        #expect(schedule.take(now: at(0)) == .user(1))
        schedule.finish(1, at: at(0), outcome: .notTried, calls: 0)
        #expect(round(&schedule, at: at(0)) == [1, 2])
    }

    @Test func aRemovedUser_isGoneEvenWhenItsPassEnds() {
        var schedule = schedule(1, 2)
        _ = schedule.take(now: at(0))
        schedule.remove(1)
        schedule.remove(2)
        schedule.finish(1, at: at(0), outcome: .pulled(.unchanged), calls: 1)
        #expect(schedule.count == 0)
        #expect(schedule.take(now: at(9)) == .idle)
        schedule.add(1)
        #expect(schedule.take(now: at(9)) == .user(1))
    }

    @Test func aPostponedUser_staysAwayUntilItsTime() {
        var schedule = schedule(1)
        schedule.postpone(1, until: at(30))
        #expect(schedule.take(now: at(29)) == .wait(until: at(30)))
        #expect(schedule.take(now: at(30)) == .user(1))
    }

    /// Whatever happens in whatever order: nobody is lost, nobody is with two callers.
    @Test(arguments: 0..<50)
    func everyUserIsAlwaysInExactlyOnePlace(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var schedule = Schedule(maxStaleness: .seconds(30))
        var known: Set<UserNumber> = []
        var taken: Set<UserNumber> = []
        var now = 0.0
        for _ in 0..<2000 {
            now += Double.random(in: 0..<0.5, using: &random)
            let user = UserNumber.random(in: 1...40, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0:
                schedule.add(user)
                known.insert(user)
            case 1 where Int.random(in: 0..<4, using: &random) == 0:
                schedule.remove(user)
                known.remove(user)
            case 2: schedule.nudge(user)
            case 3...6:
                guard case .user(let next) = schedule.take(now: at(now)) else { break }
                #expect(known.contains(next))
                #expect(taken.insert(next).inserted)
            default:
                guard let back = taken.sorted().randomElement(using: &random) else { break }
                taken.remove(back)
                let outcomes: [Schedule.Outcome] = [
                    .pulled(.unchanged), .failed(retryAt: at(now + 3)), .notTried,
                ]
                schedule.finish(
                    back, at: at(now),
                    outcome: outcomes.randomElement(using: &random) ?? .pulled(.unchanged),
                    calls: 1)
            }
            #expect(schedule.count == known.count)
        }
        for user in taken {
            schedule.finish(user, at: at(now), outcome: .pulled(.unchanged), calls: 1)
        }
        #expect(Set(round(&schedule, at: at(now + 100))) == known)
    }
}
