import ChatModel
import SyncRules
import Testing

/// A consumer may know groups by their names alone.
@Suite struct TheOrderOfChanges {
    private func snapshot(_ names: [GroupID: String], _ members: [String: [GroupID]] = [:])
        -> Snapshot
    {
        Snapshot(
            groups: names.map { ConversationGroup(id: $0.key, name: ExactText($0.value)) },
            conversations: members.map {
                Conversation(id: .user(ExactText($0.key)), groups: $0.value)
            })
    }

    /// Applies the changes by name; the most groups that had one name on the way.
    private func replay(_ changes: [Change], on names: [String]) -> (names: [String], most: Int) {
        var (names, most) = (names, 1)
        for change in changes {
            switch change {
            case .groupCreated(let group): names.append(group.name.string)
            case .groupRenamed(let group, let before):
                if let index = names.firstIndex(of: before.string) {
                    names[index] = group.name.string
                }
            case .groupDeleted(let group):
                if let index = names.firstIndex(of: group.name.string) { names.remove(at: index) }
            default: break
            }
            most = max(most, Dictionary(grouping: names) { $0 }.values.map(\.count).max() ?? 1)
        }
        return (names.sorted(), most)
    }

    @Test func aNameThatADeletedGroupLeaves_isFreeBeforeAnotherGetsIt() {
        let diff = SnapshotDiff(
            from: snapshot([1: "a", 2: "b"]), to: snapshot([2: "a", 3: "b"]))
        #expect(diff.changes.map(\.kind) == [.groupDeleted, .groupRenamed, .groupCreated])
        #expect(replay(diff.changes, on: ["a", "b"]) == (["a", "b"], 1))
    }

    @Test func renamesInARow_beginWithTheOneWhoseNameIsFree() {
        let diff = SnapshotDiff(
            from: snapshot([1: "a", 2: "b", 3: "c"]), to: snapshot([1: "b", 2: "c", 3: "d"]))
        #expect(replay(diff.changes, on: ["a", "b", "c"]) == (["b", "c", "d"], 1))
    }

    @Test func theOrderOfChangesNamesThatAreExchanged_meetOnce() {
        let diff = SnapshotDiff(
            from: snapshot([1: "a", 2: "b", 3: "c"]), to: snapshot([1: "b", 2: "a", 3: "d"]))
        #expect(diff.changes.count == 3)
        #expect(replay(diff.changes, on: ["a", "b", "c"]).most == 2)
    }

    @Test func whoLeavesADeletedGroup_doesBeforeItGoes_andWhoEntersANewOne_afterItCame() {
        let diff = SnapshotDiff(
            from: snapshot([1: "a"], ["x": [1]]), to: snapshot([2: "a"], ["x": [2]]))
        #expect(
            diff.changes.map(\.kind) == [
                .conversationRemoved, .groupDeleted, .groupCreated, .conversationAdded,
            ])
    }
}
