import ChatModel
import SyncRules
import TestSupport
import Testing

private let alice = ConversationID.user("alice")
private let bob = ConversationID.user("bob")
private let eve = ConversationID.user("eve")
private let family = GroupReference(id: 1, name: "family")
private let refusal = Refusal(code: 51008, words: "full")

private let cloud = NaiveCloud.family

private var draft: Draft { Draft(cloud.snapshot) }

private func call(_ action: PushCall.Action) -> PushCall {
    PushCall(action: action, edits: [1], wanted: [:])
}

@Suite struct WhatTheCloudAcknowledges {
    @Test func aConversationWithoutAResult_isNotTakenForDone() {
        var after = draft
        after.acknowledge(
            call(.update(1, name: "family", remove: [alice, bob], add: [eve])),
            PushReply(results: [bob: nil]))
        #expect(after.members(of: 1) == [alice])
    }

    @Test func aConversationThatWasRefused_staysAsItWas() {
        var after = draft
        after.acknowledge(
            call(.update(1, name: "family", remove: [alice], add: [eve])),
            PushReply(results: [alice: refusal, eve: refusal]))
        #expect(after == draft)
    }

    @Test func aRename_isTheBaseOfTheRenamesThatFollow() {
        let other = GroupReference(id: 2, name: "work")
        let renamed = call(.rename(1, from: "family", to: "kin"))
        let next = Edit(id: 2, operation: .rename(family, to: "clan"), base: "family")
        let elsewhere = Edit(id: 3, operation: .rename(other, to: "job"), base: "work")
        #expect(next.advanced(past: renamed, PushReply()).base == "kin")
        #expect(elsewhere.advanced(past: renamed, PushReply()).base == "work")
    }

    @Test func aCustomMark_isTheBaseOfTheMarksThatFollow() {
        let marked = call(
            .mark([
                .init(conversation: bob, marks: MarkEdit(custom: "b")),
                .init(conversation: alice, marks: MarkEdit(custom: "friend")),
            ]))
        let text = Edit(id: 2, operation: .mark(alice, MarkEdit(custom: "x")), base: "vip")
        let bit = Edit(id: 3, operation: .mark(alice, MarkEdit(set: StandardMark(bits: 4))))
        let done = PushReply(results: [alice: nil, bob: nil])
        #expect(text.advanced(past: marked, done).base == "friend")
        #expect(bit.advanced(past: marked, done).base == nil)
    }

    @Test func aCustomMarkThatWasRefused_isNoBase() {
        let marked = call(.mark([.init(conversation: alice, marks: MarkEdit(custom: "friend"))]))
        let edit = Edit(id: 2, operation: .mark(alice, MarkEdit(custom: "friend")), base: "vip")
        let refused = PushReply(results: [alice: refusal])
        #expect(edit.advanced(past: marked, refused).base == "vip")
        #expect(edit.advanced(past: marked, PushReply()).base == "vip")
    }

    @Test func aCreation_givesItsEditTheNumber_whichARenumberingKeeps() {
        let reply = PushReply(group: 7, results: [eve: nil])
        let created = Edit(id: 5, operation: .create(name: "club", [eve]))
            .advanced(past: call(.create(group: -5, name: "club", [eve])), reply)
        #expect(created.createdGroup == 7)
        var again = Edit(id: 6, operation: .add([eve], to: family))
        again.createdGroup = 9
        let renumbered = again.renumbering(1, as: NumberedGroup(id: 3, name: nil))
        #expect(renumbered.operation.group?.id == 3)
        #expect(renumbered.createdGroup == 9)
    }
}

/// An edit in doubt, what a phone did, and how many of the changes are the edit's.
struct Finding: Sendable {
    let operation: EditOperation
    let ours: Int
    let phone: @Sendable (inout NaiveCloud) -> Void

    init(
        _ operation: EditOperation, _ ours: Int,
        phone: @escaping @Sendable (inout NaiveCloud) -> Void
    ) {
        self.operation = operation
        self.ours = ours
        self.phone = phone
    }
}

