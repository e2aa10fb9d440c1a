import ChatModel
import SyncRules
import Testing

/// What the first calls of a process wait for.
@Suite struct AfterAPredecessor {
    private static let start = MonotonicTime(nanoseconds: 100_000_000_000)

    private func window(_ predecessor: Predecessor, underWay: Int = 4) -> CallWindow {
        CallWindow(
            limit: 4, margin: .none, now: Self.start, underWay: underWay,
            predecessor: predecessor)
    }

    /// How many calls leave within the first second, asked for as soon as they may.
    private func callsInTheFirstSecond(_ predecessor: Predecessor) -> Int {
        var window = window(predecessor)
        var (now, count) = (Self.start, 0)
        while now < Self.start + .seconds(1) {
            switch window.take(now: now) {
            case .send: count += 1
            case .wait(let time): now = time
            case .waitForReply: return count
            }
        }
        return count
    }

    @Test func afterAPredecessorThatNeverWas_theWholeLimitIsThereAtOnce() {
        #expect(callsInTheFirstSecond(.none) == 4)
    }

    @Test func afterAPredecessorThatEndedCleanlyLongAgo_theWholeLimitIsThereAtOnce() {
        #expect(callsInTheFirstSecond(.quiet(since: .zero)) == 4)
        #expect(callsInTheFirstSecond(.quiet(since: Self.start - .seconds(1))) == 4)
    }

    @Test func afterAPredecessorThatEndedAMomentAgo_theFirstCallIsASecondAfterItsLast() {
        var window = window(.quiet(since: Self.start - .milliseconds(400)))
        #expect(window.take(now: Self.start) == .wait(until: Self.start + .milliseconds(600)))
        #expect(window.take(now: Self.start + .milliseconds(600)) == .send)
    }

    @Test
    func afterAPredecessorThatMayHaveBeenKilled_theFirstCallWaitsAndHalfOfTheTokensForLonger() {
        var window = window(.unknown, underWay: 2)
        #expect(window.take(now: Self.start) == .wait(until: Self.start + .seconds(1)))
        var (now, sent) = (Self.start + .seconds(1), 0)
        while now < Self.start + .milliseconds(3999) {
            guard case .send = window.take(now: now) else {
                now = now + .milliseconds(10)
                continue
            }
            sent += 1
        }
        #expect(sent == 2)
    }

    @Test func callsThatWereLost_areToldToTheNextProcess_asLongAsTheyCanArrive() {
        var window = window(.none)
        #expect(window.take(now: Self.start) == .send)
        #expect(window.lostCalls(now: Self.start) == .none)
        let now = Self.start + .milliseconds(10)
        window.ended(.lost, sentAt: Self.start, now: now)
        let until = Self.start + CallWindow.longestWay
        #expect(window.lostCalls(now: now) == LostCalls(count: 1, until: until))
        #expect(window.lostCalls(now: until) == .none)
    }

    @Test func afterAPredecessorWithLostCalls_theirTokensComeLater_andTheOthersAtOnce() {
        let lost = LostCalls(count: 3, until: Self.start + .seconds(2))
        var window = window(.quiet(since: .zero, lost: lost))
        #expect(window.take(now: Self.start) == .send)
        let later = Self.start + .milliseconds(200)
        #expect(window.take(now: later) == .wait(until: lost.until + .seconds(1)))
    }

    @Test func aPauseThatTheCloudAsksFor_narrowsNothing() {
        var window = window(.none)
        window.pause(until: Self.start + .seconds(7))
        #expect(window.take(now: Self.start) == .wait(until: Self.start + .seconds(7)))
        #expect(window.allowedNow == 4)
    }

    @Test func aRefusalWithALongerPause_isWaitedOut() {
        var window = window(.none)
        let isNarrower = window.refused(
            sentAt: Self.start, now: Self.start, pause: .seconds(9))
        #expect(isNarrower)
        #expect(window.take(now: Self.start) == .wait(until: Self.start + .seconds(9)))
    }

    /// What a gateway has passed on arrives within a second; a call that was lost may take three.
    @Test(arguments: [
        (CallWindow.Ending.replied, 1000), (.answeredBetween, 2000), (.lost, 4000),
        (.notSent, 0),
    ])
    func aToken_comesBackWhenTheCallCanCountNoMore(ending: CallWindow.Ending, after: Int) {
        var window = CallWindow(
            limit: 1, margin: .none, now: Self.start, underWay: 9, predecessor: .none)
        let first = window.take(now: Self.start)
        #expect(first == .send)
        window.ended(ending, sentAt: Self.start, now: Self.start)
        let back = Self.start + .milliseconds(after)
        // The pace of a limit of one is half a second.
        let now = Self.start + .milliseconds(500)
        let next = window.take(now: now)
        #expect(next == (back <= now ? .send : .wait(until: back)))
    }
}
