import ChatModel
import SyncRules
import Testing

private func at(_ seconds: Int) -> MonotonicTime { .zero + .seconds(seconds) }

@Suite struct TheTimerOfTheOutbox {
    private let slow = CallFailure(kind: .transient, code: 50004, problem: "internal error")
    private let refused = CallFailure(kind: .refusedApp, code: 60020, problem: "arrears")

    private func timer() -> OutboxTimer {
        var timer = OutboxTimer()
        timer.changed(1)
        _ = timer.begin(1, now: at(0))
        return timer
    }

    private func begin(_ timer: inout OutboxTimer, _ second: Int) -> Bool {
        timer.begin(1, now: at(second))
    }

    private func pushed(
        _ timer: inout OutboxTimer, paused: Set<EditID> = [], now: Int,
        _ change: (inout PushSummary) -> Void
    ) -> (notes: [OutboxTimer.Note], next: OutboxTimer.Next)? {
        var summary = PushSummary()
        change(&summary)
        return timer.pushed(1, summary, paused: paused, chance: { 0 }, now: at(now))
    }

    @Test(arguments: [(nil, 0), (0, 4), (1, 3), (9, 0), (-5, 4)] as [(Int?, Int)])
    func whatAnEarlierProcessHasSent_isWaitedForUntilAListingIsConclusive(
        sentAgo: Int?, seconds: Int
    ) {
        var timer = OutboxTimer()
        timer.open(1, sentAgo: sentAgo.map { .seconds($0) }, now: at(10))
        #expect(timer.turn(of: 1, now: at(10)) == at(10 + seconds))
        #expect(begin(&timer, 10) == (seconds == 0))
        #expect(timer.waiting == [1] && timer.turn(of: 2, now: at(10)) == nil)
    }

    @Test func theTimerOfTheOutboxWhoHasNoEdits_isNotPushed() {
        var timer = OutboxTimer()
        #expect(!begin(&timer, 0) && !timer.contains(1))
        #expect(pushed(&timer, now: 0) { $0.calls = 1 } == nil)
    }

    @Test func whenAllIsSent_theUserIsLookedAtOnceMoreAndForgotten() {
        var timer = timer()
        #expect(pushed(&timer, now: 10) { $0.calls = 1 }?.next == .secondLook(at(12)))
        #expect(!timer.contains(1))
    }

    @Test func whenNothingWasToBeSent_nothingFollows() {
        var timer = timer()
        #expect(pushed(&timer, now: 10) { _ in }?.next == .whenItsTurnComes)
    }

    @Test func whatWasQueuedMeanwhile_isSentAtOnce() {
        var timer = timer()
        timer.changed(1)
        #expect(pushed(&timer, now: 10) { $0.calls = 1 }?.next == .atOnce)
        #expect(timer.contains(1) && begin(&timer, 10))
        #expect(pushed(&timer, now: 11) { $0.isMore = true }?.next == .atOnce)
    }

    @Test func whatWasSkipped_staysAsItIs() {
        var timer = timer()
        #expect(pushed(&timer, now: 10) { $0.isSkipped = true } == nil)
        #expect(timer.contains(1))
    }

    @Test func anEditThatFails_waitsForLongerEachTime_andOnlyIt() {
        var timer = timer()
        #expect(pushed(&timer, now: 10) { $0.paused = [5: slow] }?.next == .at(at(11)))
        #expect(timer.turn(of: 1, now: at(10)) == at(10))
        #expect(timer.pausedEdits(of: 1, at: at(10)) == [5])
        #expect(timer.pausedEdits(of: 1, at: at(11)) == [])
        #expect(pushed(&timer, now: 20) { $0.paused = [5: slow] }?.next == .at(at(22)))
        // It was paused when the pass began, and so not tried: its pause stays.
        #expect(pushed(&timer, paused: [5], now: 21) { $0.calls = 1 }?.next == .at(at(22)))
        // Done: nothing is left of it.
        #expect(pushed(&timer, now: 23) { $0.calls = 1 }?.next == .secondLook(at(25)))
    }

    @Test func editsThatFail_areEachLogged_inTheirOrder() {
        var timer = timer()
        let other = CallFailure(kind: .transient, code: 60008, problem: "other")
        let follows = pushed(&timer, now: 10) { $0.paused = [6: other, 5: slow] }
        let codes = (follows?.notes ?? []).map { note -> [Int?] in
            if case .failed(let edits, let failure, _, _) = note {
                [edits, failure.code]
            } else {
                []
            }
        }
        #expect(codes == [[1, slow.code], [1, 60008]])
    }

