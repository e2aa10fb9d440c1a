import ChatAPI
import ChatModel
import MirrorStore
import SyncRules
import TestSupport
import Testing

@testable import SyncEngine

// What answers make of edits while one user is pushed.

private let alice = ConversationID.user("alice")
private let eve = ConversationID.user("eve")
private let zed = ConversationID.user("zed")
private let family = GroupReference(id: 1, name: "family")
private let time = WallTime(seconds: 1_767_300_000)
private let stale = Refusal(code: 51007, words: "cannot be resolved")
private let full = Refusal(code: 51008, words: "full")

/// alice and bob are family.
private var home: NaiveCloud {
    var cloud = NaiveCloud()
    _ = cloud.create("family", ["alice", "bob"])
    return cloud
}

@Suite struct ADesk {
    private func desk(_ edits: [Edit]) -> PushDesk {
        let cloud = home.snapshot
        return PushDesk(
            edits, of: 1, cloud: cloud, mirror: cloud, policy: PushPolicy(), at: time)
    }

    private func lostAnswer(_ code: Int?) -> CallFailure {
        CallFailure(kind: .transient, code: code, problem: "time-out")
    }

    @Test func countsACallOnce_howeverManyConversationsItRefused() throws {
        let ids = (1...20).map { ConversationID.user(ExactText("peer\($0)")) }
        var desk = desk([Edit(id: 1, operation: .add(ids, to: family))])
        let planned = desk.plan(at: time, isLast: false)
        let call = try #require(planned)
        let results = Dictionary(uniqueKeysWithValues: ids.map { ($0, stale as Refusal?) })
        desk.acknowledged(call, PushReply(results: results), at: time)
        #expect(desk.edits.map(\.failures) == [1])
        #expect(desk.edits[0].refused.isEmpty)
        #expect(desk.summary.paused.keys.sorted() == [1])
    }

    @Test func refusesForGood_whatIsStaleForTheThirdTime() throws {
        var edit = Edit(id: 1, operation: .add([eve, zed], to: family))
        edit.failures = 2
        var desk = desk([edit])
        let planned = desk.plan(at: time, isLast: false)
        let call = try #require(planned)
        desk.acknowledged(call, PushReply(results: [eve: stale, zed: nil]), at: time)
        #expect(desk.edits[0].refused == [eve: stale])
        #expect(desk.edits[0].done == [zed])
        #expect(desk.plan(at: time, isLast: false) == nil)
        #expect(desk.summary.rejected.map(\.reason) == [.refused])
    }

    @Test func sendsNothingBehindWhatItHasJustRejected() throws {
        let many = (1...150).map { ConversationID.user(ExactText("peer\($0)")) }
        var desk = desk([
            Edit(id: 1, operation: .add([alice, eve], to: family)),
            Edit(id: 2, operation: .add(many, to: family)),
        ])
        let planned = desk.plan(at: time, isLast: false)
        let call = try #require(planned)
        var results = Dictionary(
            uniqueKeysWithValues: call.conversations.map { ($0, nil as Refusal?) })
        results[eve] = full
        desk.acknowledged(call, PushReply(results: results), at: time)
        #expect(desk.plan(at: time, isLast: false) == nil)
        #expect(desk.edits.map(\.state) == [.rejected, .queued])
        #expect(desk.edits[1].done.count == 99)
    }

    @Test func knowsTheGroupOfASettledCreation_whenItRejectsSomethingBesides() throws {
        let own = GroupReference(id: -5, name: "family")
        var desk = desk([
            Edit(id: 5, operation: .create(name: "family", [alice])),
            Edit(id: 6, operation: .add([eve], to: own)),
            Edit(id: 7, operation: .mark(alice, MarkEdit(custom: "x")), base: "other"),
        ])
        let planned = desk.plan(at: time, isLast: false)
        let call = try #require(planned)
        #expect(call.action == .update(1, name: "family", remove: [], add: [eve]))
        #expect(desk.edits.map(\.state) == [.sending, .rejected])
    }

