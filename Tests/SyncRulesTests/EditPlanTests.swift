import ChatModel
import SyncRules
import TestSupport
import Testing

private let alice = ConversationID.user("alice")
private let bob = ConversationID.user("bob")
private let eve = ConversationID.user("eve")
private let family = GroupReference(id: 1, name: "family")

private let cloud = NaiveCloud.family

/// The cloud after a phone changed something.
private func cloud(_ phone: (inout NaiveCloud) -> Void) -> Draft {
    var changed = cloud
    phone(&changed)
    return Draft(changed.snapshot)
}

private func decide(
    _ edits: [Edit], on cloud: Draft, _ policy: PushPolicy = PushPolicy()
) -> (courses: [EditDecision.Course], calls: [PushCall]) {
    let rebase = EditPlan(edits, on: cloud, policy)
    return (rebase.decisions.map(\.course), rebase.calls)
}

private let rename = Edit(id: 1, operation: .rename(family, to: "kin"), base: "family")
private let text = Edit(
    id: 1, operation: .mark(alice, MarkEdit(custom: "friend")), base: "vip")

@Suite struct BothSidesChangedTheSame {
    @Test func aRename_isAConflictWhenAPhoneRenamedTheGroupOtherwise() {
        let rebase = EditPlan([rename], on: cloud { $0.names[1] = "clan" }, PushPolicy())
        #expect(rebase.calls.isEmpty)
        #expect(
            rebase.decisions[0].conflict
                == EditConflict(base: "family", theirs: "clan"))
        guard case .reject(.conflict, nil, _) = rebase.decisions[0].course else {
            Issue.record("\(rebase.decisions)")
            return
        }
    }

    @Test func bothSidesChangedTheSameWithLocalWins_theEditIsSentAndTheConflictRecorded() {
        let changed = cloud { $0.names[1] = "clan" }
        let rebase = EditPlan([rename], on: changed, PushPolicy(conflicts: .localWins))
        #expect(rebase.calls.map(\.action) == [.rename(1, from: "clan", to: "kin")])
        #expect(rebase.decisions[0].conflict?.theirs == "clan")
    }

    @Test func bothSidesChangedTheSameWithCloudWins_theEditGivesWayForGood() {
        let changed = cloud { $0.names[1] = "clan" }
        let (courses, calls) = decide([rename], on: changed, PushPolicy(conflicts: .cloudWins))
        #expect(courses == [.settle(.cancelled, .conflict)])
        #expect(calls.isEmpty)
    }

    @Test func theSameName_isNoConflictAndNeedsNoCall() {
        let (courses, calls) = decide([rename], on: cloud { $0.names[1] = "kin" })
        #expect(courses == [.settle(.satisfied, nil)])
        #expect(calls.isEmpty)
    }

    @Test func aNameThatAnotherGroupHas_cannotBeTaken() {
        let changed = cloud { _ = $0.create("kin", ["eve"]) }
        for policy in ConflictPolicy.allCases {
            let (courses, calls) = decide([rename], on: changed, PushPolicy(conflicts: policy))
            #expect(calls.isEmpty, "\(policy)")
            #expect(courses.count == 1 && courses[0] != .push, "\(policy)")
        }
    }

    @Test func aCustomMark_isAConflictWhenAPhoneChangedItOtherwise() {
        let changed = cloud { $0.marks["alice"]?.custom = "boss" }
        let (courses, calls) = decide([text], on: changed)
        guard case .reject(.conflict, nil, _) = courses[0] else {
            Issue.record("\(courses)")
            return
        }
        #expect(calls.isEmpty)
    }

    @Test func bothSidesChangedTheSameWithCloudWins_theBitsOfAMarkAreSentAllTheSame() {
        let both = Edit(
            id: 1,
            operation: .mark(alice, MarkEdit(set: StandardMark(bits: 4), custom: "friend")),
            base: "vip")
        let changed = cloud { $0.marks["alice"]?.custom = "boss" }
        let (_, calls) = decide([both], on: changed, PushPolicy(conflicts: .cloudWins))
        #expect(
            calls.map(\.action)
                == [
                    .mark([
                        .init(conversation: alice, marks: MarkEdit(set: StandardMark(bits: 4)))
                    ])
                ])
    }

    @Test func standardMarksAndMembers_neverConflict() {
        let edits = [
            Edit(id: 1, operation: .add([eve], to: family)),
            Edit(id: 2, operation: .remove([bob], from: family)),
            Edit(id: 3, operation: .mark(alice, MarkEdit(set: StandardMark(bits: 8)))),
        ]
        let changed = cloud {
            $0.members[1] = ["dora"]
            $0.marks["alice"] = .init(bits: 2)
        }
        let (courses, calls) = decide(edits, on: changed)
        // bob is gone already.
        #expect(courses == [.push, .settle(.satisfied, nil), .push])
        #expect(calls.count == 2)
    }

    @Test func aChainOfRenames_isComparedOnce() {
        let chain = [
            rename,
            Edit(
                id: 2, operation: .rename(GroupReference(id: 1, name: "kin"), to: "clan"),
                base: "family"),
        ]
        let (courses, calls) = decide(chain, on: cloud { _ in })
        #expect(courses == [.push, .push])
        #expect(calls.map(\.action) == [.rename(1, from: "family", to: "clan")])
    }
}

