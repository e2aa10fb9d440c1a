import ChatModel
import SyncRules
import Testing

// Which of the users who were pulled is next.

private func at(_ seconds: Double) -> MonotonicTime {
    .zero + .milliseconds(Int64(seconds * 1000))
}

/// A user who was pulled at `seconds`, with so many changes in a day of watching.
private func user(
    _ number: UserNumber, pulled seconds: Double, changes: Float, calls: Int = 1
) -> Schedule.PulledEarlier {
    Schedule.PulledEarlier(
        user: number, lastPull: at(seconds), evidence: Evidence(changes: changes, watched: 86_400),
        calls: calls)
}

@Suite struct OfTwoUsers {
    /// Who is taken of the two.
    private func next(_ users: Schedule.PulledEarlier..., maxStaleness: Double = 1e6)
        -> Schedule.Turn
    {
        var schedule = Schedule(maxStaleness: .seconds(maxStaleness))
        schedule.restore(users.sorted { $0.lastPull < $1.lastPull })
        return schedule.take(now: at(0))
    }

    @Test func theOneWhoChangesMoreOftenIsNext_whenBothWerePulledAtTheSameTime() {
        #expect(
            next(user(1, pulled: -600, changes: 1), user(2, pulled: -600, changes: 10)) == .user(2))
    }

    @Test func theOnePulledLongerAgoIsNext_whenBothChangeAsOften() {
        #expect(
            next(user(1, pulled: -600, changes: 5), user(2, pulled: -700, changes: 5)) == .user(2))
    }

    /// Ten times the changes make up for a third of the time, not for a fifth.
    @Test func timeCountsTwice_whileFewChangesAreExpected() {
        #expect(
            next(user(1, pulled: -900, changes: 1), user(2, pulled: -300, changes: 20)) == .user(2))
        #expect(
            next(user(1, pulled: -900, changes: 1), user(2, pulled: -180, changes: 10)) == .user(1))
    }

    /// Of users who change all the time, the one pulled longest ago: the busiest get no more.
    @Test func onlyTimeCounts_whenManyChangesAreExpected() {
        #expect(
            next(
                user(1, pulled: -7200, changes: 1000), user(2, pulled: -3600, changes: 10_000))
                == .user(1))
    }

    @Test func theOneWhosePullCostsFewerCallsIsNext() {
        #expect(
            next(
                user(1, pulled: -600, changes: 5, calls: 4), user(2, pulled: -600, changes: 5))
                == .user(2))
        #expect(
            next(
                user(1, pulled: -1800, changes: 5, calls: 4), user(2, pulled: -600, changes: 5))
                == .user(1))
    }

    @Test func theOneAtTheLimitIsNext_howeverSeldomItChanges() {
        let (quiet, busy) = (
            user(1, pulled: -981, changes: 0.3), user(2, pulled: -900, changes: 1000)
        )
        #expect(next(quiet, busy, maxStaleness: 1000) == .user(1))
        #expect(next(quiet, busy, maxStaleness: 1010) == .user(2))
    }

    @Test func theOldestIsFirst_whenBothAreBeyondTheLimit() {
        #expect(
            next(
                user(1, pulled: -2000, changes: 1000), user(2, pulled: -2100, changes: 0.3),
                maxStaleness: 1000) == .user(2))
    }
}

@Suite struct TheChoiceOfTheNextUser {
    /// The taken user is at least half as good as the best, whatever is known of each: rates and costs are
    /// rounded to half an octave.
    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func isNearlyTheBest(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var schedule = Schedule(maxStaleness: .seconds(1e7))
        let rows = (1...400 as ClosedRange<UserNumber>).map { number in
            Schedule.PulledEarlier(
                user: number, lastPull: at(-Double.random(in: 2...20_000, using: &random)),
                evidence: Evidence(
                    changes: .random(in: 0.3...30, using: &random),
                    watched: .random(in: 26_000...900_000, using: &random)),
                calls: .random(in: 1...20, using: &random))
        }
        schedule.restore(rows.sorted { $0.lastPull < $1.lastPull })
        var left = Dictionary(uniqueKeysWithValues: rows.map { ($0.user, $0) })
        while !left.isEmpty {
            let values = left.mapValues { row in
                expectedStaleness(
                    rate: row.evidence.rate, after: (at(0) - row.lastPull).inSeconds)
                    / Double(row.calls)
            }
            guard case .user(let taken) = schedule.take(now: at(0)) else { break }
            let best = try #require(values.values.max())
            #expect(try #require(values[taken]) >= best * 0.499)
            left[taken] = nil
        }
        #expect(left.isEmpty)
    }

