import ChatModel
import SyncRules
import Testing

private let (bob, eve) = (ConversationID.user("bob"), ConversationID.user("eve"))
private let family = ConversationGroup(id: 1, name: "family")
private let club = ConversationGroup(id: 2, name: "club")

/// A user with these groups, each with its members.
private func draft(_ groups: [ConversationGroup], _ members: [ConversationID: [GroupID]] = [:])
    -> Draft
{
    Draft(
        Snapshot(
            groups: groups,
            conversations: members.map { Conversation(id: $0.key, groups: $0.value) }))
}

private func named(_ name: ExactText) -> GroupReference { GroupReference(id: nil, name: name) }

@Suite struct UndoingWhatEditsChanged {
    @Test func anAddition_isARemoval_andTheOtherWayRound() {
        let added = Undo([.conversationAdded(bob, to: family)], on: draft([family], [bob: [1]]))
        #expect(added.operations == [.remove([bob], from: named("family"))])
        #expect(added.left.isEmpty)
        let removed = Undo([.conversationRemoved(bob, from: family)], on: draft([family]))
        #expect(removed.operations == [.add([bob], to: named("family"))])
    }

    @Test func manyAdditionsToOneGroup_areOneRemoval() {
        let undo = Undo(
            [.conversationAdded(eve, to: family), .conversationAdded(bob, to: family)],
            on: draft([family], [bob: [1], eve: [1]]))
        #expect(undo.operations == [.remove([bob, eve], from: named("family"))])
    }

    @Test func anAdditionThatOthersHaveUndone_isLeft() {
        let change = Change.conversationAdded(bob, to: family)
        let undo = Undo([change], on: draft([family]))
        #expect(undo.operations.isEmpty)
        #expect(undo.left.map(\.change) == [change])
    }

