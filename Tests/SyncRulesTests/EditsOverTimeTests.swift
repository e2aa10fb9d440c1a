import ChatModel
import SyncRules
import TestSupport
import Testing

// What becomes of edits when only some of their calls have been made.

private let alice = ConversationID.user("alice")
private let bob = ConversationID.user("bob")
private let eve = ConversationID.user("eve")
private let family = GroupReference(id: 1, name: "family")
private let work = GroupReference(id: 2, name: "work")

private func rebase(
    _ edits: [Edit], _ policy: PushPolicy = PushPolicy(),
    phone: (inout NaiveCloud) -> Void = { _ in }
) -> EditPlan {
    EditPlan(edits, at: .familyAndWork, policy, phone)
}

/// It is settled with the edit that decides otherwise, which may still be taken back or refused.
@Suite struct AnOvertakenEdit {
    @Test func anOvertakenEditWaitsForTheDeletionOfItsGroup() {
        let edits = [
            Edit(id: 1, operation: .delete(family)),
            Edit(id: 2, operation: .add([eve], to: work)),
            Edit(id: 3, operation: .delete(work)),
        ]
        #expect(rebase(edits).decisions.map(\.course) == [.push, .push, .push])
        let later = rebase(edits) { $0.obey(.delete(family)) }
        #expect(later.decisions.map(\.course) == [.settle(.satisfied, nil), .push, .push])
    }

    @Test func anOvertakenEditWaitsForARemoval_thatIsStillToBeMadeForOthers() {
        let edits = [
            Edit(id: 1, operation: .add([eve], to: work)),
            Edit(id: 2, operation: .remove([eve, bob], from: work)),
        ]
        let rebase = rebase(edits)
        #expect(rebase.calls.map(\.edits) == [[2]])
        #expect(rebase.decisions.map(\.course) == [.push, .push])
    }

    /// A script that cannot make up its mind.
    @Test func anOvertakenEditWaitsForTheLastOfManyThatOvertakeEachOther() {
        let edits = (1...9).map { number in
            Edit(
                id: EditID(Int64(number)),
                operation: number % 2 == 1 ? .add([eve], to: work) : .remove([eve], from: work))
        }
        let rebase = rebase(edits)
        #expect(rebase.calls.map(\.edits) == [[9]])
        #expect(rebase.decisions.map(\.course) == edits.map { _ in .push })
    }

    @Test(arguments: [MissingGroupPolicy.reject, .recreate])
    func anOvertakenEditIsNotMissed_whenTheDeletionIsDone(policy: MissingGroupPolicy) {
        let edits = [
            Edit(id: 1, operation: .add([eve], to: work)),
            Edit(id: 2, operation: .rename(work, to: "job"), base: "work"),
            Edit(id: 3, operation: .delete(work), state: .sending),
        ]
        let later = rebase(edits, PushPolicy(missingGroup: policy)) { $0.obey(.delete(work)) }
        #expect(later.calls.isEmpty)
        #expect(
            later.decisions.map(\.course) == [
                .settle(.satisfied, .overtaken), .settle(.satisfied, .overtaken),
                .settle(.applied, nil),
            ])
    }

    @Test func anOvertakenEditDoesNotComeBack_whenOnlyItsOvertakerIsDone() {
        var removal = Edit(
            id: 2, operation: .remove([eve, bob], from: work), state: .sending)
        removal.done = [eve]
        let addition = Edit(id: 1, operation: .add([eve], to: work))
        let rebase = rebase([addition, removal])
        #expect(rebase.calls.map(\.action) == [.update(2, name: "work", remove: [bob], add: [])])
    }
}

