import ChatModel
import SyncRules
import TestSupport
import Testing

// What becomes of an edit beside others: the corners of the walk over a user's queue.

private let alice = ConversationID.user("alice")
private let bob = ConversationID.user("bob")
private let eve = ConversationID.user("eve")
private let family = GroupReference(id: 1, name: "family")
private let work = GroupReference(id: 2, name: "work")

private let cloud = NaiveCloud.familyAndWork

private func rebase(
    _ edits: [Edit], _ policy: PushPolicy = PushPolicy(),
    phone: (inout NaiveCloud) -> Void = { _ in }
) -> EditPlan {
    EditPlan(edits, at: cloud, policy, phone)
}

private func isRejected(_ decision: EditDecision, _ reason: EditReason) -> Bool {
    if case .reject(reason, _, _) = decision.course { true } else { false }
}

@Suite struct BesideOthersInTheQueue {
    @Test func aRenameOfAGroupThatALaterEditDeletes_isOvertaken() {
        let edits = [
            Edit(id: 1, operation: .rename(family, to: "kin"), base: "family"),
            Edit(id: 2, operation: .delete(family)),
        ]
        let pushing = Pushing(edits, on: cloud)
        #expect(pushing.calls.map(\.action) == [.delete(1, name: "family")])
        #expect(pushing.decisions[1]?.course == .settle(.satisfied, .overtaken))
    }

    @Test func twoThatWantTheSame_shareTheCallAndAreBothApplied() {
        let edits = [
            Edit(id: 1, operation: .add([eve], to: family)),
            Edit(id: 2, operation: .add([eve], to: family)),
        ]
        let pushing = Pushing(edits, on: cloud)
        #expect(pushing.calls.map(\.edits) == [[1, 2]])
        #expect(pushing.decisions.values.allSatisfy { $0.course == .settle(.applied, nil) })
    }

    @Test func aCreationThatALaterEditDeletes_isOvertaken() {
        let edits = [
            Edit(id: 1, operation: .create(name: "club", [eve])),
            Edit(id: 2, operation: .delete(GroupReference(id: -1, name: "club"))),
        ]
        let pushing = Pushing(edits, on: cloud)
        #expect(pushing.calls.isEmpty)
        #expect(pushing.decisions[1]?.course == .settle(.satisfied, .overtaken))
    }

    @Test func aRenameOfACreationThatALaterEditDeletes_isOvertakenToo() {
        let edits = [
            Edit(id: 1, operation: .create(name: "club", [eve])),
            Edit(id: 2, operation: .rename(GroupReference(id: -1, name: "club"), to: "pub")),
            Edit(id: 3, operation: .delete(GroupReference(id: -1, name: "pub"))),
        ]
        let pushing = Pushing(edits, on: cloud)
        #expect(pushing.calls.isEmpty)
        #expect(pushing.decisions[2]?.course == .settle(.satisfied, .overtaken))
    }

    @Test func theNameOfAGroupThatIsDeleted_isNotFreeInTheSameWalk() {
        let edits = [
            Edit(id: 1, operation: .delete(family)),
            Edit(id: 2, operation: .rename(work, to: "family"), base: "work"),
        ]
        #expect(rebase(edits).calls.map(\.action) == [.delete(1, name: "family")])
    }

    @Test func whatFollowsARenameToATakenName_waits() {
        let edits = [
            Edit(id: 1, operation: .rename(family, to: "work"), base: "family"),
            Edit(id: 2, operation: .add([eve], to: family)),
        ]
        let rebase = rebase(edits)
        #expect(isRejected(rebase.decisions[0], .nameTaken))
        #expect(rebase.decisions[1].course == .wait(behind: 1))
        #expect(rebase.calls.isEmpty)
    }

    @Test func whatFollowsAConflict_waits() {
        let edits = [
            Edit(id: 1, operation: .rename(family, to: "kin"), base: "family"),
            Edit(id: 2, operation: .add([eve], to: family)),
            Edit(id: 3, operation: .add([eve], to: work)),
        ]
        let rebase = rebase(edits) { $0.names[1] = "clan" }
        #expect(isRejected(rebase.decisions[0], .conflict))
        #expect(rebase.decisions[1].course == .wait(behind: 1))
        #expect(rebase.decisions[2].course == .push)
    }

    @Test func whereAllWaits_nothingIsLeftToDo() {
        let edits = [
            Edit(id: 1, operation: .add([eve], to: family), state: .rejected),
            Edit(id: 2, operation: .add([eve], to: family)),
        ]
        #expect(rebase(edits).isFinal)
        let done = [Edit(id: 3, operation: .add([alice], to: family))]
        #expect(!rebase(done).isFinal)
    }

