import ChatModel
import SyncRules
import TestSupport
import Testing

// What was sent is settled as soon as the cloud has it, even behind a rejected edit of the same thing;
// what it has not, waits.

private let alice = ConversationID.user("alice")
private let bob = ConversationID.user("bob")
private let eve = ConversationID.user("eve")
private let family = GroupReference(id: 1, name: "family")
private let work = GroupReference(id: 2, name: "work")
private let gone = GroupReference(id: 9, name: "gone")

/// Whether the cloud (alice and bob are family, bob is at work, alice is "vip" with bit 0) has what an
/// edit wants.
struct Wish: Sendable, CustomStringConvertible {
    let description: String
    let operation: EditOperation
    /// A rejected one of the same thing.
    let before: EditOperation
    let isSo: Bool

    init(_ description: String, _ operation: EditOperation, behind: EditOperation, isSo: Bool) {
        self.description = description
        self.operation = operation
        before = behind
        self.isSo = isSo
    }
}

private let wishes: [Wish] = [
    Wish(
        "a creation of what is there", .create(name: "family", [alice]),
        behind: .add([eve], to: family), isSo: true),
    Wish(
        "a creation that lacks somebody", .create(name: "family", [alice, eve]),
        behind: .add([eve], to: family), isSo: false),
    Wish(
        "a rename that is done", .rename(work, to: "work"), behind: .add([eve], to: work),
        isSo: true),
    Wish(
        "a rename that is not", .rename(work, to: "job"), behind: .add([eve], to: work),
        isSo: false),
    Wish("a deletion that is done", .delete(gone), behind: .add([eve], to: gone), isSo: true),
    Wish("a deletion that is not", .delete(work), behind: .add([eve], to: work), isSo: false),
    Wish(
        "an addition to what is gone", .add([bob], to: gone), behind: .add([eve], to: gone),
        isSo: false),
    Wish(
        "a removal from what is gone", .remove([bob], from: gone), behind: .add([eve], to: gone),
        isSo: true),
    Wish(
        "marks that are so", .mark(alice, MarkEdit(set: StandardMark(bits: 1), custom: "vip")),
        behind: .mark(alice, MarkEdit(custom: "x")), isSo: true),
    Wish(
        "a bit that is not", .mark(alice, MarkEdit(set: StandardMark(bits: 2), custom: "vip")),
        behind: .mark(alice, MarkEdit(custom: "x")), isSo: false),
    Wish(
        "a text that is not", .mark(alice, MarkEdit(set: StandardMark(bits: 1), custom: "foe")),
        behind: .mark(alice, MarkEdit(custom: "x")), isSo: false),
]

@Suite struct BehindARejectedEdit {
    @Test(arguments: wishes)
    func whatWasSentAndIsSo_isNoLongerHeldUp(wish: Wish) {
        let rejected = Edit(id: 1, operation: wish.before, base: "other", state: .rejected)
        let sent = Edit(id: 2, operation: wish.operation, base: "work", state: .sending)
        let decisions = EditPlan([rejected, sent], at: .familyAndWork, PushPolicy()) { _ in }
            .decisions
        #expect(
            decisions.map(\.course) == [wish.isSo ? .settle(.applied, nil) : .wait(behind: 1)])
    }

    /// The name it wants is that of a group whose rename, an earlier edit, waits to be sent.
    @Test func aCreationOfWhichAllWasRefused_isHeldUp() {
        var creation = Edit(id: 3, operation: .create(name: "club", [eve]), state: .sending)
        creation.refused = [eve: Refusal(code: 51008, words: "full")]
        let edits = [
            Edit(id: 1, operation: .rename(work, to: "club"), base: "work"),
            Edit(id: 2, operation: .add([eve], to: work), state: .rejected),
            creation,
        ]
        let decisions = EditPlan(edits, at: .familyAndWork, PushPolicy()) { _ in }.decisions
        #expect(decisions.map(\.course) == [.push, .wait(behind: 2)])
    }

    @Test func onlyARejection_isOneThatWasNotBefore() {
        func rebase(_ edits: Edit...) -> EditPlan {
            EditPlan(edits, at: .familyAndWork, PushPolicy()) { _ in }
        }
        let taken = Edit(id: 1, operation: .rename(work, to: "family"), base: "work")
        #expect(rebase(taken).rejectsSomething)
        var old = taken
        old.state = .rejected
        #expect(!rebase(old, Edit(id: 2, operation: .add([eve], to: work))).rejectsSomething)
    }
}

@Suite struct WhatWasAcknowledgedForAnEdit {
    private let call = PushCall(
        action: .update(1, name: "family", remove: [], add: [bob, eve]), edits: [1, 2],
        wanted: [bob: [1, 2], eve: [2]])

    @Test func whatWasAcknowledgedForAnEditIsDone_ofTheConversationsThatWereTakenAndThatItNames() {
        let refusal = Refusal(code: 51008, words: "full")
        let reply = PushReply(results: [bob: nil, eve: refusal])
        func done(_ id: EditID) -> Set<ConversationID> {
            Edit(id: id, operation: .add([bob, eve], to: family)).advanced(past: call, reply).done
        }
        #expect(done(1) == [bob])
        #expect(done(2) == [bob])
        #expect(done(3) == [])
    }

    @Test func whatWasAcknowledgedForAnEditStaysDone_whenItsGroupGetsItsNumber() {
        var edit = Edit(
            id: 6, operation: .add([bob, eve], to: GroupReference(id: -5, name: "club")))
        (edit.done, edit.blockedBy) = ([bob], 3)
        let renumbered = edit.renumbering(-5, as: NumberedGroup(id: 7, name: nil))
        #expect(renumbered.operation.group?.id == 7)
        #expect(renumbered.done == [bob])
        #expect(renumbered.blockedBy == 3)
    }

    @Test func whatWasAcknowledgedForAnEditStandsOnWhatItWasComparedWith() {
        let edit = Edit(id: 1, operation: .rename(family, to: "kin"), base: "family")
        let decision = EditDecision(edit: 1, course: .push, group: 1, base: "clan")
        #expect(edit.decided(decision, at: noon).base == "clan")
    }
}
