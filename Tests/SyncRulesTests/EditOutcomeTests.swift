import ChatModel
import SyncRules
import Testing

let noon = WallTime(seconds: 1_767_268_800)

private let family = GroupReference(id: 1, name: "family")
private let (bob, eve) = (ConversationID.user("bob"), ConversationID.user("eve"))
private let full = Refusal(code: 51008, words: "full")
private let later = noon + .seconds(5)

/// An edit with something in every field that a decision may clear.
private func edit(_ state: EditState, _ operation: EditOperation = .add([bob, eve], to: family))
    -> Edit
{
    var edit = Edit(id: 5, operation: operation, base: "old", state: state, failures: 3)
    (edit.code, edit.problem, edit.blockedBy) = (60003, "busy", 2)
    (edit.attempts, edit.updatedAt) = (2, noon)
    return edit
}

@Suite struct AnEditAfterADecision {
    private func decided(
        _ course: EditDecision.Course, base: ExactText? = nil, group: GroupID? = nil
    )
        -> EditDecision
    {
        EditDecision(edit: 5, course: course, group: group, base: base)
    }

    @Test func toPushIt_waitsForNothingAndStandsOnWhatItWasComparedWith() {
        let pushed = edit(.queued).decided(decided(.push, base: "new"), at: later)
        #expect(pushed.blockedBy == nil)
        #expect(pushed.base == "new")
        #expect(pushed.problem == "busy")
        #expect(pushed.updatedAt == noon)
    }

    @Test func toTryItLater_isAsBefore() {
        #expect(edit(.queued).decided(decided(.later), at: later) == edit(.queued))
    }

    @Test func thatItWaits_isQueuedBehindTheOther() {
        let waiting = edit(.sending).decided(decided(.wait(behind: 4), base: "new"), at: later)
        #expect(waiting.state == .queued)
        #expect(waiting.blockedBy == 4)
        #expect(waiting.base == "new")
        #expect((waiting.code, waiting.problem) == (nil, nil))
        #expect(waiting.updatedAt == later)
    }

    @Test func thatSettlesIt_keepsItsBase() {
        let settled = edit(.sending)
            .decided(decided(.settle(.satisfied, .overtaken), base: "new"), at: later)
        #expect(settled.state == .satisfied)
        #expect(settled.reason == .overtaken)
        #expect(settled.base == "old")
        #expect(settled.blockedBy == nil)
    }

    @Test func thatRejectsIt_keepsTheCodeOnlyWhenItWasGivenUp() {
        let refused = edit(.sending).decided(
            decided(.reject(.refused, full, words: "full")), at: later)
        #expect((refused.state, refused.reason) == (.rejected, .refused))
        #expect((refused.code, refused.problem) == (51008, "full"))
        #expect(refused.base == "old")
        let tired = edit(.queued).decided(decided(.reject(.gaveUp, nil, words: "tired")), at: later)
        #expect((tired.code, tired.problem) == (60003, "tired"))
        let gone = edit(.queued).decided(
            decided(.reject(.groupMissing, nil, words: "gone")), at: later)
        #expect(gone.code == nil)
    }

    @Test(arguments: [EditState.rejected, .applied, .satisfied, .cancelled])
    func afterItsEnd_isAsBefore(state: EditState) {
        let ended = edit(state)
        #expect(ended.decided(decided(.settle(.applied, nil)), at: later) == ended)
    }

    @Test func keepsTheConflictThatWasFoundBefore() {
        let conflict = EditConflict(base: "old", theirs: "theirs")
        let found = edit(.queued).decided(
            EditDecision(edit: 5, course: .push, base: "old", conflict: conflict), at: later)
        #expect(found.conflict == conflict)
        #expect(found.decided(decided(.push), at: later).conflict == conflict)
    }

    @Test func givesACreationItsGroup_andAReferenceItsNumber_once() {
        let creation = edit(.queued, .create(name: "club", [eve]))
        let made = creation.decided(decided(.push, group: 7), at: later)
        #expect(made.createdGroup == 7)
        #expect(made.decided(decided(.push, group: 8), at: later).createdGroup == 7)
        let unnumbered = edit(.queued, .delete(GroupReference(id: nil, name: "club")))
        let numbered = unnumbered.decided(decided(.push, group: 7), at: later)
        #expect(numbered.operation == .delete(GroupReference(id: 7, name: "club")))
        #expect(numbered.createdGroup == nil)
        #expect(numbered.decided(decided(.push, group: 8), at: later).operation.group?.id == 7)
    }
}

@Suite struct AnEditAfterACall {
    private let call = PushCall(
        action: .update(1, name: "family", remove: [], add: [bob, eve]), edits: [5],
        wanted: [bob: [5], eve: [5]])