    @Test func aCreation_isADeletion_unlessOthersPutSomethingInto() {
        let changes: [Change] = [.groupCreated(club), .conversationAdded(bob, to: club)]
        #expect(
            Undo(changes, on: draft([club], [bob: [2]])).operations == [.delete(named("club"))])
        let undo = Undo(changes, on: draft([club], [bob: [2], eve: [2]]))
        #expect(undo.operations == [.remove([bob], from: named("club"))])
        #expect(undo.left.map(\.why) == ["other conversations are in it now: 1"])
        let renamed = Undo(changes, on: draft([ConversationGroup(id: 2, name: "pub")]))
        #expect(renamed.operations.isEmpty)
        #expect(renamed.left.map(\.why).first == "the group is called 'pub' now")
        #expect(
            Undo(changes, on: draft([])).left.map(\.why) == [
                "the group is gone", "it is not in the group any more",
            ])
    }

    @Test func aDeletion_isACreationWithWhoWasIn() {
        let changes: [Change] = [
            .conversationRemoved(bob, from: family), .conversationRemoved(eve, from: family),
            .groupDeleted(family),
        ]
        let undo = Undo(changes, on: draft([club], [bob: [2]]))
        #expect(undo.operations == [.create(name: "family", [bob, eve])])
        #expect(undo.left.isEmpty)
        // Somebody else's group has the name now.
        let taken = Undo(changes, on: draft([ConversationGroup(id: 9, name: "family")]))
        #expect(taken.operations.isEmpty)
        #expect(taken.left.count == 3)
    }

    @Test func aRename_isTheOldName_unlessItHasAnotherOneOrTheNameIsTaken() {
        let change = Change.groupRenamed(ConversationGroup(id: 1, name: "kin"), from: "family")
        let kin = ConversationGroup(id: 1, name: "kin")
        #expect(
            Undo([change], on: draft([kin])).operations == [.rename(named("kin"), to: "family")])
        #expect(Undo([change], on: draft([ConversationGroup(id: 1, name: "clan")])).left.count == 1)
        let taken = Undo([change], on: draft([kin, ConversationGroup(id: 5, name: "family")]))
        #expect(taken.operations.isEmpty)
        #expect(taken.left.map(\.why) == ["another group is called 'family' now"])
    }

    @Test func renamesInARow_areOne() {
        let changes: [Change] = [
            .groupRenamed(ConversationGroup(id: 1, name: "kin"), from: "family"),
            .groupRenamed(ConversationGroup(id: 1, name: "clan"), from: "kin"),
        ]
        let undo = Undo(changes, on: draft([ConversationGroup(id: 1, name: "clan")]))
        #expect(undo.operations == [.rename(named("clan"), to: "family")])
    }

    @Test func marks_areTakenBackBitByBit() {
        func marked(_ bits: UInt64, _ custom: ExactText = "") -> Draft {
            Draft(
                Snapshot(
                    groups: [],
                    conversations: [
                        Conversation(
                            id: bob, groups: [], standardMark: StandardMark(bits: bits),
                            customMark: custom)
                    ]))
        }
        let change = Change.standardMarkChanged(
            bob, from: StandardMark(bits: 0b0001), to: StandardMark(bits: 0b0110))
        let all = Undo([change], on: marked(0b1110))
        #expect(
            all.operations == [
                .mark(bob, MarkEdit(set: StandardMark(bits: 1), clear: StandardMark(bits: 0b110)))
            ])
        #expect(all.left.isEmpty)
        let part = Undo([change], on: marked(0b0010))
        #expect(
            part.operations == [
                .mark(bob, MarkEdit(set: StandardMark(bits: 1), clear: StandardMark(bits: 0b10)))
            ])
        #expect(part.left.map(\.why) == ["the mark is another one now"])
        let text = Change.customMarkChanged(bob, from: "old", to: "new")
        #expect(
            Undo([text], on: marked(0, "new")).operations == [.mark(bob, MarkEdit(custom: "old"))])
        #expect(Undo([text], on: marked(0, "new")).left.isEmpty)
        let theirs = Undo([text], on: marked(1, "theirs"))
        #expect(theirs.operations.isEmpty)
        #expect(theirs.left.map(\.why) == ["the mark is another one now"])
        // What only others have set stays: bit 3 was neither before nor after.
        let others = Undo([change], on: marked(0b1001))
        #expect(others.operations.isEmpty)
        #expect(others.left.count == 1)
        #expect(
            Undo([change, text], on: marked(0b0110, "new")).operations == [
                .mark(
                    bob,
                    MarkEdit(
                        set: StandardMark(bits: 1), clear: StandardMark(bits: 0b110),
                        custom: "old"))
            ])
    }

    @Test func theMembersOfAGroupThatIsGone_areLeft() {
        let undo = Undo([.conversationRemoved(bob, from: family)], on: draft([]))
        #expect(undo.operations.isEmpty)
        #expect(undo.left.map(\.why) == ["the group is gone"])
        let back = Undo(
            [.conversationRemoved(bob, from: family)], on: draft([family], [bob: [1]]))
        #expect(back.operations.isEmpty)
        #expect(back.left.map(\.why) == ["it is in the group again"])
    }

    @Test func groupsAreTakenInTheOrderOfTheirNumbers() {
        let undo = Undo(
            [.conversationAdded(bob, to: club), .conversationAdded(eve, to: family)],
            on: draft([club, family], [bob: [2], eve: [1]]))
        #expect(
            undo.operations == [
                .remove([eve], from: named("family")), .remove([bob], from: named("club")),
            ])
    }

    /// The whole life of a group, reversed from its end: nothing is left to be done.
    @Test func aCreationAndADeletion_areNothing() {
        let changes: [Change] = [
            .groupCreated(club), .conversationAdded(bob, to: club),
            .groupRenamed(ConversationGroup(id: 2, name: "pub"), from: "club"),
            .conversationRemoved(bob, from: ConversationGroup(id: 2, name: "pub")),
            .groupDeleted(ConversationGroup(id: 2, name: "pub")),
        ]
        let undo = Undo(changes, on: draft([family]))
        #expect(undo.operations.isEmpty)
        #expect(undo.left.isEmpty)
        let renamed = Undo(Array(changes.dropFirst(2)), on: draft([family]))
        #expect(renamed.operations == [.create(name: "club", [bob])])
    }

    @Test func nothing_isNothing() {
        #expect(Undo([], on: draft([family])).operations.isEmpty)
    }
}
