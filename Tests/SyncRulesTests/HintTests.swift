import ChatModel
import Foundation
import SyncRules
import Testing

private func at(_ seconds: Double) -> MonotonicTime {
    .zero + .milliseconds(Int64(seconds * 1000))
}

/// A user who was pulled at 0, with so many changes in a day of watching.
private func pulled(_ user: UserNumber, changes: Float = 8.64) -> Schedule.PulledEarlier {
    Schedule.PulledEarlier(
        user: user, lastPull: at(0), evidence: Evidence(changes: changes, watched: 86_400))
}

private func schedule(_ users: Schedule.PulledEarlier...) -> Schedule {
    var schedule = Schedule(maxStaleness: .seconds(100_000))
    schedule.restore(users)
    return schedule
}

@Suite struct AHint {
    @Test func thatAUserHasChangedSomething_isFollowedAtOnce() {
        var schedule = schedule(pulled(1, changes: 400), pulled(2), pulled(3, changes: 300))
        #expect(schedule.hint(2, .changed, at: at(10), now: at(11)) == true)
        #expect(schedule.take(now: at(12)) == .user(2))
    }

    @Test func thatAUserHasGoneOffline_isFollowed() {
        var schedule = schedule(pulled(1), pulled(2), pulled(3))
        _ = schedule.hint(2, .online, at: at(100), now: at(100))
        _ = schedule.hint(2, .offline, at: at(700), now: at(700))
        #expect(schedule.take(now: at(701)) == .user(2))
    }

    /// What was said before the last pull is in the copy.
    @Test func thatIsOlderThanTheLastPull_movesNobody() {
        var schedule = schedule(pulled(1, changes: 400), pulled(2))
        #expect(schedule.hint(2, .changed, at: at(-5), now: at(1)) == false)
        #expect(schedule.take(now: at(60)) == .user(1))
    }

    @Test func thatComesTwiceOrLate_isDropped() {
        var schedule = schedule(pulled(1))
        #expect(schedule.hint(1, .online, at: at(100), now: at(101)) == true)
        #expect(schedule.hint(1, .online, at: at(100), now: at(160)) == false)
        #expect(schedule.hint(1, .offline, at: at(90), now: at(161)) == false)
        #expect(schedule.hint(1, .changed, at: at(110), now: at(161)) == true)
        #expect(schedule.hint(1, .changed, at: at(120), now: at(161)) == false)
    }

    /// A false time must not block the true ones that follow.
    @Test func fromTomorrow_countsAsNow() {
        var schedule = schedule(pulled(1))
        #expect(schedule.hint(1, .online, at: at(86_400), now: at(100)) == true)
        #expect(schedule.hint(1, .offline, at: at(110), now: at(110)) == true)
    }

    @Test func aboutAStranger_isDropped() {
        var schedule = schedule(pulled(1), pulled(2))
        #expect(schedule.hint(3, .online, at: at(10), now: at(10)) == false)
        schedule.remove(2)
        #expect(schedule.hint(2, .online, at: at(10), now: at(10)) == false)
        #expect(!schedule.hasHints(about: 2) && !schedule.hasHints(about: 3))
    }

    @Test func aboutAUserWhoseWasNeverPulled_leavesItAmongTheNew() {
        var schedule = schedule(pulled(1))
        schedule.add(2)
        for kind in Hint.allCases { _ = schedule.hint(2, kind, at: at(10), now: at(10)) }
        #expect(schedule.take(now: at(11)) == .user(2))
        schedule.finish(2, at: at(11), outcome: .pulled(.unchanged), calls: 1)
        #expect(schedule.hasHints(about: 2))
    }

    /// It went offline, or changed something, after its pull was sent and before the answer came.
    @Test(arguments: [Hint.offline, .changed])
    func duringAPull_isFollowedByAnother(kind: Hint) {
        var schedule = schedule(pulled(1, changes: 400), pulled(2))
        _ = schedule.hint(2, .online, at: at(50), now: at(50))
        schedule.nudge(2)
        #expect(schedule.take(now: at(100)) == .user(2))
        _ = schedule.hint(2, kind, at: at(130), now: at(130))
        schedule.finish(2, at: at(100), outcome: .pulled(.unchanged), calls: 1)
        schedule.nudge(1)
        #expect(schedule.take(now: at(131)) == .user(1))
        schedule.finish(1, at: at(131), outcome: .pulled(.unchanged), calls: 1)
        #expect(schedule.take(now: at(132)) == .user(2))
    }

