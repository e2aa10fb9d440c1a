import ChatModel
import SyncRules
import Testing

private func at(_ seconds: Int) -> MonotonicTime { .zero + .seconds(seconds) }

@Suite struct BackingOff {
    @Test(arguments: [(1, 2), (2, 4), (3, 8), (9, 512), (10, 900), (1000, 900)])
    func eachFailureDoublesThePauseUpToAQuarterOfAnHour(failures: Int, seconds: Int) {
        let longest = BackOff.delay(afterFailures: failures, chance: 0.999_999)
        let shortest = BackOff.delay(afterFailures: failures, chance: 0)
        #expect(shortest == .milliseconds(seconds * 500))
        #expect(longest > .milliseconds(seconds * 999) && longest <= .seconds(seconds))
    }
}

@Suite struct AUserThatTheCloudDoesNotKnow {
    @Test func aUserThatTheCloudDoesNotKnowIsLookedAtOnceADay() {
        #expect(BackOff.parked == .seconds(86_400))
    }
}

@Suite struct TheDeletionGuard {
    private let limits = DeletionGuard.Limits(share: 0.05, atLeast: 3, window: .seconds(600))
    private let users = Counter()

    private final class Counter {
        var last: UserNumber = 0
    }

    /// Another user loses everything.
    private func emptied(_ rule: inout DeletionGuard, now: MonotonicTime, others: Int)
        -> DeletionGuard.Verdict
    {
        users.last += 1
        return rule.emptied(users.last, now: now, others: others)
    }

    @Test func fewEmptiedUsers_areDeleted() {
        var rule = DeletionGuard(limits: limits)
        #expect(emptied(&rule, now: at(0), others: 1000) == .delete)
        #expect(emptied(&rule, now: at(1), others: 1000) == .delete)
    }

    @Test func tooManyAtOnce_tripIt() {
        var rule = DeletionGuard(limits: limits)
        for _ in 0..<10 { rule.kept(now: at(0)) }
        #expect(emptied(&rule, now: at(1), others: 1000) == .delete)
        #expect(emptied(&rule, now: at(2), others: 1000) == .delete)
        #expect(emptied(&rule, now: at(3), others: 1000) == .holdAndTrip)
        #expect(emptied(&rule, now: at(4), others: 1000) == .hold)
        #expect(rule.isTripped)
    }