@Suite struct AGroupThatIsGone {
    private let gone = cloud { $0.obey(.delete(GroupReference(id: nil, name: "family"))) }

    @Test func aGroupThatIsGoneIsNothingToDeleteOrToRemoveFrom() {
        let edits = [
            Edit(id: 1, operation: .remove([bob], from: family)),
            Edit(id: 2, operation: .delete(family)),
        ]
        let (courses, calls) = decide(edits, on: gone)
        #expect(courses == [.settle(.satisfied, nil), .settle(.satisfied, nil)])
        #expect(calls.isEmpty)
    }

    @Test func aGroupThatIsGoneRejectsAdditionsAndRenames_andWhatComesAfterThemWaits() {
        let edits = [
            Edit(id: 1, operation: .add([eve], to: family)),
            Edit(id: 2, operation: .rename(family, to: "kin"), base: "family"),
        ]
        let (courses, _) = decide(edits, on: gone)
        guard case .reject(.groupMissing, nil, _) = courses[0] else {
            Issue.record("\(courses)")
            return
        }
        #expect(courses[1] == .wait(behind: 1))
    }

    @Test func aGroupThatIsGoneIsMadeAgain_whenThePolicySaysSo() {
        let edits = [
            Edit(id: 1, operation: .add([eve], to: family)),
            Edit(id: 2, operation: .add([alice], to: family)),
        ]
        let pushing = Pushing(
            edits, on: NaiveCloud(), PushPolicy(missingGroup: .recreate))
        #expect(pushing.cloud.essence == ["family": ["eve", "alice"]])
        #expect(pushing.calls.count == 1)
        #expect(pushing.edits.isEmpty)
    }

    @Test func aGroupThatIsGoneOfTheSameNameButAnotherNumber_isNotTheOneThatWasMeant() {
        var other = NaiveCloud()
        other.names[7] = "family"
        other.members[7] = ["dora"]
        let edit = Edit(id: 1, operation: .add([eve], to: family))
        let (courses, _) = decide([edit], on: Draft(other.snapshot))
        guard case .reject(.groupMissing, nil, _) = courses[0] else {
            Issue.record("\(courses)")
            return
        }
    }
}

@Suite struct AfterAPhoneRenamedTheGroup {
    private let renamed = cloud { $0.names[1] = "clan" }

    @Test func additionsGoToItUnderItsNewName() {
        let (_, calls) = decide([Edit(id: 1, operation: .add([eve], to: family))], on: renamed)
        #expect(calls.map(\.action) == [.update(1, name: "clan", remove: [], add: [eve])])
    }

    @Test func aDeletionDeletesIt() {
        let (_, calls) = decide([Edit(id: 1, operation: .delete(family))], on: renamed)
        #expect(calls.map(\.action) == [.delete(1, name: "clan")])
    }

