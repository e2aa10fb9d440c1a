import ChatModel
import SyncRules
import TestSupport
import Testing

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

@Suite struct AnOutboxSession {
    private func session(_ edits: [Edit]) -> OutboxSession {
        let cloud = home.snapshot
        return OutboxSession(
            edits, of: 1, on: cloud, policy: PushPolicy(), at: time)
    }

    private func lostAnswer(_ code: Int?) -> CallFailure {
        CallFailure(kind: .transient, code: code, problem: "time-out")
    }

    @Test func anOutboxSessionCountsACallOnce_howeverManyConversationsItRefused() throws {
        let ids = (1...20).map { ConversationID.user(ExactText("peer\($0)")) }
        var session = session([Edit(id: 1, operation: .add(ids, to: family))])
        let planned = session.plan(at: time, isLast: false)
        let call = try #require(planned)
        let results = Dictionary(uniqueKeysWithValues: ids.map { ($0, stale as Refusal?) })
        session.acknowledged(call, PushReply(results: results), at: time)
        #expect(session.edits.map(\.failures) == [1])
        #expect(session.edits[0].refused.isEmpty)
        #expect(session.summary.paused.keys.sorted() == [1])
    }

    @Test func anOutboxSessionRefusesForGood_whatIsStaleForTheThirdTime() throws {
        var edit = Edit(id: 1, operation: .add([eve, zed], to: family))
        edit.failures = 2
        var session = session([edit])
        let planned = session.plan(at: time, isLast: false)
        let call = try #require(planned)
        session.acknowledged(call, PushReply(results: [eve: stale, zed: nil]), at: time)
        #expect(session.edits[0].refused == [eve: stale])
        #expect(session.edits[0].done == [zed])
        #expect(session.plan(at: time, isLast: false) == nil)
        #expect(session.summary.rejected.map(\.reason) == [.refused])
    }

    @Test func anOutboxSessionSendsNothingBehindWhatItHasJustRejected() throws {
        let many = (1...150).map { ConversationID.user(ExactText("peer\($0)")) }
        var session = session([
            Edit(id: 1, operation: .add([alice, eve], to: family)),
            Edit(id: 2, operation: .add(many, to: family)),
        ])
        let planned = session.plan(at: time, isLast: false)
        let call = try #require(planned)
        var results = Dictionary(
            uniqueKeysWithValues: call.conversations.map { ($0, nil as Refusal?) })
        results[eve] = full
        session.acknowledged(call, PushReply(results: results), at: time)
        #expect(session.plan(at: time, isLast: false) == nil)
        #expect(session.edits.map(\.state) == [.rejected, .queued])
        #expect(session.edits[1].done.count == 99)
    }

    @Test
    func anOutboxSessionKnowsTheGroupOfASettledCreation_whenItRejectsSomethingBesides() throws {
        let own = GroupReference(id: -5, name: "family")
        var session = session([
            Edit(id: 5, operation: .create(name: "family", [alice])),
            Edit(id: 6, operation: .add([eve], to: own)),
            Edit(id: 7, operation: .mark(alice, MarkEdit(custom: "x")), base: "other"),
        ])
        let planned = session.plan(at: time, isLast: false)
        let call = try #require(planned)
        #expect(call.action == .update(1, name: "family", remove: [], add: [eve]))
        #expect(session.edits.map(\.state) == [.sending, .rejected])
    }

    /// The last of many failures may have been a success.
    @Test func anOutboxSessionGivesUp_onlyWhenTheCloudHasBeenLookedAtOnceMore() throws {
        var edit = Edit(id: 1, operation: .create(name: "club", [eve]), state: .sending)
        edit.failures = Edit.mostFailures - 1
        var session = session([edit])
        let planned = session.plan(at: time, isLast: false)
        let call = try #require(planned)
        session.failed(call, lostAnswer(50005), at: time)
        #expect(session.plan(at: time, isLast: true) == nil)
        #expect(session.edits.map(\.state) == [.sending])
        #expect(session.summary.rejected.isEmpty)
        var next = self.session(session.edits)
        #expect(next.plan(at: time, isLast: false) == nil)
        #expect(next.summary.rejected.map(\.reason) == [.gaveUp])
    }

    /// A proxy in between does not like eve, whatever call her mark is in.
    @Test
    func anOutboxSessionGivesUpOnlyTheEditThatAlwaysFails_notThoseThatSharedItsCalls() throws {
        var edits = [
            Edit(id: 1, operation: .mark(eve, MarkEdit(custom: "x"))),
            Edit(id: 2, operation: .mark(zed, MarkEdit(custom: "y"))),
        ]
        var summaries: [PushSummary] = []
        for _ in 1...20 where !edits.isEmpty {
            var session = session(edits)
            while let call = session.plan(at: time, isLast: session.summary.trouble != nil) {
                if call.conversations.contains(eve) {
                    session.failed(
                        call,
                        CallFailure(
                            kind: .transient, problem: "HTTP status 413", isAnswered: true),
                        at: time)
                } else {
                    session.acknowledged(call, PushReply(results: [zed: nil]), at: time)
                }
            }
            _ = session.takeProgress()
            summaries.append(session.summary)
            edits = session.edits
        }
        #expect(summaries.flatMap(\.rejected).map(\.edit) == [1])
        #expect(summaries.flatMap(\.rejected).map(\.reason) == [.gaveUp])
        #expect(summaries.flatMap { $0.settled.keys } == [.applied])
    }

    @Test func anOutboxSessionDoesNotCount_thatTheCloudCannotBeReached() throws {
        for isInDoubt in [true, false] {
            var session = session([Edit(id: 1, operation: .add([eve], to: family))])
            let planned = session.plan(at: time, isLast: false)
            let call = try #require(planned)
            session.failed(
                call,
                CallFailure(
                    kind: .transient, problem: "no connection", mayHaveTakenEffect: isInDoubt),
                at: time)
            #expect(session.edits.map(\.failures) == [0])
            #expect(session.edits.map(\.state) == [isInDoubt ? .sending : .queued])
        }
    }