    @Test func afterAWriteInDoubt_nothingIsSentUntilAListingIsConclusive() {
        var timer = timer()
        let follows = pushed(&timer, now: 10) {
            $0.trouble = PushFailure(failure: slow, edits: [5, 6])
            $0.calls = 1
        }
        #expect(follows?.next == .at(at(14)))
        guard case .inDoubt(edits: 2, let failure, lookIn: .seconds(4))? = follows?.notes.first
        else {
            Issue.record("no note of a doubt")
            return
        }
        #expect(failure.code == 50004)
        #expect(!begin(&timer, 13) && begin(&timer, 14))
        #expect(timer.pausedEdits(of: 1, at: at(13)) == [5, 6])
    }

    @Test func afterARefusalOfEverything_allEditsWaitForTheBackOff() {
        var timer = timer()
        for (now, pause) in [(10, 1), (20, 2), (30, 4)] {
            let follows = pushed(&timer, now: now) {
                $0.trouble = PushFailure(failure: refused, edits: [5])
            }
            #expect(follows?.next == .at(at(now + pause)))
            #expect(timer.pausedEdits(of: 1, at: at(now)).isEmpty)
            _ = timer.begin(1, now: at(now + pause))
        }
        timer.changed(1)
        _ = pushed(&timer, now: 40) { _ in }
        let again = pushed(&timer, now: 50) {
            $0.trouble = PushFailure(failure: refused, edits: [5])
        }
        #expect(again?.next == .at(at(51)))
    }

    @Test func aStop_isNoFailure() {
        var timer = timer()
        let follows = pushed(&timer, now: 10) {
            $0.trouble = PushFailure(failure: .stopping, edits: [5])
            $0.isMore = true
        }
        #expect(follows?.notes.isEmpty == true && follows?.next == .atOnce)
    }
}

@Suite struct TheStatusOfTheCloud {
    private let arrears = CallFailure(
        kind: .refusedApp, code: 60020, problem: "arrears", advice: "pay")

    private func news(_ cloud: inout CloudStatus) -> Bool { cloud.takeNews() }

    @Test func aRefusal_isShownWithItsWords() {
        var cloud = CloudStatus()
        #expect(!news(&cloud))
        let change = cloud.observe(.refused(code: 60020), began: at(0), arrears, now: at(1))
        #expect(change?.before == .unknown && change?.now == .refused(code: 60020))
        #expect(news(&cloud) && !news(&cloud))
        #expect(cloud.shown.word == "refused" && cloud.shown.code == 60020)
        #expect(cloud.shown.problem == "arrears (code 60020); pay")
        let again = cloud.observe(.refused(code: 60020), began: at(0), arrears, now: at(2))
        #expect(again == nil)
    }

    @Test func silence_saysNothingAboutARefusal() {
        var cloud = CloudStatus()
        _ = cloud.observe(.refused(code: 60020), began: at(0), arrears, now: at(1))
        let silence = CallFailure(kind: .transient, problem: "no answer")
        _ = cloud.observe(.noAnswer, began: at(2), silence, now: at(3))
        #expect(cloud.shown.problem.hasPrefix("arrears"))
    }

    @Test func afterAReload_itIsUnknownUntilACallHasEnded() {
        var cloud = CloudStatus()
        _ = cloud.observe(.refused(code: 60020), began: at(0), arrears, now: at(1))
        _ = cloud.takeNews()
        cloud.reconsider(now: at(5))
        #expect(news(&cloud) && cloud.shown.word == "unknown" && cloud.shown.code == nil)
        _ = cloud.observe(.accepted, began: at(6), nil, now: at(7))
        #expect(news(&cloud) && cloud.shown.word == "accepting" && cloud.shown.problem == "")
    }

    @Test func manySilentCalls_areShownAsUnreachable() {
        var cloud = CloudStatus()
        let silence = CallFailure(kind: .transient, problem: "no answer")
        for second in 1...CloudHealth.patience {
            _ = cloud.observe(.noAnswer, began: at(second), silence, now: at(second))
        }
        #expect(cloud.shown.word == "unreachable" && cloud.shown.problem == "no answer")
        #expect(cloud.shown.code == nil)
    }

    @Test(
        arguments: [
            (FailureKind.stopping, nil, CallFailure.UserCourse.keepsItsTurn),
            (.refusedApp, .refused(code: 1), .keepsItsTurn),
            (.clockOff, .clockOff(code: 1), .keepsItsTurn),
            (.notImported, .accepted, .isParked), (.rejected, .accepted, .backsOff),
            (.transient, .accepted, .backsOff), (.throttled, .accepted, .backsOff),
        ] as [(FailureKind, CloudHealth.Observation?, CallFailure.UserCourse)])
    func whatAFailedPassMeans_followsFromItsKind(
        kind: FailureKind, observation: CloudHealth.Observation?, course: CallFailure.UserCourse
    ) {
        let failure = CallFailure(kind: kind, code: 1, problem: "")
        #expect(failure.observation == observation && failure.userCourse == course)
    }

    @Test func aCallWithoutAnAnswer_isNoneOfTheCloud() {
        #expect(CallFailure(kind: .transient, problem: "").observation == .noAnswer)
    }
}
