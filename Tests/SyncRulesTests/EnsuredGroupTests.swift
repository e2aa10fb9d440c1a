import ChatModel
import SyncRules
import TestSupport
import Testing

// `ensure`: whichever group has the name when it is sent, or a new one.

private let (bob, eve) = (ConversationID.user("bob"), ConversationID.user("eve"))

private var home: NaiveCloud {
    var cloud = NaiveCloud()
    _ = cloud.create("family", ["alice"])
    return cloud
}

@Suite struct AnEnsuredGroup {
    private func ensure(_ id: EditID, _ name: ExactText, _ ids: ConversationID...) -> Edit {
        Edit(id: id, operation: .ensure(name: name, ids))
    }

    @Test func isTheOneThatHasTheName_orANewOne() {
        let there = Pushing([ensure(5, "family", bob)], on: home)
        #expect(there.cloud.essence == ["family": ["alice", "bob"]])
        #expect(there.calls.count == 1)
        let new = Pushing([ensure(5, "club", bob)], on: home)
        #expect(new.cloud.essence["club"] == ["bob"])
        let done = Pushing([ensure(5, "family", .user("alice"))], on: home)
        #expect(done.calls.isEmpty)
        #expect(done.decisions[5]?.course == .settle(.satisfied, nil))
    }

    /// Another client has renamed the group that had the name: the name counts.
    @Test func isANewOne_whereTheOldOneIsCalledOtherwiseNow() {
        var cloud = home
        cloud.names[1] = "kin"
        let pushing = Pushing([ensure(5, "family", bob)], on: cloud)
        #expect(pushing.cloud.essence == ["kin": ["alice"], "family": ["bob"]])
    }

    @Test func isAcceptedWhetherItIsThereOrNot() throws {
        let draft = Draft(home.snapshot)
        let check = EditCheck(mirror: draft, pending: draft)
        for name in ["family", "club"] as [ExactText] {
            let operation = EditOperation.ensure(name: name, [bob])
            #expect(try check.accept(operation).operation == operation)
        }
        #expect(throws: EditFault.self) { try check.accept(.create(name: "family", [bob])) }
    }

    @Test func isNotAccepted_asTheTwentyFirst() {
        let groups = (1...Int64(EditOperation.mostGroups)).map {
            ConversationGroup(id: GroupID($0), name: ExactText("g\($0)"))
        }
        let draft = Draft(Snapshot(groups: groups, conversations: []))
        let check = EditCheck(mirror: draft, pending: draft)
        #expect(throws: Never.self) { try check.accept(.ensure(name: "g7", [bob])) }
        #expect(throws: EditFault.self) { try check.accept(.ensure(name: "new", [bob])) }
    }

    /// The creation of an earlier edit goes out under the name that a later one gives the group.
    @Test func thatAnEarlierEditCreates_isThatGroup_whateverItIsCalledLater() {
        let many = (1...150).map { ConversationID.user(ExactText("peer\($0)")) }
        let edits = [
            Edit(id: 1, operation: .create(name: "new", many)),
            ensure(2, "new", eve),
            Edit(id: 3, operation: .rename(GroupReference(id: -1, name: "new"), to: "old")),
        ]
        let pushing = Pushing(edits, on: home)
        #expect(Set(pushing.cloud.essence.keys) == ["family", "old"])
        #expect(pushing.cloud.essence["old"]?.count == 151)
        #expect(pushing.edits.isEmpty)
    }

    /// Without the edit that would have created it, it is created all the same.
    @Test func thatAnEarlierEditWasToCreate_isCreatedWithoutIt() {
        var edit = ensure(2, "new", eve)
        edit.createdGroup = -1
        let pushing = Pushing([edit], on: home)
        #expect(pushing.cloud.essence["new"] == ["eve"])
    }

    /// The edit that was to create it is cancelled, so it was created itself, and the answer was lost. A later edit deletes
    /// the group: that is the last word, and nothing is made again.
    @Test func thatWasMadeInDoubt_andIsDeletedByALaterEdit_staysDeleted() {
        var made = ensure(2, "club", bob)
        made.createdGroup = -1
        made.state = .sending
        var cloud = home
        _ = cloud.create("club", ["bob"])
        let club = cloud.snapshot.groups.first { $0.name == "club" }
        let group = GroupReference(id: club?.id, name: "club")
        let pushing = Pushing([made, Edit(id: 3, operation: .delete(group))], on: cloud)
        #expect(pushing.calls.count == 1)
        #expect(pushing.cloud.essence == ["family": ["alice"]])
        #expect(pushing.edits.isEmpty)
    }

    @Test func getsItsNumberWithTheGroupThatItTurnedOutToBe() {
        var edit = ensure(2, "new", eve)
        edit.createdGroup = -1
        let number = NumberedGroup(id: 7, name: "new")
        #expect(edit.renumbering(-1, as: number).createdGroup == 7)
        #expect(edit.renumbering(-3, as: number).createdGroup == -1)
    }
}