    /// The last of many failures may have been a success.
    @Test func givesUp_onlyWhenTheCloudHasBeenLookedAtOnceMore() throws {
        var edit = Edit(id: 1, operation: .create(name: "club", [eve]), state: .sending)
        edit.failures = Edit.mostFailures - 1
        var desk = desk([edit])
        let planned = desk.plan(at: time, isLast: false)
        let call = try #require(planned)
        desk.failed(call, lostAnswer(50005), at: time)
        #expect(desk.plan(at: time, isLast: true) == nil)
        #expect(desk.edits.map(\.state) == [.sending])
        #expect(desk.summary.rejected.isEmpty)
        var next = self.desk(desk.edits)
        #expect(next.plan(at: time, isLast: false) == nil)
        #expect(next.summary.rejected.map(\.reason) == [.gaveUp])
    }

    /// A proxy in between does not like eve, whatever call her mark is in.
    @Test func givesUpOnlyTheEditThatAlwaysFails_notThoseThatSharedItsCalls() throws {
        var edits = [
            Edit(id: 1, operation: .mark(eve, MarkEdit(custom: "x"))),
            Edit(id: 2, operation: .mark(zed, MarkEdit(custom: "y"))),
        ]
        var summaries: [PushSummary] = []
        for _ in 1...20 where !edits.isEmpty {
            var desk = desk(edits)
            while let call = desk.plan(at: time, isLast: desk.summary.trouble != nil) {
                if call.conversations.contains(eve) {
                    desk.failed(
                        call,
                        CallFailure(
                            kind: .transient, problem: "HTTP status 413", isAnswered: true),
                        at: time)
                } else {
                    desk.acknowledged(call, PushReply(results: [zed: nil]), at: time)
                }
            }
            _ = desk.takeEntries()
            summaries.append(desk.summary)
            edits = desk.edits
        }
        #expect(summaries.flatMap(\.rejected).map(\.edit) == [1])
        #expect(summaries.flatMap(\.rejected).map(\.reason) == [.gaveUp])
        #expect(summaries.flatMap { $0.settled.keys } == [.applied])
    }

    @Test func doesNotCount_thatTheCloudCannotBeReached() throws {
        for isInDoubt in [true, false] {
            var desk = desk([Edit(id: 1, operation: .add([eve], to: family))])
            let planned = desk.plan(at: time, isLast: false)
            let call = try #require(planned)
            desk.failed(
                call,
                CallFailure(
                    kind: .transient, problem: "no connection", mayHaveTakenEffect: isInDoubt),
                at: time)
            #expect(desk.edits.map(\.failures) == [0])
            #expect(desk.edits.map(\.state) == [isInDoubt ? .sending : .queued])
        }
    }

    /// A proxy that does not like a text answers so each time.
    @Test func counts_anAnswerThatNobodyCanRead() throws {
        var desk = desk([Edit(id: 1, operation: .add([eve], to: family))])
        let planned = desk.plan(at: time, isLast: false)
        let call = try #require(planned)
        desk.failed(
            call, CallFailure(kind: .transient, problem: "HTTP status 413", isAnswered: true),
            at: time)
        #expect(desk.edits.map(\.failures) == [1])
        #expect(desk.edits.map(\.state) == [.sending])
    }

    @Test func counts_aConversationThatTheReplyLeavesOut() throws {
        var desk = desk([
            Edit(id: 1, operation: .add([eve], to: family)),
            Edit(id: 2, operation: .add([zed], to: family)),
        ])
        let planned = desk.plan(at: time, isLast: false)
        let call = try #require(planned)
        #expect(call.edits == [1, 2])
        desk.acknowledged(call, PushReply(results: [zed: nil]), at: time)
        #expect(desk.edits.map(\.failures) == [1, 0])
    }

    @Test func countsACallOnce_thatRefusedOneConversationAndLeftOutAnother() throws {
        var desk = desk([Edit(id: 1, operation: .add([eve, zed], to: family))])
        let planned = desk.plan(at: time, isLast: false)
        let call = try #require(planned)
        desk.acknowledged(call, PushReply(results: [zed: stale]), at: time)
        #expect(desk.edits.map(\.failures) == [1])
    }