    @Test func anEditThatKnowsTheGroupByNameAlone_doesNotFindIt() {
        let edit = Edit(
            id: 1, operation: .add([eve], to: GroupReference(id: nil, name: "family")))
        let (courses, _) = decide([edit], on: renamed)
        guard case .reject(.groupMissing, nil, _) = courses[0] else {
            Issue.record("\(courses)")
            return
        }
    }
}

@Suite struct ARejectedEdit {
    private let rejected = Edit(
        id: 1, operation: .add([eve], to: family), state: .rejected)

    @Test func blocksLaterEditsOfItsGroupOnly() {
        let edits = [
            rejected,
            Edit(id: 2, operation: .add([ConversationID.user("dora")], to: family)),
            Edit(id: 3, operation: .create(name: "club", [eve])),
            Edit(id: 4, operation: .mark(alice, MarkEdit(set: StandardMark(bits: 4)))),
        ]
        let (courses, calls) = decide(edits, on: cloud { _ in })
        #expect(courses == [.wait(behind: 1), .push, .push])
        #expect(calls.count == 2)
    }

    @Test func aRejectedEditThatWouldHaveCreatedAGroup_blocksTheEditsOfThatGroup() {
        let edits = [
            Edit(id: 1, operation: .create(name: "club", [eve]), state: .rejected),
            Edit(id: 2, operation: .add([bob], to: GroupReference(id: -1, name: "club"))),
        ]
        let (courses, calls) = decide(edits, on: cloud { _ in })
        #expect(courses == [.wait(behind: 1)])
        #expect(calls.isEmpty)
    }

    @Test func oneConversationThatIsRefused_rejectsItsEditAndNotItsBrothers() {
        var half = Edit(id: 1, operation: .add([eve, bob], to: family), state: .sending)
        half.refused = [eve: Refusal(code: 51008, words: "full")]
        let brother = Edit(
            id: 2, operation: .add([.user("dora")], to: family), state: .sending)
        let changed = cloud { $0.members[1]?.insert("dora") }
        let (courses, calls) = decide([half, brother], on: changed)
        guard case .reject(.refused, let refusal, _) = courses[0] else {
            Issue.record("\(courses)")
            return
        }
        #expect(refusal?.code == 51008)
        #expect(calls.isEmpty)
    }

    @Test func editsThatGoAlone_shareNoCall() {
        let edits = [
            Edit(id: 1, operation: .add([eve], to: family), sentSeparately: true),
            Edit(id: 2, operation: .add([.user("dora")], to: family), sentSeparately: true),
            Edit(id: 3, operation: .add([.user("fred")], to: family)),
        ]
        let (_, calls) = decide(edits, on: cloud { _ in })
        #expect(calls.map(\.edits) == [[3], [1], [2]])
    }
}

@Suite struct AnEditInDoubt {
    @Test func anEditInDoubtThatTheCloudShows_wasApplied() {
        let edit = Edit(id: 1, operation: .add([alice], to: family), state: .sending)
        let (courses, calls) = decide([edit], on: cloud { _ in })
        #expect(courses == [.settle(.applied, nil)])
        #expect(calls.isEmpty)
    }

    @Test func anEditInDoubtThatTheCloudDoesNotShow_isSentAgain() {
        let edit = Edit(id: 1, operation: .add([eve], to: family), state: .sending)
        let (courses, calls) = decide([edit], on: cloud { _ in })
        #expect(courses == [.push])
        #expect(calls.count == 1)
    }

    @Test func anEditInDoubtThatWasAppliedInPart_isSentAgainForTheRest() {
        let edit = Edit(id: 1, operation: .add([alice, eve], to: family), state: .sending)
        let (_, calls) = decide([edit], on: cloud { _ in })
        #expect(calls.map(\.action) == [.update(1, name: "family", remove: [], add: [eve])])
    }

    @Test func anEditInDoubtOfACreation_findsTheGroupUnderTheNameThatALaterEditGaveIt() {
        let edits = [
            Edit(id: 5, operation: .create(name: "new", [eve]), state: .sending),
            Edit(
                id: 6, operation: .rename(GroupReference(id: -5, name: "new"), to: "club"),
                state: .sending),
        ]
        let changed = cloud { _ = $0.create("club", ["eve"]) }
        let (courses, calls) = decide(edits, on: changed)
        #expect(courses == [.settle(.applied, nil), .settle(.applied, nil)])
        #expect(calls.isEmpty)
    }