@Suite struct ChangesFoundInTheCloud {
    /// What an edit in doubt would have done is its work; the same change with another group,
    /// conversation or value is somebody else's.
    @Test(arguments: [
        Finding(.create(name: "club", [eve]), 2) { $0.make("club", ["eve"]) },
        Finding(.create(name: "club", [eve]), 0) { $0.make("other", ["eve"]) },
        Finding(.create(name: "club", [eve]), 1) { $0.make("club", ["dora"]) },
        Finding(.create(name: "club", [eve]), 0) { $0.add("eve", 1) },
        Finding(.rename(family, to: "kin"), 1) { $0.rename(1, "kin") },
        Finding(.rename(family, to: "kin"), 0) { $0.rename(1, "clan") },
        Finding(.rename(family, to: "kin"), 0) { $0.rename(2, "kin") },
        Finding(.delete(family), 3) { $0.delete(1) },
        Finding(.delete(family), 0) { $0.delete(2) },
        Finding(.delete(family), 1) { $0.take("alice", 1) },
        Finding(.add([eve], to: family), 1) { $0.add("eve", 1) },
        Finding(.add([eve], to: family), 0) { $0.add("dora", 1) },
        Finding(.add([eve], to: family), 0) { $0.add("eve", 2) },
        Finding(.add([alice], to: family), 0) { $0.take("alice", 1) },
        Finding(.remove([alice], from: family), 1) { $0.take("alice", 1) },
        Finding(.remove([alice], from: family), 0) { $0.take("bob", 1) },
        Finding(.remove([dora], from: family), 0) { $0.take("dora", 2) },
        Finding(.mark(alice, MarkEdit(set: StandardMark(bits: 4))), 1) { $0.bits("alice", 5) },
        Finding(.mark(alice, MarkEdit(set: StandardMark(bits: 4))), 0) { $0.bits("alice", 7) },
        Finding(.mark(alice, MarkEdit(set: StandardMark(bits: 4))), 0) { $0.bits("bob", 4) },
        Finding(.mark(alice, MarkEdit(custom: "friend")), 1) { $0.text("alice", "friend") },
        Finding(.mark(alice, MarkEdit(custom: "friend")), 0) { $0.text("alice", "foe") },
        Finding(.mark(alice, MarkEdit(custom: "friend")), 0) { $0.text("bob", "friend") },
    ])
    func belongToTheEditInDoubtThatWantedThem(finding: Finding) {
        var before = cloud
        _ = before.create("work", ["dora"])
        var after = before
        finding.phone(&after)
        let diff = SnapshotDiff(from: before.snapshot, to: after.snapshot)
        #expect(!diff.isEmpty)
        let sent = Edit(id: 1, operation: finding.operation, state: .sending)
        #expect(diff.origins(among: [sent]).values.filter { $0 == 1 }.count == finding.ours)
        let waiting = Edit(id: 1, operation: finding.operation, state: .queued)
        #expect(diff.origins(among: [waiting]).isEmpty)
    }
}

private let dora = ConversationID.user("dora")

extension NaiveCloud {
    fileprivate mutating func make(_ name: String, _ who: [String]) { _ = create(name, who) }
    fileprivate mutating func rename(_ group: Int64, _ name: String) { names[group] = name }
    fileprivate mutating func delete(_ group: Int64) {
        names[group] = nil
        members[group] = nil
    }
    fileprivate mutating func add(_ who: String, _ group: Int64) { members[group]?.insert(who) }
    fileprivate mutating func take(_ who: String, _ group: Int64) { members[group]?.remove(who) }
    fileprivate mutating func bits(_ who: String, _ bits: UInt64) {
        marks[who, default: Marks()].bits = bits
    }
    fileprivate mutating func text(_ who: String, _ text: String) {
        marks[who, default: Marks()].custom = text
    }
}

@Suite struct TheMirrorWithOpenEditsApplied {
    private func after(_ operation: EditOperation, refusing: [ConversationID] = []) -> Draft {
        var edit = Edit(id: 5, operation: operation)
        for id in refusing { edit.refused[id] = refusal }
        return EditReplay.preview([edit], on: draft).draft
    }

