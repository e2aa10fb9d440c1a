import ChatModel

// Reverses what edits have changed, and nothing else. Each change is reversed where the mirror, with open
// edits applied, still is as the change left it; what others changed since stays and is named.

/// What takes back the changes that some edits of a user have made.
package struct Undo: Sendable {
    /// A change that stays, and why.
    package struct Left: Hashable, Sendable {
        package let change: Change
        package let why: String
    }

    /// To be queued, in this order; groups are named.
    package let operations: [EditOperation]
    /// In the order of the record.
    package let left: [Left]

    /// - Parameters:
    ///   - changes: those that the edits have made, as the record has them, ascending.
    ///   - pending: the mirror with open edits applied.
    package init(_ changes: [Change], on pending: Draft) {
        var reversal = Reversal(pending)
        for change in changes.reversed() { reversal.reverse(change) }
        left = reversal.left.reversed()
        operations = Undo.operations(
            SnapshotDiff(from: pending.snapshot, to: reversal.draft.snapshot).changes,
            to: reversal.draft)
    }

    /// What leads there: one operation for each group that is made, renamed or deleted, for who enters one,
    /// for who leaves one, and for each marked conversation.
    private static func operations(_ changes: [Change], to target: Draft) -> [EditOperation] {
        var operations: [EditOperation] = []
        var (entering, leaving) = ([GroupID: [ConversationID]](), [GroupID: [ConversationID]]())
        var marks: [ConversationID: MarkEdit] = [:]
        for change in changes {
            switch change {
            case .groupDeleted(let group): operations.append(.delete(named(group.name)))
            case .groupRenamed(let group, let old):
                operations.append(.rename(named(old), to: group.name))
            case .groupCreated(let group):
                operations.append(.create(name: group.name, target.members(of: group.id)))
            case .conversationAdded(let id, let group):
                // Whoever is in a group that is made enters with it.
                if !Reversal.isMadeAgain(group.id) { entering[group.id, default: []].append(id) }
            case .conversationRemoved(let id, let group):
                if target.names[group.id] != nil { leaving[group.id, default: []].append(id) }
            case .standardMarkChanged(let id, let old, let new):
                marks[id] = MarkEdit(
                    set: StandardMark(bits: new.bits & ~old.bits),
                    clear: StandardMark(bits: old.bits & ~new.bits))
            case .customMarkChanged(let id, _, let new):
                let bits = marks[id] ?? MarkEdit()
                marks[id] = MarkEdit(set: bits.set, clear: bits.clear, custom: new)
            }
        }
        for (group, name) in target.names.sorted(by: { $0.key < $1.key }) {
            if let ids = leaving[group] {
                operations.append(.remove(ids.sorted(), from: named(name)))
            }
            if let ids = entering[group] { operations.append(.add(ids.sorted(), to: named(name))) }
        }
        return operations
            + marks.sorted { $0.key < $1.key }.map { EditOperation.mark($0.key, $0.value) }
    }

    private static func named(_ name: ExactText) -> GroupReference {
        GroupReference(id: nil, name: name)
    }
}

/// A draft in which changes are reversed, the newest first.
private struct Reversal {
    private(set) var draft: Draft
    private(set) var left: [Undo.Left] = []

    /// A deleted group is made again under a number of its own, below those of queued creations.
    private static let firstMade = Int64.min / 2

    static func isMadeAgain(_ group: GroupID) -> Bool { group.number < firstMade / 2 }

    init(_ pending: Draft) { draft = pending }

    mutating func reverse(_ change: Change) {
        if let why = obstacle(to: change) { left.append(Undo.Left(change: change, why: why)) }
        switch change {
        case .groupCreated(let group):
            if let there = standing(group), draft.names[there] == group.name,
                draft.members(of: there).isEmpty
            {
                draft.delete(there)
            }
        case .groupRenamed(let group, let old):
            if let there = standing(group), draft.names[there] == group.name,
                draft.group(named: old) == nil
            {
                draft.name(there, old)
            }
        case .groupDeleted(let group):
            if draft.group(named: group.name) == nil { draft.name(again(group), group.name) }
        case .conversationAdded(let id, let group):
            if let there = standing(group) { draft.remove(id, from: there) }
        case .conversationRemoved(let id, let group):
            if let there = standing(group) { draft.add(id, to: there) }
        case .standardMarkChanged(let id, let old, let new):
            // A bit that others have changed since is as it was before.
            let (now, ours) = (draft.standardMark(of: id).bits, old.bits ^ new.bits)
            draft.mark(id, StandardMark(bits: now & ~ours | old.bits & ours))
        case .customMarkChanged(let id, let old, let new):
            if draft.customMark(of: id) == new { draft.mark(id, custom: old) }
        }
    }

    /// Why the change, or a part of it, stays; nil when nothing of it does.
    private func obstacle(to change: Change) -> String? {
        switch change {
        case .groupCreated(let group):
            guard let there = standing(group), let name = draft.names[there] else {
                return "the group is gone"
            }
            if name != group.name { return "the group is called '\(name)' now" }
            let members = draft.members(of: there).count
            return members == 0 ? nil : "other conversations are in it now: \(members)"
        case .groupRenamed(let group, let old):
            guard let name = standing(group).flatMap({ draft.names[$0] }) else {
                return "the group is gone"
            }
            if name != group.name { return "the group is called '\(name)' now" }
            return draft.group(named: old) == nil ? nil : "another group is called '\(old)' now"
        case .groupDeleted(let group):
            return draft.group(named: group.name) == nil
                ? nil : "there is a group of this name again"
        case .conversationAdded(let id, let group):
            let isIn = standing(group).map { draft.contains(id, in: $0) } ?? false
            return isIn ? nil : "it is not in the group any more"
        case .conversationRemoved(let id, let group):
            guard let there = standing(group) else { return "the group is gone" }
            return draft.contains(id, in: there) ? "it is in the group again" : nil
        case .standardMarkChanged(let id, let old, let new):
            let others = (old.bits ^ new.bits) & (draft.standardMark(of: id).bits ^ new.bits)
            return others == 0 ? nil : "the mark is another one now"
        case .customMarkChanged(let id, _, let new):
            return draft.customMark(of: id) == new ? nil : "the mark is another one now"
        }
    }

    private func again(_ group: ConversationGroup) -> GroupID {
        GroupID(Self.firstMade + group.id.number)
    }

    /// The group, or the one that is made again in its place.
    private func standing(_ group: ConversationGroup) -> GroupID? {
        [group.id, again(group)].first { draft.names[$0] != nil }
    }
}