    /// The walk ends where a name passes from one group to another, and what comes after that has
    /// been compared already keeps the base it was compared with.
    @Test func anEditBeyondTheEndOfTheWalk_isComparedWithWhatTheCloudHasNow() {
        let edits = [
            Edit(id: 1, operation: .rename(family, to: "x"), base: "family"),
            Edit(id: 2, operation: .mark(alice, MarkEdit(custom: "friend")), base: "vip"),
            Edit(id: 3, operation: .rename(work, to: "family"), base: "work"),
            Edit(id: 4, operation: .rename(family, to: "y"), base: "other"),
            Edit(id: 5, operation: .mark(alice, MarkEdit(custom: "foe")), base: "other"),
            Edit(id: 6, operation: .mark(alice, MarkEdit(set: StandardMark(bits: 4)))),
            Edit(id: 7, operation: .mark(bob, MarkEdit(custom: "foe")), base: "other"),
            Edit(id: 8, operation: .rename(work, to: "z"), base: "other"),
        ]
        let bases = rebase(edits).decisions.map(\.base)
        #expect(bases == ["family", "vip", "work", "family", "vip", nil, "other", "other"])
    }

    @Test func aNameThatAGroupHasUntilItsRename_isNotFreeInTheSameWalk() {
        let edits = [
            Edit(id: 1, operation: .rename(family, to: "x"), base: "family"),
            Edit(id: 2, operation: .create(name: "family", [eve])),
        ]
        #expect(rebase(edits).calls.map(\.action) == [.rename(1, from: "family", to: "x")])
        #expect(Pushing(edits, on: cloud).cloud.essence["family"] == ["eve"])
    }

    /// Else a creation whose answer was lost would take the other group for its own when it looks
    /// again.
    @Test func theNameOfACreationInDoubt_isNotFreeInTheSameWalk() {
        let own = GroupReference(id: -1, name: "club")
        let edits = [
            Edit(id: 1, operation: .create(name: "club", [eve]), state: .sending),
            Edit(id: 2, operation: .rename(own, to: "pub"), state: .sending),
            Edit(id: 3, operation: .rename(work, to: "club"), base: "work"),
        ]
        let rebase = rebase(edits) { _ = $0.create("pub", ["eve"]) }
        #expect(rebase.calls.isEmpty)
        #expect(
            rebase.decisions.map(\.course) == [
                .settle(.applied, nil), .settle(.applied, nil), .push,
            ])
    }

    @Test func aRenameOfALostGroup_isComparedWithTheNameOfTheOneInItsPlace() {
        let lost = GroupReference(id: 9, name: "work")
        let edits = [
            Edit(id: 1, operation: .add([eve], to: lost)),
            Edit(id: 2, operation: .rename(lost, to: "job"), base: "labour"),
        ]
        let rebase = rebase(edits, PushPolicy(missingGroup: .recreate))
        #expect(isRejected(rebase.decisions[1], .conflict))
    }

    @Test func besideOthersInTheQueueOfSeveralRefusals_thatOfTheFirstConversationIsReported() {
        var edit = Edit(id: 1, operation: .add([eve, bob, alice], to: work), state: .sending)
        edit.refused = [
            eve: Refusal(code: 3, words: "eve"), alice: Refusal(code: 1, words: "alice"),
        ]
        guard case .reject(.refused, let refusal, _) = rebase([edit]).decisions[0].course else {
            Issue.record("it is not rejected")
            return
        }
        #expect(refusal?.words == "alice")
    }
}

@Suite struct AMarkThatBothSidesChanged {
    private let both = Edit(
        id: 1,
        operation: .mark(alice, MarkEdit(set: StandardMark(bits: 4), custom: "friend")), base: "vip"
    )
    private let text = Edit(
        id: 1, operation: .mark(alice, MarkEdit(custom: "friend")), base: "vip")

    private func foe(_ cloud: inout NaiveCloud) { cloud.marks["alice"]?.custom = "foe" }

    @Test func aMarkThatBothSidesChangedIsRejectedAsAWhole() {
        let rebase = rebase([both], phone: foe)
        #expect(isRejected(rebase.decisions[0], .conflict))
        #expect(rebase.calls.isEmpty)
    }

    @Test func aMarkThatBothSidesChangedWithCloudWins_givesWayWhenThereIsNothingElseToDo() {
        let rebase = rebase([text], PushPolicy(conflicts: .cloudWins), phone: foe)
        #expect(rebase.decisions[0].course == .settle(.cancelled, .conflict))
    }