    @Test func anEditInDoubtOfACreationThatALaterEditDeletes_isDeletedWhenItTookEffect() {
        let edits = [
            Edit(id: 5, operation: .create(name: "club", [eve]), state: .sending),
            Edit(id: 6, operation: .delete(GroupReference(id: -5, name: "club"))),
        ]
        let changed = cloud { _ = $0.create("club", ["eve"]) }
        let (_, calls) = decide(edits, on: changed)
        #expect(calls.map(\.action) == [.delete(2, name: "club")])
    }

    @Test func anEditInDoubtOfARenameThatAPhoneHasOverwritten_isAConflict() {
        var sent = rename
        sent.state = .sending
        let (courses, _) = decide([sent], on: cloud { $0.names[1] = "clan" })
        guard case .reject(.conflict, nil, _) = courses[0] else {
            Issue.record("\(courses)")
            return
        }
    }
}

@Suite struct AnEditIsCheckedWhenItIsQueued {
    private func fault(_ operation: EditOperation) -> String? {
        if let fault = operation.fault() { return fault.problem }
        let draft = Draft(cloud.snapshot)
        do {
            _ = try EditCheck(mirror: draft, pending: draft).accept(operation)
            return nil
        } catch {
            return error.problem
        }
    }

    private func group(_ name: String) -> GroupReference {
        GroupReference(id: nil, name: ExactText(name))
    }

    @Test func names() {
        #expect(fault(.create(name: "", [eve])) == "the group's new name is empty")
        let sixtyFive = ExactText(String(repeating: "x", count: 65))
        #expect(fault(.create(name: sixtyFive, [eve]))?.contains("65 bytes") == true)
        // Twenty-two characters of three bytes each.
        let long = ExactText(String(repeating: "家人", count: 11))
        #expect(fault(.rename(group("family"), to: long))?.contains("66 bytes") == true)
        let fitting = ExactText(String(repeating: "家", count: 21))
        #expect(fault(.rename(group("family"), to: fitting)) == nil)
        #expect(fault(.create(name: "family", [eve])) == "there is a group 'family' already")
        #expect(fault(.rename(group("nobody"), to: "x")) == "there is no group 'nobody'")
    }

    @Test func conversations() {
        #expect(
            fault(.mark(eve, MarkEdit(custom: "vip\u{0}x")))
                == "the custom mark contains U+0000, which the database cannot hold")
        #expect(fault(.add([], to: group("family"))) == "no conversation is given")
        #expect(fault(.add([eve, eve], to: group("family"))) == "user:eve is given twice")
        #expect(fault(.remove([eve], from: group("family"))) == "user:eve is not in 'family'")
        #expect(fault(.remove([bob], from: group("family"))) == nil)
        #expect(
            fault(.add([.user("ü")], to: group("family")))?.contains("is no conversation") == true)
        #expect(
            fault(
                .add(
                    [.chatGroup(ExactText(String(repeating: "g", count: 65)))], to: group("family"))
            )
                != nil)
    }

    @Test func marks() {
        #expect(fault(.mark(eve, MarkEdit())) == "nothing is to be marked")
        let bit = StandardMark(bits: 2)
        #expect(
            fault(.mark(eve, MarkEdit(set: bit, clear: bit))) == "mark 1 is to be set and cleared")
        let long = ExactText(String(repeating: "x", count: 257))
        #expect(fault(.mark(eve, MarkEdit(custom: long)))?.contains("257 bytes") == true)
        #expect(fault(.mark(eve, MarkEdit(custom: ""))) == nil)
    }

    @Test func theTwentyFirstGroup() {
        var full = NaiveCloud()
        for number in 1...20 { _ = full.create("g\(number)", ["bob"]) }
        let draft = Draft(full.snapshot)
        #expect(throws: EditFault.self) {
            try EditCheck(mirror: draft, pending: draft).accept(.create(name: "more", [eve]))
        }
    }
}