    /// Of a thousand users half are said to have changed something, again and again, and none has: soon only every
    /// twentieth such hint is believed.
    @Test func thatIsNeverTrue_isHardlyFollowedAnyMore() {
        var schedule = Schedule(maxStaleness: .seconds(1e6))
        schedule.restore((1...1000).map { pulled($0) })
        var (now, followed) = (1.0, 0)
        var believed: Set<UserNumber> = []
        for round in 0..<4 {
            followed = 0
            for user in 1...1000 as ClosedRange<UserNumber> {
                now += 1
                if schedule.hint(user, .changed, at: at(now), now: at(now)) {
                    believed.insert(user)
                }
                guard case .user(let taken) = schedule.take(now: at(now + 0.5)) else { continue }
                if believed.remove(taken) != nil { followed += 1 }
                schedule.finish(taken, at: at(now + 0.5), outcome: .pulled(.unchanged), calls: 1)
            }
            if round == 0 { #expect(followed > 300) }
        }
        #expect(followed < 200)
    }

    /// A source that is silent for a quarter of an hour is dead: where its users are is not known any more.
    @Test func isForgotten_whenNoOtherFollows() {
        var one = schedule(pulled(1), pulled(2, changes: 12))
        var other = one
        _ = one.hint(1, .online, at: at(10), now: at(10))
        _ = one.hint(1, .offline, at: at(15), now: at(15))
        #expect(one.take(now: at(20)) == .user(1))
        one.finish(1, at: at(20), outcome: .notTried, calls: 0)
        // Of ten calls three are for those whom no hint has moved.
        #expect(one.take(now: at(20)) == .user(2))
        one.finish(2, at: at(20), outcome: .notTried, calls: 0)
        // Without hints the second would be first.
        #expect(other.take(now: at(20)) == .user(2))
        var later = one
        #expect(later.take(now: at(910)) == .user(1))
        #expect(one.take(now: at(1020)) == .user(2))
    }
}

@Suite struct TheSecondsOfAUserWhoIsOnlineAtTimes {
    /// What a schedule learns of a user who was online from 1000 to 1600, pulled at 2000: with a second online that
    /// weighs as much as one offline, as long as nothing is known.
    private func evidence(_ finding: PullFinding) throws -> Evidence {
        var schedule = schedule(pulled(1))
        _ = schedule.hint(1, .online, at: at(1000), now: at(1000))
        _ = schedule.hint(1, .offline, at: at(1600), now: at(1600))
        #expect(schedule.take(now: at(2000)) == .user(1))
        schedule.finish(1, at: at(2000), outcome: .pulled(finding), calls: 1)
        return try #require(schedule.knowledge(of: 1)).evidence
    }

    @Test func countAll_whenNothingHasChanged() throws {
        let before = Evidence(changes: 8.64, watched: 86_400)
        #expect(try evidence(.unchanged) == before.adding(.unchanged, after: 2000))
    }

    @Test func countFromTheChangeOn_whenOneWasFound() throws {
        let before = Evidence(changes: 8.64, watched: 86_400)
        let finding = PullFinding.changed(age: .seconds(500))
        #expect(try evidence(finding) == before.adding(finding, after: 2000))
    }
}

/// With what was learned of them, a second online weighs 10 and one offline a tenth: a hundred times as many changes
/// are made online, and a share of 1/11 is spent so.
@Suite struct SecondsThatWeighDifferently {
    private let learned = """
        {"changesOnline": 1e12, "changesOffline": 1e11, "secondsOnline": 1e6, "secondsOffline": 1e7,
        "visits": 1e9, "secondsOfVisits": 1e9, "truthOfChanged": 0.9}
        """

    /// One change in 10 000 s; pulled at 0, online from 1000 to 1600.
    private func visited() throws -> Schedule {
        var schedule = schedule(pulled(1))
        let record = try JSONDecoder().decode(PresenceRecord.self, from: Data(learned.utf8))
        schedule.restorePresence(record, of: [], now: at(0))
        _ = schedule.hint(1, .online, at: at(1000), now: at(1600))
        _ = schedule.hint(1, .offline, at: at(1600), now: at(1600))
        return schedule
    }

    /// The record is an invented one; its weights are those of the examples by hand.
    @Test func areTenAndATenth() throws {
        let before = Evidence(changes: 8.64, watched: 86_400)
        var schedule = try visited()
        #expect(schedule.take(now: at(2000)) == .user(1))
        schedule.finish(1, at: at(2000), outcome: .pulled(.unchanged), calls: 1)
        let watched = try #require(schedule.knowledge(of: 1)).evidence.watched
        // Forgotten for 2000 s, and 10·600 + 0.1·1400 added.
        let kept = Double(before.watched - Evidence.prior.watched) / (1 + 2000.0 / (7 * 86_400))
        #expect(abs(Double(watched) - (25_920 + kept + 6140)) < 60)
    }