    /// A pull that ended earlier than another that was sent before it is not overtaken.
    @Test func isThatOfThePullSentFirst_howeverThePullsEnd() {
        var schedule = Schedule(maxStaleness: .seconds(3600))
        for user in 1...4 as ClosedRange<UserNumber> { schedule.add(user) }
        for _ in 1...4 { _ = schedule.take(now: at(0)) }
        for (user, time) in [(4, 3.0), (2, 1), (3, 2), (1, 0)] as [(UserNumber, Double)] {
            schedule.finish(user, at: at(time), outcome: .pulled(.unchanged), calls: 1)
        }
        #expect(
            (1...4).map { _ in schedule.take(now: at(100)) }
                == [.user(1), .user(2), .user(3), .user(4)])
    }

    @Test func keepsThePlaceOfAUserThatWasNotTried() {
        var schedule = Schedule(maxStaleness: .seconds(3600))
        schedule.restore((1...3).map { user($0, pulled: Double($0) - 100, changes: 1) })
        #expect(schedule.take(now: at(0)) == .user(1))
        #expect(schedule.take(now: at(0)) == .user(2))
        for user in [2, 1] as [UserNumber] {
            schedule.finish(user, at: at(0), outcome: .notTried, calls: 0)
        }
        #expect(
            (1...3).map { _ in schedule.take(now: at(0)) } == [.user(1), .user(2), .user(3)])
    }

    @Test func learnsFromWhatPullsFind() throws {
        var schedule = Schedule(maxStaleness: .seconds(3600))
        schedule.restore([
            user(1, pulled: -100, changes: 1), user(2, pulled: -100, changes: 1),
        ])
        for number in [1, 2] as [UserNumber] {
            _ = schedule.take(now: at(0))
            schedule.finish(
                number, at: at(0),
                outcome: .pulled(number == 2 ? .changed(age: .seconds(90)) : .unchanged), calls: 3)
        }
        let (first, second) = (
            try #require(schedule.knowledge(of: 1)), try #require(schedule.knowledge(of: 2))
        )
        #expect(second.evidence.rate > first.evidence.rate * 1.9)
        #expect(first.calls == 3)
        #expect(schedule.knowledge(of: 3) == nil)
    }

    /// What was found out about the mirror of a user counts once it was pulled again.
    @Test func takesEvidenceFromTheMirror_onlyWhereItHasNone() throws {
        var schedule = Schedule(maxStaleness: .seconds(3600))
        schedule.restore([
            Schedule.PulledEarlier(user: 1, lastPull: at(-100)), user(2, pulled: -90, changes: 1),
        ])
        schedule.add(3)
        for number in [1, 2, 3, 4] as [UserNumber] { schedule.assume(recent: 7, of: number) }
        #expect(schedule.knowledge(of: 1)?.evidence == Evidence(recent: 7))
        #expect(schedule.knowledge(of: 2)?.evidence.changes == 1)
        #expect(schedule.knowledge(of: 3) == nil)
        #expect(
            (1...3).map { _ in schedule.take(now: at(0)) } == [.user(3), .user(1), .user(2)])
    }

    @Test func remembersAUserThatComesBack() throws {
        var schedule = Schedule(maxStaleness: .seconds(3600))
        #expect(schedule.remember(user(1, pulled: -100, changes: 5)) == true)
        #expect(schedule.count == 0 && !schedule.contains(1))
        schedule.add(1)
        #expect(schedule.remember(user(1, pulled: -100, changes: 9)) == false)
        #expect(schedule.lastPull(of: 1) == at(-100))
        #expect(schedule.knowledge(of: 1)?.evidence.changes == 5)
        #expect(schedule.take(now: at(0)) == .user(1))
    }

    /// The price is what the pulls brought: here each the staleness of the same wait.
    @Test func saysAtWhichExpectedStalenessUsersArePulled() {
        var schedule = Schedule(maxStaleness: .seconds(1e6))
        #expect(schedule.price == 0)
        schedule.restore((1...50).map { user($0, pulled: -1000, changes: 86.4) })
        for _ in 1...50 { _ = schedule.take(now: at(0)) }
        #expect(schedule.price > 1000 / 3 * 0.84 && schedule.price < 1000 / 3 * 1.19)
    }
}

@Suite struct TheLimit {
    private func schedule(calls: Int...) -> Schedule {
        var schedule = Schedule(maxStaleness: .seconds(100))
        schedule.restore(
            calls.enumerated().map { place, calls in
                user(UserNumber(place + 1), pulled: -50, changes: 1, calls: calls)
            })
        return schedule
    }

    @Test func isWhatIsConfigured_asLongAsTheCallsSuffice() {
        var schedule = schedule(calls: 1, 2, 1)
        #expect(schedule.limit == .seconds(100) && schedule.sweep == .zero)
        schedule.callsPerSecond = 0.05
        #expect(schedule.sweep == .seconds(80))
        #expect(schedule.limit == .seconds(100))
    }

    @Test func isAQuarterMoreThanAPullOfEveryone_whereThatIsMore() {
        var schedule = schedule(calls: 1, 2, 1)
        schedule.callsPerSecond = 0.04
        #expect(schedule.sweep == .seconds(100))
        #expect(schedule.limit == .seconds(125))
    }

    /// What a pull of everyone takes follows the users and their costs.
    @Test func followsWhoIsThereAndWhatPullsCost() {
        var schedule = schedule(calls: 1, 2, 1)
        schedule.callsPerSecond = 1
        schedule.remove(2)
        #expect(schedule.sweep == .seconds(2))
        schedule.add(4)
        #expect(schedule.sweep == .seconds(3))
        #expect(schedule.take(now: at(0)) == .user(4))
        schedule.finish(4, at: at(0), outcome: .pulled(.unchanged), calls: 5)
        #expect(schedule.sweep == .seconds(7))
        #expect(schedule.take(now: at(0)) == .user(1))
        schedule.remove(1)
        #expect(schedule.sweep == .seconds(6))
        schedule.finish(1, at: at(0), outcome: .pulled(.unchanged), calls: 9)
        #expect(schedule.sweep == .seconds(6))
        schedule.add(1)
        #expect(schedule.sweep == .seconds(15))
    }
}