    @Test(arguments: [
        MarkEdit(set: StandardMark(bits: 4), custom: "friend"),
        MarkEdit(clear: StandardMark(bits: 1), custom: "friend"),
    ])
    func aMarkThatBothSidesChangedWithCloudWins_sendsItsBits(marks: MarkEdit) {
        let edit = Edit(id: 1, operation: .mark(alice, marks), base: "vip")
        let rebase = rebase([edit], PushPolicy(conflicts: .cloudWins), phone: foe)
        #expect(rebase.decisions[0].course == .push)
        #expect(rebase.calls.count == 1)
    }

    @Test func byALaterEditOfOurs_isNoConflict() {
        let edits = [
            text, Edit(id: 2, operation: .mark(alice, MarkEdit(custom: "foe")), base: "friend"),
        ]
        let rebase = rebase(edits, phone: foe)
        #expect(rebase.decisions.allSatisfy { $0.conflict == nil })
    }

    @Test func whileTheQueueChangesAnotherConversation_isAConflict() {
        let edits = [
            text, Edit(id: 2, operation: .mark(bob, MarkEdit(custom: "foe")), base: ""),
        ]
        #expect(isRejected(rebase(edits, phone: foe).decisions[0], .conflict))
    }
}

@Suite struct AGroupThatAnEditMade {
    @Test func aGroupThatAnEditMadeThatWasThereAlready_givesLaterEditsItsNumber() {
        let edits = [
            Edit(id: 5, operation: .create(name: "work", [eve])),
            Edit(id: 6, operation: .add([alice], to: GroupReference(id: -5, name: "work"))),
        ]
        let rebase = rebase(edits)
        #expect(rebase.decisions.map(\.group) == [nil, 2])
        #expect(rebase.renumbered == [-5: 2])
    }

    @Test func aGroupThatAnEditMadeThatWasThereAlreadyAsItShallBe_isRecordedWithIt() {
        let decisions = rebase([Edit(id: 5, operation: .create(name: "work", [bob]))]).decisions
        #expect(decisions.map(\.course) == [.settle(.satisfied, nil)])
        #expect(decisions.map(\.group) == [2])
    }

    /// In doubt, found to be done in part, and about to lose the name by which it was found.
    @Test(arguments: ["club", "pub"])
    func andThatALaterEditRenames_isNotMadeAgainForTheRest(name: String) {
        let own = GroupReference(id: -5, name: "club")
        let edits = [
            Edit(id: 5, operation: .create(name: "club", [eve, alice]), state: .sending),
            Edit(id: 6, operation: .rename(own, to: "pub")),
        ]
        var begun = cloud
        _ = begun.create(name, ["eve"])
        let pushing = Pushing(edits, on: begun)
        #expect(pushing.cloud.essence["pub"] == ["eve", "alice"])
        #expect(pushing.cloud.names.count == begun.names.count)
        #expect(
            pushing.decisions.mapValues(\.course) == [
                5: .settle(.applied, nil),
                6: .settle(name == "club" ? .applied : .satisfied, nil),
            ])
    }

    @Test func andThatAPhoneDeletesMeanwhile_isMadeAfresh() {
        let creation = Edit(id: 5, operation: .create(name: "work", [eve]))
        let found = rebase([creation])
        let later = rebase([creation.decided(found.decisions[0], at: noon)]) {
            $0.obey(.delete(work))
        }
        #expect(
            later.calls.map(\.action) == [
                .create(group: .made(by: 5), name: "work", [eve])
            ])
    }

    /// A group of the queue has no number of the cloud yet.
    @Test func aGroupThatAnEditMadeOfTheSameQueue_hasNoNumberYet() {
        let edits = [
            Edit(id: 5, operation: .create(name: "club", [eve])),
            Edit(id: 6, operation: .create(name: "club", [alice])),
        ]
        let rebase = rebase(edits)
        #expect(rebase.decisions.map(\.group) == [nil, nil])
        #expect(rebase.renumbered.isEmpty)
    }

    @Test func anewForALostOne_isMeantByLaterEditsOfTheLostOne() {
        let lost = GroupReference(id: 9, name: "club")
        var first = Edit(id: 5, operation: .add([eve], to: lost))
        first.createdGroup = 2
        let second = Edit(id: 6, operation: .add([alice], to: lost))
        let rebase = rebase([first, second], PushPolicy(missingGroup: .recreate))
        #expect(rebase.decisions.map(\.group) == [2, 2])
        #expect(
            rebase.calls.map(\.action) == [.update(2, name: "work", remove: [], add: [alice, eve])])
        #expect(rebase.renumbered == [9: 2])
    }

    @Test func anewForALostOne_isMadeOnceForTheWholeQueue() {
        let lost = GroupReference(id: 9, name: "club")
        let edits = [
            Edit(id: 5, operation: .add([eve], to: lost)),
            Edit(id: 6, operation: .rename(lost, to: "pub")),
            Edit(id: 7, operation: .add([alice], to: lost)),
        ]
        let pushing = Pushing(edits, on: cloud, PushPolicy(missingGroup: .recreate))
        #expect(pushing.cloud.essence["pub"] == ["eve", "alice"])
        #expect(pushing.calls.count == 1)
    }

    /// The call bore the name that the rename gives, and its answer was lost.
    @Test func anewForALostOne_isFoundUnderTheNameThatALaterEditGaveIt() {
        let lost = GroupReference(id: 9, name: "club")
        let edits = [
            Edit(id: 5, operation: .add([eve], to: lost), state: .sending),
            Edit(id: 6, operation: .rename(lost, to: "pub"), state: .sending),
        ]
        let rebase = rebase(edits, PushPolicy(missingGroup: .recreate)) {
            _ = $0.create("pub", ["eve"])
        }
        #expect(rebase.calls.isEmpty)
        #expect(
            rebase.decisions.map(\.course) == [.settle(.applied, nil), .settle(.applied, nil)])
    }

    @Test func andThatALaterEditDeletes_isNeverMadeThoughSomethingBearsItsName() {
        let edits = [
            Edit(id: 5, operation: .create(name: "work", [eve])),
            Edit(id: 6, operation: .delete(GroupReference(id: -5, name: "work"))),
        ]
        let rebase = rebase(edits) { $0.names[2] = "work" }
        #expect(!rebase.calls.contains { $0.action == .delete(2, name: "work") })
    }
}