    private func update(_ outcome: EndedPush.Outcome, after: Edit) -> OutboxUpdate {
        var update = OutboxUpdate(user: 1, at: later)
        update.ended = [EndedPush(call: call, at: later, outcome: outcome, edits: [after])]
        return update
    }

    @Test func hasWhatWasDoneAndRefused_andTheWordsOfWhatPasses() throws {
        let stale = Refusal(code: 51007, words: "?")
        var after = edit(.sending)
        after.refused = [eve: full]
        let reply = PushReply(results: [bob: stale, eve: full])
        let once = try #require(
            update(.done(reply), after: after).applied(to: [edit(.sending)])?.first)
        #expect(once.refused == [eve: full])
        #expect(once.passing == [bob: "? (code 51007)"])
        #expect((once.code, once.problem, once.updatedAt) == (nil, nil, later))
        let twice = update(.done(PushReply(results: [bob: nil])), after: after).applied(to: [once])
        #expect(twice?.first?.done == [bob])
        #expect(twice?.first?.passing == [:])
    }

    @Test func thatFailed_hasItsWordsAndWhatWasCounted() throws {
        var after = edit(.sending)
        (after.failures, after.sentSeparately, after.createdGroup) = (4, true, 9)
        let failed = update(.inDoubt(code: 60003, problem: "?!"), after: after)
        let edit = try #require(failed.applied(to: [edit(.sending)])?.first)
        #expect((edit.failures, edit.sentSeparately, edit.createdGroup) == (4, true, 9))
        #expect((edit.code, edit.problem) == (60003, "?!"))
        #expect(edit.done.isEmpty)
    }

    @Test func thatNeverLeft_hasOneAttemptLess_andOneThatWasAnsweredHasNot() throws {
        var sending = OutboxUpdate(user: 1, at: later)
        sending.sending = [5]
        let sent = try #require(sending.applied(to: [edit(.queued)])?.first)
        #expect((sent.state, sent.attempts, sent.updatedAt) == (.sending, 3, later))
        #expect(edit(.sending).inDoubt(at: later).updatedAt == later)
        let latest = later + .seconds(1)
        var unsent = OutboxUpdate(user: 1, at: latest)
        unsent.unsent = [5]
        let back = try #require(unsent.applied(to: [sent])?.first)
        #expect((back.state, back.attempts, back.updatedAt) == (.queued, 2, latest))
        var refused = update(.refused(code: 60003, problem: "busy"), after: sent)
        refused.unsent = [5]
        let answered = try #require(refused.applied(to: [sent])?.first)
        #expect((answered.state, answered.attempts) == (.queued, 3))
    }

    @Test func thatIsRejectedOrNotBeingSent_isNotSentAndNotTakenBack() {
        var update = OutboxUpdate(user: 1, at: later)
        (update.sending, update.unsent) = ([5], [5])
        #expect(update.applied(to: [edit(.rejected)]) == [edit(.rejected)])
        update.sending = []
        #expect(update.applied(to: [edit(.queued)]) == [edit(.queued)])
    }

    @Test func ofAnotherEdit_isAsBefore() {
        var other = Edit(id: 6, operation: .delete(family))
        other.state = .sending
        let failed = update(.inDoubt(code: 60003, problem: "?!"), after: edit(.sending))
        #expect(failed.applied(to: [other]) == [other])
    }

    @Test func whoseUserHasFewerEditsThanItWasDecidedBy_isNotTouched() {
        var update = OutboxUpdate(user: 1, at: later)
        update.sending = [5]
        update.premise = .init(unsettled: 2, through: 5)
        #expect(update.applied(to: [edit(.queued)]) == nil)
        let newer = Edit(id: 6, operation: .delete(family))
        update.premise = .init(unsettled: 1, through: 5)
        #expect(update.applied(to: [edit(.queued), newer])?.map(\.state) == [.sending, .queued])
        let newest = Edit(id: 7, operation: .delete(family))
        #expect(update.applied(to: [edit(.queued), newer, newest]) != nil)
    }
}

@Suite struct WhatAnEditStandsOn {
    private let family1 = ConversationGroup(id: 1, name: "kin")

    @Test func movesWithOurOwnRename_whereItStoodOnTheNameBefore() {
        let renamed = Change.groupRenamed(family1, from: "family")
        func base(_ group: GroupID, _ base: ExactText, _ state: EditState = .queued) -> ExactText? {
            let reference = GroupReference(id: group, name: "family")
            return Edit(id: 5, operation: .rename(reference, to: "clan"), base: base, state: state)
                .moved(by: renamed).base
        }
        #expect(base(1, "family") == "kin")
        #expect(base(1, "other") == "other")
        #expect(base(2, "family") == "family")
        #expect(base(1, "family", .applied) == "family")
    }

