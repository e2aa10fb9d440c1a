import ChatModel
import SyncRules
import Testing

private let family = ConversationGroup(id: 1, name: "family")
private let work = ConversationGroup(id: 2, name: "work")
private let bob = ConversationID.user("bob")

private func snapshot(
    _ groups: [ConversationGroup], _ conversations: Conversation...
) -> Snapshot {
    Snapshot(groups: groups, conversations: conversations)
}

@Suite struct TheDiffOfTwoSnapshots {
    @Test func equalSnapshots_haveNone() {
        let same = snapshot([family], Conversation(id: bob, groups: [1]))
        #expect(SnapshotDiff(from: same, to: same).isEmpty)
    }

    @Test func aNewGroupWithAConversation_isCreatedFirst() {
        let diff = SnapshotDiff(
            from: .empty, to: snapshot([family], Conversation(id: bob, groups: [1])))
        #expect(diff.changes == [.groupCreated(family), .conversationAdded(bob, to: family)])
        #expect(diff.written.map(\.id) == [bob])
    }

    @Test func aDeletedGroup_comesLast() {
        let diff = SnapshotDiff(
            from: snapshot([family], Conversation(id: bob, groups: [1])), to: .empty)
        #expect(diff.changes == [.conversationRemoved(bob, from: family), .groupDeleted(family)])
        #expect(diff.vanished.map(\.id) == [bob])
    }

    @Test func sameIDOtherName_isARename() {
        let kin = ConversationGroup(id: 1, name: "kin")
        let diff = SnapshotDiff(from: snapshot([family]), to: snapshot([kin]))
        #expect(diff.changes == [.groupRenamed(kin, from: "family")])
    }

    @Test func aNameInAnotherSpelling_isARename() {
        let old = ConversationGroup(id: 1, name: ExactText("caf\u{E9}"))
        let new = ConversationGroup(id: 1, name: ExactText("cafe\u{301}"))
        #expect(SnapshotDiff(from: snapshot([old]), to: snapshot([new])).changes.count == 1)
    }

    @Test func movedBetweenGroups_isRemovedAndAdded() {
        let diff = SnapshotDiff(
            from: snapshot([family, work], Conversation(id: bob, groups: [1])),
            to: snapshot([family, work], Conversation(id: bob, groups: [2])))
        #expect(
            diff.changes == [
                .conversationRemoved(bob, from: family), .conversationAdded(bob, to: work),
            ])
    }

    @Test func marks_areToldWithBeforeAndAfter() {
        let before = Conversation(id: bob, groups: [1], customMark: "vip")
        let after = Conversation(id: bob, groups: [1], standardMark: StandardMark(bits: 4))
        let diff = SnapshotDiff(from: snapshot([family], before), to: snapshot([family], after))
        #expect(
            diff.changes == [
                .standardMarkChanged(bob, from: .none, to: StandardMark(bits: 4)),
                .customMarkChanged(bob, from: "vip", to: ""),
            ])
    }

    @Test func onlyTheTimeOfUpdateMoved_isWrittenAndNoChange() {
        let before = Conversation(id: bob, groups: [1], updatedAt: 1)
        let after = Conversation(id: bob, groups: [1], updatedAt: 2)
        let diff = SnapshotDiff(from: snapshot([family], before), to: snapshot([family], after))
        #expect(diff.changes.isEmpty)
        #expect(diff.written == [after])
        #expect(!diff.isEmpty)
    }

    @Test(arguments: 0..<300)
    func replayedOnTheOlder_theChangesGiveTheNewer(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let old = Snapshot.random(&random)
        let new = Snapshot.random(&random)
        #expect(old.applying(SnapshotDiff(from: old, to: new).changes) == new.withoutTimes)
    }
}

@Suite struct HoldingDeletions {
    private let full = snapshot([family], Conversation(id: bob, groups: [1]))

    @Test func extending_keepsWhatIsGoneAndTakesWhatIsNew() {
        let carol = Conversation(id: .user("carol"), groups: [2])
        let extended = full.extended(by: snapshot([work], carol))
        #expect(
            extended == snapshot([family, work], Conversation(id: bob, groups: [1]), carol))
    }

    @Test func extending_takesRenamesAndMarks() {
        let kin = ConversationGroup(id: 1, name: "kin")
        let marked = Conversation(id: bob, groups: [1], customMark: "vip")
        #expect(full.extended(by: snapshot([kin], marked)) == snapshot([kin], marked))
    }

    @Test func losingEverything_isLosingEveryConversation() {
        #expect(full.losesEverything(becoming: .empty))
        #expect(
            full.losesEverything(
                becoming: snapshot([family], Conversation(id: .user("new"), groups: [1]))))
        #expect(!full.losesEverything(becoming: full))
        #expect(!Snapshot.empty.losesEverything(becoming: full))
    }

    @Test func holdingDeletionsWithOnlyEmptyGroups_itIsLosingEveryGroup() {
        #expect(snapshot([family]).losesEverything(becoming: .empty))
        #expect(!snapshot([family, work]).losesEverything(becoming: snapshot([work])))
    }
}

extension Snapshot {
    /// A naive model of what a change does, to replay them with.
    fileprivate func applying(_ changes: [Change]) -> Snapshot {
        var names: [GroupID: ExactText] = [:]
        for group in groups { names[group.id] = group.name }
        var all: [ConversationID: (groups: Set<GroupID>, mark: StandardMark, custom: ExactText)] =
            [:]
        for each in conversations {
            all[each.id] = (Set(each.groups), each.standardMark, each.customMark)
        }
        for change in changes {
            if let id = change.conversation, all[id] == nil { all[id] = ([], .none, "") }
            switch change {
            case .groupCreated(let group), .groupRenamed(let group, _):
                names[group.id] = group.name
            case .groupDeleted(let group): names[group.id] = nil
            case .conversationAdded(let id, let group): all[id]?.groups.insert(group.id)
            case .conversationRemoved(let id, let group): all[id]?.groups.remove(group.id)
            case .standardMarkChanged(let id, _, let mark): all[id]?.mark = mark
            case .customMarkChanged(let id, _, let custom): all[id]?.custom = custom
            }
        }
        return Snapshot(
            groups: names.map { ConversationGroup(id: $0.key, name: $0.value) },
            conversations: all.map {
                Conversation(
                    id: $0.key, groups: $0.value.groups, standardMark: $0.value.mark,
                    customMark: $0.value.custom)
            })
    }

    fileprivate var withoutTimes: Snapshot {
        Snapshot(
            groups: groups,
            conversations: conversations.map {
                Conversation(
                    id: $0.id, groups: $0.groups, standardMark: $0.standardMark,
                    customMark: $0.customMark)
            })
    }

    fileprivate static func random(_ random: inout SeededGenerator) -> Snapshot {
        let groups = (1...5).filter { _ in Bool.random(using: &random) }.map {
            ConversationGroup(
                id: GroupID($0), name: ExactText("name \(Int.random(in: 0..<3, using: &random))"))
        }
        let conversations = (1...8).filter { _ in Bool.random(using: &random) }.map { number in
            Conversation(
                id: number % 2 == 0
                    ? .user(ExactText("\(number)")) : .chatGroup(ExactText("\(number)")),
                groups: groups.map(\.id).filter { _ in Bool.random(using: &random) },
                standardMark: StandardMark(bits: UInt64.random(in: 0..<3, using: &random)),
                customMark: Bool.random(using: &random) ? "" : "vip",
                updatedAt: Int64.random(in: 0..<100, using: &random))
        }
        return Snapshot(groups: groups, conversations: conversations)
    }
}
