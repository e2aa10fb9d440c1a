import ChatModel
import SyncRules
import TestSupport
import Testing

// What calls that fail as a whole, and calls that change something, make of a session and of what it stores.

private let (alice, bob) = (ConversationID.user("alice"), ConversationID.user("bob"))
private let (eve, zed) = (ConversationID.user("eve"), ConversationID.user("zed"))
private let family = GroupReference(id: 1, name: "family")
private let time = WallTime(seconds: 1_767_300_000)
private let later = time + .seconds(7)

/// A session for edits of a user whose family are alice and bob, and its first call.
private func begun(_ edits: [Edit]) throws -> (session: OutboxSession, call: PushCall) {
    var cloud = NaiveCloud()
    _ = cloud.create("family", ["alice", "bob"])
    var session = OutboxSession(edits, of: 1, on: cloud.snapshot, policy: PushPolicy(), at: time)
    let call = session.plan(at: time, isLast: false)
    return (session, try #require(call))
}

private func failure(_ kind: FailureKind, _ code: Int?, isAnswered: Bool = true) -> CallFailure {
    CallFailure(kind: kind, code: code, problem: "no", isAnswered: isAnswered)
}

@Suite struct ACallThatIsRefusedAsAWhole {
    private let refusal = failure(.rejected, 51008)
    private let unclear = failure(.rejected, 50002)

    @Test func forOneEdit_rejectsIt() throws {
        var (session, call) = try begun([Edit(id: 1, operation: .add([eve], to: family))])
        _ = session.takeProgress()
        session.failed(call, refusal, at: later)
        #expect(session.edits.map(\.state) == [.rejected])
        #expect(session.edits.map(\.sentSeparately) == [false])
        let update = try #require(session.takeProgress().update)
        #expect(update.at == later)
        #expect(update.unsent == [1])
        #expect(update.ended.map(\.outcome) == [.refused(code: 51008, problem: "no")])
        #expect(session.summary.calls == 1)
        #expect(session.summary.rejected.map(\.code) == [51008])
    }

    @Test func withoutACode_rejectsItWithNone() throws {
        var (session, call) = try begun([Edit(id: 1, operation: .add([eve], to: family))])
        session.failed(call, failure(.rejected, nil), at: later)
        #expect(session.summary.rejected.map(\.code) == [0])
    }

    @Test func forSeveralEdits_sendsEachSeparately() throws {
        var (session, call) = try begun([
            Edit(id: 1, operation: .add([eve], to: family)),
            Edit(id: 2, operation: .add([zed], to: family)),
            Edit(id: 3, operation: .mark(alice, MarkEdit(custom: "x")), base: ""),
        ])
        #expect(call.edits == [1, 2])
        session.failed(call, refusal, at: later)
        #expect(session.edits.map(\.state) == [.queued, .queued, .queued])
        #expect(session.edits.map(\.sentSeparately) == [true, true, false])
        let next = session.plan(at: later, isLast: false)
        #expect(next?.edits == [1])
    }

    @Test func thatCannotBeSplit_rejectsItsLastEdit() throws {
        let own = GroupReference(id: -1, name: "club")
        var (session, call) = try begun([
            Edit(id: 1, operation: .create(name: "club", [eve]), sentSeparately: true),
            Edit(id: 2, operation: .rename(own, to: "pub"), sentSeparately: true),
            Edit(id: 3, operation: .mark(alice, MarkEdit(custom: "x")), base: ""),
        ])
        #expect(call.edits == [1, 2])
        session.failed(call, refusal, at: later)
        #expect(session.edits.map(\.state) == [.queued, .rejected, .queued])
    }

    /// A vanished group may be answered so: the next listing shows it.
    @Test(arguments: [
        EditOperation.add([eve], to: family), .rename(family, to: "kin"), .delete(family),
    ])
    func becauseAParameterIsWrong_waitsOnceWhereAGroupMayBeGone(operation: EditOperation) throws {
        // Another edit's failures say nothing about this one.
        var other = Edit(id: 2, operation: .mark(alice, MarkEdit(custom: "x")), base: "")
        other.failures = 3
        var (session, call) = try begun([Edit(id: 1, operation: operation, base: "family"), other])
        session.failed(call, unclear, at: later)
        #expect(session.edits.map(\.state) == [.queued, .queued])
        #expect(session.edits.map(\.failures) == [1, 3])
        #expect(session.summary.paused.keys.sorted() == [1])
        #expect(session.summary.trouble == nil)
        var again = Edit(id: 1, operation: operation, base: "family")
        again.failures = 1
        (session, call) = try begun([again, other])
        session.failed(call, unclear, at: later)
        #expect(session.edits.map(\.state) == [.rejected, .queued])
    }

    @Test(arguments: [
        EditOperation.create(name: "club", [eve]), .mark(eve, MarkEdit(custom: "x")),
    ])
    func becauseAParameterIsWrong_rejectsWhatNeedsNoGroup(operation: EditOperation) throws {
        var (session, call) = try begun([Edit(id: 1, operation: operation)])
        session.failed(call, unclear, at: later)
        #expect(session.edits.map(\.state) == [.rejected])
    }

    @Test func becauseItIsStale_waitsAndCounts() throws {
        var (session, call) = try begun([Edit(id: 1, operation: .add([eve], to: family))])
        session.failed(call, failure(.stale, 51007), at: later)
        #expect(session.edits.map(\.failures) == [1])
        #expect(session.summary.paused.keys.sorted() == [1])
        #expect(session.summary.trouble == nil)
    }

    @Test func becauseOfTooManyCalls_doesNotCountAgainstTheEdit() throws {
        var (session, call) = try begun([Edit(id: 1, operation: .add([eve], to: family))])
        _ = session.takeProgress()
        session.failed(call, failure(.throttled, 60012), at: later)
        #expect(session.edits.map(\.failures) == [0])
        #expect(session.edits.map(\.state) == [.queued])
        #expect(session.summary.trouble?.edits == [1])
        #expect(session.takeProgress().update?.unsent == [1])
    }

    @Test func thatNeverLeft_isNoCall() throws {
        var (session, call) = try begun([Edit(id: 1, operation: .add([eve], to: family))])
        _ = session.takeProgress()
        session.failed(call, .stopping, at: later)
        let update = session.takeProgress().update
        #expect(update?.unsent == [1])
        #expect(update?.ended.isEmpty == true)
        #expect(session.summary.calls == 0)
        #expect(session.edits.map(\.failures) == [0])
    }

    @Test(arguments: [(8, false), (9, true)])
    func forTheTenthTime_sendsTheEditSeparately(before: Int, isSeparate: Bool) throws {
        var edit = Edit(id: 1, operation: .add([eve], to: family))
        edit.failures = before
        var (session, call) = try begun([edit])
        session.failed(call, failure(.transient, 50005), at: later)
        #expect(session.edits.map(\.sentSeparately) == [isSeparate])
    }

    @Test(arguments: [(14, EditState.sending), (15, .rejected)])
    func fifteenTimes_isGivenUp(failures: Int, state: EditState) {
        var edit = Edit(id: 1, operation: .add([eve], to: family))
        edit.failures = failures
        var session = OutboxSession(
            [edit], of: 1,
            on: Snapshot(
                groups: [ConversationGroup(id: 1, name: "family")], conversations: []),
            policy: PushPolicy(), at: time)
        _ = session.plan(at: time, isLast: false)
        #expect(session.edits.map(\.state) == [state])
    }
}

@Suite struct ACallThatTheCloudTakes {
    @Test func makesChangesThatGoBackToTheirEdits_eachCallItsOwn() throws {
        var (session, call) = try begun([
            Edit(id: 1, operation: .add([eve], to: family)),
            Edit(id: 2, operation: .mark(alice, MarkEdit(custom: "x")), base: ""),
        ])
        _ = session.takeProgress()
        session.acknowledged(call, PushReply(results: [eve: nil]), at: later)
        let first = session.takeProgress()
        #expect(first.update?.at == later)
        #expect(first.pushed.map(\.diff.changes.count) == [1])
        #expect(first.pushed.map(\.at) == [later])
        #expect(first.pushed.first?.origins.values.sorted() == [1])
        #expect(session.takeProgress().pushed.isEmpty)
        let second = session.plan(at: later, isLast: false)
        session.acknowledged(try #require(second), PushReply(results: [alice: nil]), at: later)
        let pushed = session.takeProgress().pushed
        #expect(pushed.flatMap(\.diff.changes).map(\.kind) == [.customMarkChanged])
        #expect(pushed.first?.origins.values.sorted() == [2])
        #expect(session.summary.changes == 2)
        #expect(session.summary.calls == 2)
    }

    @Test func andRefusesAllOf_changesNothing() throws {
        var (session, call) = try begun([Edit(id: 1, operation: .add([eve], to: family))])
        let full = Refusal(code: 51008, words: "full")
        session.acknowledged(call, PushReply(results: [eve: full]), at: later)
        let progress = session.takeProgress()
        #expect(progress.pushed.isEmpty)
        let push = try #require(progress.update?.ended.first)
        #expect(push.outcome(for: 1) == .refused(code: 51008, problem: "full"))
        #expect(session.summary.changes == 0)
    }

    @Test func andRefusesInPart_isDoneForWhomeverItDidSomething() throws {
        var (session, call) = try begun([
            Edit(id: 1, operation: .add([eve], to: family)),
            Edit(id: 2, operation: .add([zed, eve], to: family)),
        ])
        let full = Refusal(code: 51008, words: "full")
        let reply = PushReply(results: [eve: full, zed: nil])
        session.acknowledged(call, reply, at: later)
        let push = try #require(session.takeProgress().update?.ended.first)
        #expect(push.outcome(for: 1) == .refused(code: 51008, problem: "full"))
        #expect(push.outcome(for: 2) == .done(reply))
    }

    @Test func settlesAllItsEdits_andTheyAreCounted() throws {
        var (session, call) = try begun([
            Edit(id: 1, operation: .add([eve], to: family)),
            Edit(id: 2, operation: .add([zed], to: family)),
            Edit(id: 3, operation: .add([alice], to: family)),
        ])
        session.acknowledged(call, PushReply(results: [eve: nil, zed: nil]), at: later)
        #expect(session.plan(at: later, isLast: false) == nil)
        #expect(session.summary.settled == [.applied: 2, .satisfied: 1])
    }

    /// What is stored already is not stored with each of many calls.
    @Test func leavesWhatIsKnownOfTheOthersAsItIs() throws {
        let many = (1...150).map { ConversationID.user(ExactText("peer\($0)")) }
        var (session, call) = try begun([
            Edit(id: 1, operation: .add(many, to: family)),
            Edit(id: 2, operation: .mark(alice, MarkEdit(custom: "x"))),
        ])
        let first = try #require(session.takeProgress().update)
        // The second edit was queued before anything was known to compare it with.
        #expect(first.decisions.map(\.edit) == [2])
        #expect(first.decisions.map(\.base) == [""])
        let results = Dictionary(
            uniqueKeysWithValues: call.conversations.map { ($0, nil as Refusal?) })
        session.acknowledged(call, PushReply(results: results), at: later)
        let latest = later + .seconds(1)
        _ = session.plan(at: latest, isLast: false)
        let second = try #require(session.takeProgress().update)
        #expect(second.decisions.isEmpty)
        #expect(second.at == latest)
        #expect(second.sending == [1])
    }

    @Test func whileAConflictIsOverridden_storesThatOnce() throws {
        var cloud = NaiveCloud()
        _ = cloud.create("kin", ["alice"])
        var session = OutboxSession(
            [
                Edit(
                    id: 1, operation: .rename(GroupReference(id: 1, name: "family"), to: "clan"),
                    base: "family")
            ],
            of: 1, on: cloud.snapshot, policy: PushPolicy(conflicts: .localWins), at: time)
        _ = session.plan(at: time, isLast: false)
        let update = try #require(session.takeProgress().update)
        #expect(update.decisions.map(\.conflict) == [EditConflict(base: "family", theirs: "kin")])
    }
}

@Suite struct WhatAnUpdateStores {
    private func update(_ change: (inout OutboxUpdate) -> Void) -> OutboxUpdate {
        var update = OutboxUpdate(user: 1, at: time)
        change(&update)
        return update
    }

    private func ended(_ outcome: EndedPush.Outcome) -> EndedPush {
        EndedPush(
            call: PushCall(action: .delete(1, name: "family"), edits: [1], wanted: [:]), at: time,
            outcome: outcome, edits: [])
    }

    private func decision(_ course: EditDecision.Course, _ conflict: EditConflict? = nil)
        -> EditDecision
    {
        EditDecision(edit: 1, course: course, conflict: conflict)
    }

    @Test func isNothing_withoutCallsDecisionsAndEdits() {
        #expect(update { _ in }.isEmpty)
        #expect(!update { $0.ended = [ended(.done(PushReply()))] }.isEmpty)
        #expect(!update { $0.decisions = [decision(.push)] }.isEmpty)
        #expect(!update { $0.renumbered = [-1: NumberedGroup(id: 1, name: nil)] }.isEmpty)
        #expect(!update { $0.unsent = [1] }.isEmpty)
        #expect(!update { $0.sending = [1] }.isEmpty)
    }

    @Test func changesTheMirrorWithOpenEdits_whereAnEditFailsOrAGroupGetsItsNumber() {
        let full = Refusal(code: 51008, words: "full")
        #expect(!update { _ in }.changesPending)
        #expect(
            !update { $0.ended = [ended(.done(PushReply(results: [eve: nil])))] }.changesPending)
        #expect(update { $0.ended = [ended(.done(PushReply(group: 7)))] }.changesPending)
        #expect(
            update { $0.ended = [ended(.done(PushReply(results: [eve: full])))] }.changesPending)
        #expect(
            !update { $0.ended = [ended(.refused(code: 1, problem: "no"))] }.changesPending)
        #expect(
            update { $0.renumbered = [-1: NumberedGroup(id: 1, name: nil)] }.changesPending)
    }

    @Test(arguments: [
        (EditDecision.Course.push, false), (.later, false), (.wait(behind: 2), true),
        (.settle(.applied, nil), false), (.settle(.satisfied, nil), false),
        (.settle(.cancelled, .conflict), true), (.reject(.groupMissing, nil, words: "gone"), true),
    ])
    func changesTheMirrorWithOpenEdits_byWhatIsDecided(
        course: EditDecision.Course, isChange: Bool
    ) {
        #expect(update { $0.decisions = [decision(course)] }.changesPending == isChange)
    }

    @Test func changesTheMirrorWithOpenEdits_whereAConflictIsOverridden() {
        let conflict = EditConflict(base: "a", theirs: "b")
        #expect(update { $0.decisions = [decision(.push, conflict)] }.changesPending)
    }
}