    /// A proxy that does not like a text answers so each time.
    @Test func anOutboxSessionCounts_anAnswerThatNobodyCanRead() throws {
        var session = session([Edit(id: 1, operation: .add([eve], to: family))])
        let planned = session.plan(at: time, isLast: false)
        let call = try #require(planned)
        session.failed(
            call, CallFailure(kind: .transient, problem: "HTTP status 413", isAnswered: true),
            at: time)
        #expect(session.edits.map(\.failures) == [1])
        #expect(session.edits.map(\.state) == [.sending])
    }

    @Test func anOutboxSessionCounts_aConversationThatTheReplyLeavesOut() throws {
        var session = session([
            Edit(id: 1, operation: .add([eve], to: family)),
            Edit(id: 2, operation: .add([zed], to: family)),
        ])
        let planned = session.plan(at: time, isLast: false)
        let call = try #require(planned)
        #expect(call.edits == [1, 2])
        session.acknowledged(call, PushReply(results: [zed: nil]), at: time)
        #expect(session.edits.map(\.failures) == [1, 0])
    }

    @Test func anOutboxSessionCountsACallOnce_thatRefusedOneConversationAndLeftOutAnother() throws {
        var session = session([Edit(id: 1, operation: .add([eve, zed], to: family))])
        let planned = session.plan(at: time, isLast: false)
        let call = try #require(planned)
        session.acknowledged(call, PushReply(results: [zed: stale]), at: time)
        #expect(session.edits.map(\.failures) == [1])
    }

    @Test func anOutboxSessionDoesNotCountNorRefuse_whatCameTooOften() throws {
        var edit = Edit(id: 1, operation: .add([eve], to: family))
        edit.failures = Edit.mostFailures - 1
        var session = session([edit])
        let planned = session.plan(at: time, isLast: false)
        let call = try #require(planned)
        let often = Refusal(code: 60018, words: "too often")
        session.acknowledged(call, PushReply(results: [eve: often]), at: time)
        #expect(session.edits.map(\.failures) == [Edit.mostFailures - 1])
        #expect(session.edits[0].refused.isEmpty)
        #expect(session.summary.paused[1]?.kind == .throttled)
    }

    /// Seventy minutes of an outage are no reason to give an edit up.
    @Test func anOutboxSessionGivesUp_onlyAfterADayToo() {
        var edit = Edit(id: 1, operation: .add([eve], to: family))
        edit.failures = Edit.mostFailures
        edit.queuedAt = time
        var young = session([edit])
        let afterHours = young.plan(at: time + .seconds(24 * 3600 - 1), isLast: false)
        #expect(afterHours?.edits == [1])
        var old = session([edit])
        let afterADay = old.plan(at: time + .seconds(24 * 3600), isLast: false)
        #expect(afterADay == nil)
        #expect(old.summary.rejected.map(\.reason) == [.gaveUp])
    }

    @Test func anOutboxSessionGoesOnWithOtherThings_whenOneCallIsStale() throws {
        let edits = [
            Edit(id: 1, operation: .add([eve], to: family)),
            Edit(id: 2, operation: .mark(eve, MarkEdit(custom: "x"))),
        ]
        var session = session(edits)
        let first = session.plan(at: time, isLast: false)
        let call = try #require(first)
        #expect(call.edits == [1])
        session.failed(
            call, CallFailure(kind: .stale, code: 51009, problem: "no such group"), at: time)
        let second = session.plan(at: time, isLast: false)
        #expect(second?.edits == [2])
        #expect(session.summary.trouble == nil)
        #expect(session.summary.paused.keys.sorted() == [1])
    }

    /// Else status and exit codes go by what is over.
    @Test func storesThatAnEditWaitsNoMore_andThatItWaitsOnlyOnce() {
        var waiting = Edit(id: 2, operation: .add([eve], to: family))
        waiting.blockedBy = 1
        var free = session([waiting])
        _ = free.plan(at: time, isLast: true)
        #expect(decisions(&free).map(\.course) == [.push])
        let rejected = Edit(id: 1, operation: .add([zed], to: family), state: .rejected)
        var still = session([rejected, waiting])
        #expect(still.plan(at: time, isLast: true) == nil)
        #expect(decisions(&still).isEmpty)
    }

    private func decisions(_ session: inout OutboxSession) -> [EditDecision] {
        session.takeProgress().update?.decisions ?? []
    }

    @Test(arguments: [true, false])
    func anOutboxSessionLeavesInDoubt_whatMustWaitBehindARejectedEdit(isAnswered: Bool) throws {
        var tired = Edit(id: 1, operation: .rename(family, to: "kin"), base: "family")
        tired.sentSeparately = true
        let addition = Edit(id: 2, operation: .add([eve], to: family))
        var session = session([tired, addition])
        let planned = session.plan(at: time, isLast: false)
        let call = try #require(planned)
        #expect(call.edits == [1])
        let other = PushCall(
            action: .update(1, name: "family", remove: [], add: [eve]), edits: [2],
            wanted: [eve: [2]])
        if isAnswered {
            session.acknowledged(other, PushReply(results: [:]), at: time)
        } else {
            session.failed(other, lostAnswer(nil), at: time)
        }
        session.failed(call, CallFailure(kind: .rejected, code: 51010, problem: "no"), at: time)
        _ = session.takeProgress()
        #expect(session.plan(at: time, isLast: true) == nil)
        let decided = decisions(&session).map(\.edit)
        #expect(!decided.contains(2))
    }
}