    @Test func movesWithOurOwnMark_whereItStoodOnTheTextBefore() {
        let marked = Change.customMarkChanged(bob, from: "old", to: "new")
        func base(_ id: ConversationID, _ base: ExactText?, _ marks: MarkEdit) -> ExactText? {
            Edit(id: 5, operation: .mark(id, marks), base: base).moved(by: marked).base
        }
        #expect(base(bob, "old", MarkEdit(custom: "x")) == "new")
        #expect(base(bob, "other", MarkEdit(custom: "x")) == "other")
        #expect(base(eve, "old", MarkEdit(custom: "x")) == "old")
        #expect(base(bob, "old", MarkEdit(set: StandardMark(bits: 1))) == "old")
    }

    @Test func isTheNameThatTheGroupGot_whenTheRenameWasQueuedBeforeIt() {
        let club = GroupReference(id: -3, name: "club")
        let number = NumberedGroup(id: 7, name: "club")
        let rename = Edit(id: 5, operation: .rename(club, to: "pub"))
        #expect(rename.renumbering(-3, as: number).base == "club")
        #expect(rename.renumbering(-4, as: number) == rename)
        let known = Edit(id: 5, operation: .rename(club, to: "pub"), base: "bar")
        #expect(known.renumbering(-3, as: number).base == "bar")
        let added = Edit(id: 5, operation: .add([bob], to: club)).renumbering(-3, as: number)
        #expect(added.base == nil)
        #expect(added.operation.group?.id == 7)
    }

    @Test func isWhatTheFirstPullFound_forACustomMarkThatKnewNothing() {
        let found = Draft(
            Snapshot(
                groups: [], conversations: [Conversation(id: bob, groups: [], customMark: "vip")]))
        func base(_ operation: EditOperation, _ base: ExactText? = nil) -> ExactText? {
            Edit(id: 5, operation: operation, base: base).based(on: found).base
        }
        #expect(base(.mark(bob, MarkEdit(custom: "x"))) == "vip")
        #expect(base(.mark(eve, MarkEdit(custom: "x"))) == "")
        #expect(base(.mark(bob, MarkEdit(custom: "x")), "old") == "old")
        #expect(base(.mark(bob, MarkEdit(set: StandardMark(bits: 1)))) == nil)
        #expect(base(.delete(family)) == nil)
    }
}

@Suite struct ChangesThatMoveWhatEditsStandOn {
    @Test(arguments: [
        (Change.groupCreated(ConversationGroup(id: 1, name: "kin")), false),
        (.groupRenamed(ConversationGroup(id: 1, name: "kin"), from: "family"), true),
        (.groupDeleted(ConversationGroup(id: 1, name: "kin")), false),
        (.standardMarkChanged(bob, from: .none, to: StandardMark(bits: 1)), false),
        (.customMarkChanged(bob, from: "", to: "x"), true),
    ])
    func areThoseOfNamesAndCustomMarks(change: Change, moves: Bool) {
        #expect(change.movesBases == moves)
    }
}

@Suite struct AnEditInAnOperatorsHands {
    @Test(arguments: [EditState.queued, .rejected])
    func isTakenBack(state: EditState) throws {
        let taken = try #require(edit(state).cancelled(at: later))
        #expect((taken.state, taken.reason, taken.updatedAt) == (.cancelled, .withdrawn, later))
        #expect((taken.code, taken.problem, taken.blockedBy) == (nil, nil, nil))
    }

    @Test(arguments: [EditState.sending, .applied, .satisfied, .cancelled])
    func isNotTakenBackOnceItIsBeingSentOrSettled(state: EditState) {
        #expect(edit(state).cancelled(at: later) == nil)
    }

    @Test func isTriedOnceMore_asIfItHadNeverFailed() throws {
        var rejected = edit(.rejected)
        (rejected.refused, rejected.sentSeparately, rejected.reason) = ([eve: full], true, .refused)
        rejected.conflict = EditConflict(base: "old", theirs: "theirs")
        let again = try #require(rejected.retried(force: false, at: later))
        #expect((again.state, again.reason, again.failures) == (.queued, nil, 0))
        #expect((again.code, again.problem, again.blockedBy) == (nil, nil, nil))
        #expect(again.refused.isEmpty)
        #expect(!again.sentSeparately)
        #expect(again.updatedAt == later)
        #expect(again.base == "old")
        #expect(rejected.retried(force: true, at: later)?.base == "theirs")
        rejected.conflict = nil
        #expect(rejected.retried(force: true, at: later)?.base == "old")
    }

    @Test(arguments: [EditState.queued, .sending, .applied, .satisfied, .cancelled])
    func isNotTriedOnceMoreUnlessItWasRejected(state: EditState) {
        #expect(edit(state).retried(force: true, at: later) == nil)
    }
}