@Suite struct ACreationInDoubt {
    @Test(arguments: [true, false])
    func thatTheQueueRenamesAndDeletes_isNotMadeAgainAfterTheDeletion(isRenamed: Bool) {
        let own = GroupReference(id: -5, name: "club")
        let edits =
            [Edit(id: 5, operation: .create(name: "club", [eve]), state: .sending)]
            + (isRenamed ? [Edit(id: 6, operation: .rename(own, to: "pub"))] : [])
            + [
                Edit(id: 7, operation: .add([alice], to: own)),
                Edit(id: 8, operation: .delete(own)),
            ]
        var begun = NaiveCloud.familyAndWork
        _ = begun.create("club", ["eve"])
        let pushing = Pushing(edits, on: begun)
        #expect(pushing.calls.map(\.action) == [.delete(3, name: "club")])
        #expect(pushing.decisions[5]?.course == .settle(.applied, nil))
        #expect(pushing.decisions[7]?.course == .settle(.satisfied, .overtaken))
    }
}

@Suite struct WhatWasDoneForAnEdit {
    @Test func andThatAPhoneHasUndone_isNotDoneAgain() {
        var edit = Edit(id: 1, operation: .add([eve, alice], to: work))
        edit.done = [eve]
        #expect(
            rebase([edit]).calls.map(\.action) == [
                .update(2, name: "work", remove: [], add: [alice])
            ])
        edit.done = [eve, alice]
        #expect(rebase([edit]).decisions.map(\.course) == [.settle(.applied, nil)])
    }

    @Test func whatWasDoneForAnEditIsNoConflict_whenAPhoneChangesTheMarkAfterwards() {
        var edit = Edit(id: 1, operation: .mark(alice, MarkEdit(custom: "friend")), base: "friend")
        edit.done = [alice]
        let rebase = rebase([edit]) { $0.marks["alice"] = .init(bits: 1, custom: "foe") }
        #expect(rebase.decisions.map(\.course) == [.settle(.applied, nil)])
    }

    /// What is so already does not wait behind a rejected edit of its group.
    @Test func whatWasDoneForAnEditIsNoLongerHeldUp() {
        let rejected = Edit(
            id: 1, operation: .rename(work, to: "job"), base: "labour", state: .rejected)
        let operations: [EditOperation] = [
            .add([bob], to: work), .remove([eve], from: work), .rename(work, to: "work"),
        ]
        for operation in operations {
            for state in [EditState.sending, .queued] {
                let edit = Edit(id: 2, operation: operation, base: "work", state: state)
                #expect(
                    rebase([rejected, edit]).decisions.map(\.course) == [
                        state == .sending ? .settle(.applied, nil) : .wait(behind: 1)
                    ])
            }
        }
        let undone = Edit(id: 2, operation: .add([bob, eve], to: work), state: .sending)
        #expect(rebase([rejected, undone]).decisions.map(\.course) == [.wait(behind: 1)])
    }
}

/// Queued for a user that had never been pulled.
@Suite struct AGroupKnownByItsNameAlone {
    private let byName = GroupReference(id: nil, name: "family")

    @Test func aGroupKnownByItsNameAloneIsTheSameGroup_whenTheEditRenamesIt() {
        let pushing = Pushing([Edit(id: 1, operation: .rename(byName, to: "kin"))], on: .family)
        #expect(pushing.decisions.mapValues(\.course) == [1: .settle(.applied, nil)])
    }

    @Test func aGroupKnownByItsNameAloneIsTheSameGroup_whenALaterEditRenamesIt() {
        let edits = [
            Edit(id: 1, operation: .add([eve], to: byName)),
            Edit(id: 2, operation: .rename(byName, to: "kin")),
        ]
        let pushing = Pushing(edits, on: .family)
        #expect(
            pushing.decisions.mapValues(\.course) == [
                1: .settle(.applied, nil), 2: .settle(.applied, nil),
            ])
        #expect(pushing.cloud.essence["kin"] == ["alice", "bob", "eve"])
    }

    @Test func aGroupKnownByItsNameAloneIsMadeAgain_whenThereIsNone() {
        let addition = Edit(
            id: 1, operation: .add([eve], to: GroupReference(id: nil, name: "club")))
        let pushing = Pushing([addition], on: .family, PushPolicy(missingGroup: .recreate))
        #expect(pushing.decisions.mapValues(\.course) == [1: .settle(.applied, nil)])
        #expect(pushing.cloud.essence["club"] == ["eve"])
    }
}