    /// The newest change was at 1500: 100 s online and 400 s offline are after it.
    @Test func countFromTheChangeOn() throws {
        let before = Evidence(changes: 8.64, watched: 86_400)
        var schedule = try visited()
        #expect(schedule.take(now: at(2000)) == .user(1))
        schedule.finish(
            1, at: at(2000), outcome: .pulled(.changed(age: .seconds(500))), calls: 1)
        let known = try #require(schedule.knowledge(of: 1)).evidence
        let kept = Double(before.watched - Evidence.prior.watched) / (1 + 2000.0 / (7 * 86_400))
        #expect(abs(Double(known.watched) - (25_920 + kept + 1040)) < 20)
        #expect(abs(Double(known.changes) - (0.3 + 8.34 / (1 + 2000.0 / (7 * 86_400)) + 1)) < 0.001)
    }

    /// The value of the visited user at 2000 is its chance, 0.61/1.61, times the time until the next visit and the 700 s
    /// since half of its visit; visits are so frequent here that only those count: 265 s, up to half an octave.
    @Test func makeTheChanceOfAVisitedUser() throws {
        var schedule = try visited()
        // Without hints, users whose values are 550 s and 190 s.
        for (number, changes) in [(2, 33.0), (3, 9.5)] as [(UserNumber, Float)] {
            schedule.restore([pulled(number, changes: changes)])
        }
        #expect(schedule.take(now: at(2000)) == .user(2))
        #expect(schedule.take(now: at(2000)) == .user(1))
        #expect(schedule.take(now: at(2000)) == .user(3))
    }
}

@Suite struct WithAndWithoutHints {
    /// Whatever happens in whatever order, everyone is in one place, and no user waits for longer than the limit.
    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func everyUserHasItsTurn(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var schedule = Schedule(maxStaleness: .seconds(400))
        schedule.callsPerSecond = 1
        var known: Set<UserNumber> = []
        var taken: [UserNumber: MonotonicTime] = [:]
        var pulledAt: [UserNumber: MonotonicTime] = [:]
        var now = 0.0
        for step in 0..<6000 {
            let user = UserNumber.random(in: 1...60, using: &random)
            switch Int.random(in: 0..<12, using: &random) {
            case 0:
                schedule.add(user)
                known.insert(user)
            case 1 where Int.random(in: 0..<20, using: &random) == 0:
                schedule.remove(user)
                known.remove(user)
                pulledAt[user] = nil
            case 2...5:
                let kind = Hint.allCases.randomElement(using: &random) ?? .online
                let event = now - Double.random(in: -20..<100, using: &random)
                _ = schedule.hint(user, kind, at: at(event), now: at(now))
            case 6...8 where taken.count < 4:
                now += 1
                guard case .user(let next) = schedule.take(now: at(now)) else { break }
                #expect(known.contains(next) && taken[next] == nil, "step \(step)")
                if let before = pulledAt[next] {
                    #expect(at(now) - before <= .seconds(400), "step \(step)")
                }
                taken[next] = at(now)
            default:
                guard let (back, sentAt) = taken.min(by: { $0.key < $1.key }) else { break }
                taken[back] = nil
                let isChanged = Int.random(in: 0..<3, using: &random) == 0
                schedule.finish(
                    back, at: sentAt,
                    outcome: .pulled(isChanged ? .changed(age: .seconds(30)) : .unchanged),
                    calls: 1)
                if known.contains(back) { pulledAt[back] = sentAt }
            }
            #expect(schedule.count == known.count)
        }
        for (user, time) in taken {
            schedule.finish(user, at: time, outcome: .pulled(.unchanged), calls: 1)
        }
        var left: Set<UserNumber> = []
        while case .user(let user) = schedule.take(now: at(now + 500)) { left.insert(user) }
        #expect(left == known)
    }

    @Test func whatWasLearned_outlivesTheProcess() throws {
        var old = schedule(pulled(1), pulled(2))
        #expect(old.presenceRecord == nil)
        for visit in 0..<50 {
            let begin = 1000.0 * Double(visit) + 100
            _ = old.hint(1, .online, at: at(begin), now: at(begin))
            _ = old.hint(1, .offline, at: at(begin + 100), now: at(begin + 100))
            guard case .user(let user) = old.take(now: at(begin + 200)) else { continue }
            old.finish(
                user, at: at(begin + 200), outcome: .pulled(.changed(age: .seconds(150))), calls: 1)
        }
        let record = try #require(old.presenceRecord)
        #expect(record.makesSense)
        var new = schedule(pulled(1), pulled(2))
        new.restorePresence(record, of: [1], now: at(50_000))
        #expect(new.presenceRecord == record)
        #expect(new.hasHints(about: 1) && !new.hasHints(about: 2))
    }
}