    @Test func doesNotCountNorRefuse_whatCameTooOften() throws {
        var edit = Edit(id: 1, operation: .add([eve], to: family))
        edit.failures = Edit.mostFailures - 1
        var desk = desk([edit])
        let planned = desk.plan(at: time, isLast: false)
        let call = try #require(planned)
        let often = Refusal(code: 60018, words: "too often")
        desk.acknowledged(call, PushReply(results: [eve: often]), at: time)
        #expect(desk.edits.map(\.failures) == [Edit.mostFailures - 1])
        #expect(desk.edits[0].refused.isEmpty)
        #expect(desk.summary.paused[1]?.kind == .throttled)
    }

    /// Seventy minutes of an outage are no reason to give an edit up.
    @Test func givesUp_onlyAfterADayToo() {
        var edit = Edit(id: 1, operation: .add([eve], to: family))
        edit.failures = Edit.mostFailures
        edit.queuedAt = time
        var young = desk([edit])
        let afterHours = young.plan(at: time + .seconds(24 * 3600 - 1), isLast: false)
        #expect(afterHours?.edits == [1])
        var old = desk([edit])
        let afterADay = old.plan(at: time + .seconds(24 * 3600), isLast: false)
        #expect(afterADay == nil)
        #expect(old.summary.rejected.map(\.reason) == [.gaveUp])
    }

    @Test func goesOnWithOtherThings_whenOneCallIsStale() throws {
        let edits = [
            Edit(id: 1, operation: .add([eve], to: family)),
            Edit(id: 2, operation: .mark(eve, MarkEdit(custom: "x"))),
        ]
        var desk = desk(edits)
        let first = desk.plan(at: time, isLast: false)
        let call = try #require(first)
        #expect(call.edits == [1])
        desk.failed(
            call, CallFailure(kind: .stale, code: 51009, problem: "no such group"), at: time)
        let second = desk.plan(at: time, isLast: false)
        #expect(second?.edits == [2])
        #expect(desk.summary.trouble == nil)
        #expect(desk.summary.paused.keys.sorted() == [1])
    }

    /// Else status and exit codes go by what is over.
    @Test func storesThatAnEditWaitsNoMore_andThatItWaitsOnlyOnce() {
        var waiting = Edit(id: 2, operation: .add([eve], to: family))
        waiting.behind = 1
        var free = desk([waiting])
        _ = free.plan(at: time, isLast: true)
        #expect(decisions(&free).map(\.course) == [.push])
        let rejected = Edit(id: 1, operation: .add([zed], to: family), state: .rejected)
        var still = desk([rejected, waiting])
        #expect(still.plan(at: time, isLast: true) == nil)
        #expect(decisions(&still).isEmpty)
    }

    private func decisions(_ desk: inout PushDesk) -> [EditDecision] {
        desk.takeEntries().flatMap { entry -> [EditDecision] in
            if case .outbox(let update) = entry { update.decisions } else { [] }
        }
    }

    @Test(arguments: [true, false])
    func leavesInDoubt_whatMustWaitBehindARejectedEdit(isAnswered: Bool) throws {
        var tired = Edit(id: 1, operation: .rename(family, to: "kin"), base: "family")
        tired.isAlone = true
        let addition = Edit(id: 2, operation: .add([eve], to: family))
        var desk = desk([tired, addition])
        let planned = desk.plan(at: time, isLast: false)
        let call = try #require(planned)
        #expect(call.edits == [1])
        let other = PushCall(
            action: .update(1, name: "family", remove: [], add: [eve]), edits: [2],
            wanted: [eve: [2]])
        if isAnswered {
            desk.acknowledged(other, PushReply(results: [:]), at: time)
        } else {
            desk.failed(other, lostAnswer(nil), at: time)
        }
        desk.failed(call, CallFailure(kind: .rejected, code: 51010, problem: "no"), at: time)
        _ = desk.takeEntries()
        #expect(desk.plan(at: time, isLast: true) == nil)
        let decided = desk.takeEntries().flatMap { entry -> [EditID] in
            if case .outbox(let update) = entry { update.decisions.map(\.edit) } else { [] }
        }
        #expect(!decided.contains(2))
    }
}