    @Test func theMirrorWithOpenEditsAppliedShowsWhatTheyMake() {
        #expect(after(.add([eve], to: family)).members(of: 1) == [alice, bob, eve])
        #expect(after(.remove([bob], from: family)).members(of: 1) == [alice])
        #expect(after(.mark(alice, MarkEdit(custom: "friend"))).customMark(of: alice) == "friend")
        #expect(
            after(.mark(eve, MarkEdit(set: StandardMark(bits: 2)))).standardMark(of: eve).bits == 2)
        #expect(after(.create(name: "club", [eve])).members(of: -5) == [eve])
        #expect(after(.rename(family, to: "kin")).names == [1: "kin"])
        #expect(after(.delete(family)).names.isEmpty)
    }

    @Test func theMirrorWithOpenEditsAppliedLeavesOutWhatTheCloudRefused() {
        #expect(after(.add([eve], to: family), refusing: [eve]) == draft)
        #expect(after(.remove([bob], from: family), refusing: [bob]) == draft)
        #expect(after(.mark(alice, MarkEdit(custom: "x")), refusing: [alice]) == draft)
        #expect(after(.create(name: "club", [eve, bob]), refusing: [bob]).members(of: -5) == [eve])
    }

    @Test func theMirrorWithOpenEditsAppliedLeavesOutWhatHasLostItsGroup() {
        let gone = GroupReference(id: 9, name: "family")
        #expect(after(.add([eve], to: gone)) == draft)
        #expect(after(.remove([bob], from: gone)) == draft)
        #expect(after(.delete(gone)) == draft)
    }

    @Test func theMirrorWithOpenEditsAppliedFindsAGroupByNameWhereItsNumberIsNotKnownYet() {
        let byName = GroupReference(id: nil, name: "family")
        #expect(after(.add([eve], to: byName)).members(of: 1) == [alice, bob, eve])
    }

    @Test func theMirrorWithOpenEditsAppliedKnowsAGroupOfTheQueueThatWasThereAlready() {
        let ofTheQueue = GroupReference(id: -3, name: "family")
        let edits = [
            Edit(id: 3, operation: .create(name: "family", [bob])),
            Edit(id: 4, operation: .add([eve], to: ofTheQueue)),
        ]
        let pending = EditReplay.preview(edits, on: draft).draft
        #expect(pending.names == [1: "family"])
        #expect(pending.members(of: 1) == [alice, bob, eve])
    }

    /// The call bore the name that the rename gives, and its answer was lost.
    @Test
    func theMirrorWithOpenEditsAppliedKnowsACreationInDoubt_underTheNameThatALaterEditGaveIt() {
        var found = cloud
        _ = found.create("pub", ["eve"])
        let own = GroupReference(id: -5, name: "club")
        let edits = [
            Edit(id: 5, operation: .create(name: "club", [eve]), state: .sending),
            Edit(id: 6, operation: .rename(own, to: "pub"), state: .sending),
            Edit(id: 7, operation: .add([bob], to: GroupReference(id: -5, name: "pub"))),
        ]
        let pending = EditReplay.preview(edits, on: Draft(found.snapshot)).draft
        #expect(pending.names == [1: "family", 2: "pub"])
        #expect(pending.members(of: 2) == [bob, eve])
    }

    @Test func theMirrorWithOpenEditsAppliedKnowsAGroupThatWasMade_whateverItIsCalledNow() {
        var creation = Edit(id: 5, operation: .create(name: "club", [bob, eve]), state: .sending)
        creation.createdGroup = 1
        #expect(EditReplay.preview([creation], on: draft).draft.names == [1: "family"])
        #expect(
            EditReplay.preview([creation], on: draft).draft.members(of: 1) == [alice, bob, eve])
        creation.createdGroup = 9
        #expect(EditReplay.preview([creation], on: draft).draft == draft)
        var remade = Edit(
            id: 6, operation: .add([eve], to: GroupReference(id: 9, name: "family")))
        remade.createdGroup = 1
        #expect(EditReplay.preview([remade], on: draft).draft.members(of: 1) == [alice, bob, eve])
    }

    /// Also when the cloud has accepted none of its conversations.
    @Test(arguments: [EditState.sending, .queued])
    func theMirrorWithOpenEditsAppliedKnowsAGroupThatWasMade_whenALaterEditMeansIt(
        state: EditState
    ) {
        var creation = Edit(id: 5, operation: .create(name: "club", [bob]), state: state)
        creation.createdGroup = 1
        let later = Edit(id: 6, operation: .add([eve], to: GroupReference(id: -5, name: "club")))
        #expect(
            EditReplay.preview([creation, later], on: draft).draft.members(of: 1) == [
                alice, bob, eve,
            ])
    }

    @Test func sparesTheNamesakeOfAGroupThatTheQueueMakesAndDeletes() {
        let edits = [
            Edit(id: 5, operation: .create(name: "family", [eve])),
            Edit(id: 6, operation: .delete(GroupReference(id: -5, name: "family"))),
        ]
        #expect(EditReplay.preview(edits, on: draft).draft == draft)
    }

    @Test func theMirrorWithOpenEditsAppliedGivesAConversationThatItAddsNoTimeOfUpdate() {
        let added = after(.add([eve], to: family)).snapshot.conversations.first { $0.id == eve }
        #expect(added?.updatedAt == 0)
    }
}