    @Test func aSmallShareOfMany_doesNotTripIt() {
        var rule = DeletionGuard(limits: limits)
        for _ in 0..<1000 { rule.kept(now: at(0)) }
        for second in 1...50 { #expect(emptied(&rule, now: at(second), others: 1000) == .delete) }
    }

    /// A small installation pulls each user hundreds of times within the window.
    @Test func usersThatArePulledAgainAndAgain_countOnce() {
        var rule = DeletionGuard(limits: limits)
        for _ in 0..<10_000 { rule.kept(now: at(0)) }
        for gone in 1...3 {
            #expect(emptied(&rule, now: at(1), others: 60 - gone) == .delete)
        }
        #expect(emptied(&rule, now: at(1), others: 56) == .holdAndTrip)
        #expect(rule.totals(others: 56).pulled == 60)
    }

    @Test func exactlyTheShare_doesNotTripIt() {
        var rule = DeletionGuard(limits: limits)
        for _ in 0..<95 { rule.kept(now: at(0)) }
        for _ in 0..<5 { #expect(emptied(&rule, now: at(1), others: 1000) == .delete) }
        #expect(emptied(&rule, now: at(1), others: 1000) == .holdAndTrip)
    }

    /// A script that fills and empties the account of a test.
    @Test func oneThatIsEmptiedAgainAndAgain_isOne() {
        var rule = DeletionGuard(limits: limits)
        for second in 0..<100 {
            #expect(rule.emptied(7, now: at(second), others: 1000) == .delete)
        }
        #expect(rule.totals(others: 1000).emptied == 1)
        // It counts until ten minutes after the last time.
        #expect(rule.emptied(8, now: at(680), others: 1000) == .delete)
        #expect(rule.totals(others: 1000).emptied == 2)
        rule.kept(now: at(689))
        #expect(rule.totals(others: 1000).emptied == 2)
        rule.kept(now: at(690))
        #expect(rule.totals(others: 1000).emptied == 1)
    }

    @Test func whatLeftTheWindow_doesNotCount() {
        var rule = DeletionGuard(limits: limits)
        #expect(emptied(&rule, now: at(0), others: 1000) == .delete)
        #expect(emptied(&rule, now: at(1), others: 1000) == .delete)
        #expect(emptied(&rule, now: at(700), others: 1000) == .delete)
        #expect(rule.totals(others: 1000).emptied == 1)
    }

    /// The window of ten minutes has slices of ten seconds.
    @Test func whatCameWithinOneSlice_leavesTheWindowTogether() {
        var rule = DeletionGuard(limits: limits)
        rule.kept(now: at(0))
        rule.kept(now: at(9) + .milliseconds(900))
        rule.kept(now: at(599))
        #expect(rule.totals(others: 1000) == (3, 0))
        rule.kept(now: at(600))
        #expect(rule.totals(others: 1000) == (2, 0))
    }

    @Test func whatCameInTheNextSlice_staysWhenTheFirstLeaves() {
        var rule = DeletionGuard(limits: limits)
        #expect(emptied(&rule, now: at(0), others: 1000) == .delete)
        rule.kept(now: at(10))
        rule.kept(now: at(600))
        #expect(rule.totals(others: 1000) == (2, 0))
    }

    @Test func aDecision_letsCountingStartAgain() {
        var rule = DeletionGuard(limits: limits)
        for second in 0..<3 { _ = emptied(&rule, now: at(second), others: 1000) }
        #expect(rule.totals(others: 1000) == (3, 3))
        rule.decided()
        #expect(rule.totals(others: 1000) == (0, 0))
    }

    @Test func onceTripped_itHoldsUntilAPersonDecides() {
        var rule = DeletionGuard(limits: limits, isTripped: true)
        #expect(emptied(&rule, now: at(99_999), others: 1000) == .hold)
        rule.decided()
        #expect(emptied(&rule, now: at(99_999), others: 1000) == .delete)
    }
}

@Suite struct TheHealthOfTheCloud {
    @Test func refusal_leavesOneProbeAMinute() {
        var health = CloudHealth()
        #expect(health.observe(.refused(code: 70009), now: at(0)) == true)
        #expect(health.mayStart(now: at(59)) == false)
        #expect(health.mayStart(now: at(60)) == true)
        #expect(health.mayStart(now: at(61)) == false)
        #expect(health.observe(.accepted, now: at(62)) == true)
        #expect(health.mayStart(now: at(62)) == true)
    }

    @Test func aProbeWithoutAnAnswer_isRepeatedSoon() {
        var health = CloudHealth()
        _ = health.observe(.refused(code: 70009), now: at(0))
        health.reconsider(now: at(0))
        #expect(health.mayStart(now: at(1)) == true)
        #expect(health.observe(.noAnswer, now: at(11)) == false)
        #expect(health.mayStart(now: at(15)) == false)
        #expect(health.mayStart(now: at(16)) == true)
    }

    @Test func aFewUnansweredCalls_areNoOutage() {
        var health = CloudHealth()
        _ = health.observe(.accepted, now: at(0))
        for _ in 1..<CloudHealth.patience {
            #expect(health.observe(.noAnswer, now: at(1)) == false)
        }
        #expect(health.mayStart(now: at(1)) == true)
        #expect(health.observe(.noAnswer, now: at(1)) == true)
        #expect(health.state == .unreachable)
        #expect(health.mayStart(now: at(5)) == false)
        #expect(health.mayStart(now: at(6)) == true)
    }

    @Test func anAnswerBetweenThem_beginsTheCountAgain() {
        var health = CloudHealth()
        for _ in 1..<CloudHealth.patience { _ = health.observe(.noAnswer, now: at(0)) }
        _ = health.observe(.accepted, now: at(0))
        for _ in 1..<CloudHealth.patience {
            #expect(health.observe(.noAnswer, now: at(0)) == false)
        }
        #expect(health.observe(.noAnswer, now: at(0)) == true)
    }

    @Test func beforeAnyAnswer_theSameNumberIsAnOutage() {
        var health = CloudHealth()
        for _ in 1..<CloudHealth.patience { _ = health.observe(.noAnswer, now: at(0)) }
        #expect(health.state != .unreachable)
        _ = health.observe(.noAnswer, now: at(0))
        #expect(health.state == .unreachable)
    }

    @Test func reconsidering_allowsAProbeAtOnce() {
        var health = CloudHealth()
        _ = health.observe(.refused(code: 70009), now: at(0))
        health.reconsider(now: at(0))
        #expect(health.mayStart(now: at(1)) == true)
        #expect(health.mayStart(now: at(2)) == false)
    }

    @Test func reconsidering_isInDoubtUntilACallHasTold() {
        for outcome in [CloudHealth.Observation.accepted, .refused(code: 70009)] {
            var health = CloudHealth()
            _ = health.observe(.refused(code: 70009), now: at(0))
            #expect(!health.isInDoubt)
            health.reconsider(now: at(0))
            #expect(health.isInDoubt)
            _ = health.observe(.noAnswer, now: at(1))
            #expect(health.isInDoubt)
            _ = health.observe(outcome, now: at(2))
            #expect(!health.isInDoubt)
        }
    }

    @Test func reconsideringASilentCloud_isInDoubtUntilTheNextSilence() {
        var health = CloudHealth()
        for _ in 1...CloudHealth.patience { _ = health.observe(.noAnswer, now: at(0)) }
        health.reconsider(now: at(0))
        #expect(health.isInDoubt)
        _ = health.observe(.noAnswer, now: at(1))
        #expect(!health.isInDoubt && health.state == .unreachable)
    }

    @Test func aRefusalOfACallThatWasUnderWay_saysNothingOfWhatWasFixed() {
        var health = CloudHealth()
        _ = health.observe(.refused(code: 70009), now: at(0))
        health.reconsider(now: at(10))
        #expect(health.observe(.refused(code: 70009), began: at(9), now: at(11)) == false)
        #expect(health.observe(.noAnswer, began: at(9), now: at(11)) == false)
        #expect(health.isInDoubt)
        #expect(health.mayStart(now: at(11)) == true)
        #expect(health.observe(.refused(code: 60020), began: at(10), now: at(12)) == true)
        #expect(health.mayStart(now: at(71)) == false)
        health.reconsider(now: at(72))
        #expect(health.observe(.accepted, began: at(71), now: at(73)) == true)
        #expect(health.state == .accepting)
    }

    @Test func reconsideringWhatIsWell_raisesNoDoubt() {
        var health = CloudHealth()
        #expect(!health.isInDoubt)
        _ = health.observe(.accepted, now: at(0))
        health.reconsider(now: at(0))
        #expect(!health.isInDoubt)
    }
}