@Suite struct TheBoundsOfAnEdit {
    private func fault(_ operation: EditOperation) -> String? { operation.fault()?.problem }

    private func text(_ count: Int) -> ExactText { ExactText(String(repeating: "x", count: count)) }

    @Test func theBoundsOfAnEditAreAllowedThemselves() {
        #expect(fault(.create(name: text(64), [eve])) == nil)
        #expect(fault(.create(name: text(5), [])) == nil)
        #expect(fault(.add([.chatGroup(text(64))], to: family)) == nil)
        #expect(fault(.mark(eve, MarkEdit(custom: text(256)))) == nil)
    }

    @Test func theBoundsOfAnEditAreNotToBePassed() {
        #expect(fault(.create(name: text(65), [eve]))?.contains("65 bytes") == true)
        let short = EditOperation.create(name: text(33), [eve]).fault(nameBytes: 32)
        #expect(short?.problem.contains("at most 32") == true)
        #expect(fault(.add([.chatGroup(text(65))], to: family))?.contains("64 bytes") == true)
        #expect(fault(.mark(eve, MarkEdit(custom: text(257))))?.contains("257 bytes") == true)
    }

    @Test func leaveOutControlCharactersAndEmptyIDs() {
        #expect(
            fault(.create(name: "a\nb", [eve])) == "the group's new name holds a control character")
        #expect(fault(.add([.chatGroup("")], to: family)) == "a chat group's id is empty")
    }

    @Test func theBoundsOfAnEditAreThoseOfNewNamesAndNewConversationsAlone() {
        let odd = GroupReference(id: 3, name: ExactText(String(repeating: "x", count: 40) + "\t"))
        let long = ConversationID.chatGroup(text(65))
        #expect(fault(.rename(odd, to: "short")) == nil)
        #expect(fault(.delete(odd)) == nil)
        #expect(fault(.add([eve], to: odd)) == nil)
        #expect(fault(.remove([long], from: odd)) == nil)
        let mark = EditOperation.mark(long, MarkEdit(custom: "x"))
        #expect(mark.fault() != nil)
        #expect(mark.fault { $0 == long } == nil)
    }

    @Test func aMarkWithoutText_hasNoBase() throws {
        let draft = Draft(cloud.snapshot)
        let check = EditCheck(mirror: draft, pending: draft)
        #expect(try check.accept(.mark(alice, MarkEdit(set: StandardMark(bits: 4)))).base == nil)
        #expect(try check.accept(.mark(alice, MarkEdit(custom: "x"))).base == "vip")
    }
}
