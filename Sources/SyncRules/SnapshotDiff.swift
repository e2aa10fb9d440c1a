import ChatModel

// What changed between two snapshots of one user. The two lists of each are sorted, so one walk
// over both finds every difference; the order of the result is the order in which the changes can
// be replayed.

/// The differences from one snapshot to another.
package struct SnapshotDiff: Sendable {
    /// In an order that can be applied by ids and by names: what leaves a group that is deleted, deleted
    /// groups, renamed ones, created ones, then everything else about conversations. Two groups have one
    /// name on the way only where names were exchanged.
    package let changes: [Change]
    /// Conversations to write: new ones, and those of which anything differs, the time of update
    /// included.
    package let written: [Conversation]
    /// Conversations that are gone or no longer in any group nor marked.
    package let vanished: [Conversation]

    package init(from old: Snapshot, to new: Snapshot) {
        let groups = Walk(old.groups, new.groups, by: \.id)
        let conversations = Walk(old.conversations, new.conversations, by: \.id)
        let names = GroupNames(old: old.groups, new: new.groups)

        var contents: [Change] = []
        for conversation in conversations.removed {
            contents += names.changes(from: conversation, to: conversation.bared)
        }
        for (before, after) in conversations.kept where before != after {
            contents += names.changes(from: before, to: after)
        }
        for conversation in conversations.added {
            contents += names.changes(from: conversation.bared, to: conversation)
        }
        let deleted = Set(groups.removed.map(\.id))
        let leaving = contents.filter { $0.isLeaving(deleted) }
        changes =
            leaving + groups.removed.map(Change.groupDeleted)
            + SnapshotDiff.renames(groups.kept) + groups.added.map(Change.groupCreated)
            + contents.filter { !$0.isLeaving(deleted) }
        written = conversations.added + conversations.kept.filter { $0 != $1 }.map(\.1)
        vanished = conversations.removed
    }

    /// Renames, each after the one that frees its name; where names were exchanged in a circle, one has
    /// to begin.
    private static func renames(_ kept: [(ConversationGroup, ConversationGroup)]) -> [Change] {
        var left = kept.filter { $0.0.name != $0.1.name }
        var renames: [Change] = []
        while !left.isEmpty {
            let taken = Set(left.map(\.0.name))
            let next = left.firstIndex { !taken.contains($0.1.name) } ?? 0
            let (before, after) = left.remove(at: next)
            renames.append(.groupRenamed(after, from: before.name))
        }
        return renames
    }

    /// What the difference says about how often the user changes.
    /// - Parameters:
    ///   - time: of the pull, by the cloud's clock.
    ///   - isFirst: the user was never pulled: what it has is no change of now, but has its time.
    ///   - origins: changes that edits of ours have made: they say nothing about the user.
    package func finding(
        at time: WallTime, isFirst: Bool, without origins: [Change: EditID]
    ) -> PullFinding {
        guard changes.contains(where: { origins[$0] == nil }) else { return .unchanged }
        let newest = written.map(\.updatedAt).max().flatMap { $0 > 0 ? $0 : nil }
        guard let newest else { return isFirst ? .unchanged : .changed(age: nil) }
        return .changed(age: max(.zero, time - WallTime(seconds: newest)))
    }

    /// Nothing to write: not even a time of update.
    package var isEmpty: Bool { changes.isEmpty && written.isEmpty && vanished.isEmpty }
}

/// Two sorted lists of things with an id, walked side by side.
private struct Walk<Element> {
    var added: [Element] = []
    var removed: [Element] = []
    var kept: [(Element, Element)] = []

    init<ID: Comparable>(_ old: [Element], _ new: [Element], by id: (Element) -> ID) {
        var (o, n) = (0, 0)
        while o < old.count || n < new.count {
            if n == new.count || (o < old.count && id(old[o]) < id(new[n])) {
                removed.append(old[o])
                o += 1
            } else if o == old.count || id(new[n]) < id(old[o]) {
                added.append(new[n])
                n += 1
            } else {
                kept.append((old[o], new[n]))
                (o, n) = (o + 1, n + 1)
            }
        }
    }
}

/// The groups of both snapshots by id, to name the group of each change: by its new name where it
/// still has one.
private struct GroupNames {
    private var byID: [GroupID: ConversationGroup] = [:]

    init(old: [ConversationGroup], new: [ConversationGroup]) {
        for group in old + new { byID[group.id] = group }
    }

    /// What has changed about a conversation: groups left, groups entered, marks.
    func changes(from old: Conversation, to new: Conversation) -> [Change] {
        var changes: [Change] = []
        for id in old.groups where !new.groups.contains(id) {
            changes.append(.conversationRemoved(old.id, from: group(id)))
        }
        for id in new.groups where !old.groups.contains(id) {
            changes.append(.conversationAdded(old.id, to: group(id)))
        }
        if old.standardMark != new.standardMark {
            changes.append(
                .standardMarkChanged(old.id, from: old.standardMark, to: new.standardMark))
        }
        if old.customMark != new.customMark {
            changes.append(.customMarkChanged(old.id, from: old.customMark, to: new.customMark))
        }
        return changes
    }

    private func group(_ id: GroupID) -> ConversationGroup {
        guard let group = byID[id] else {
            preconditionFailure("a snapshot has a conversation in group \(id), which it lacks")
        }
        return group
    }
}

extension Change {
    /// A conversation leaves one of these groups.
    fileprivate func isLeaving(_ groups: Set<GroupID>) -> Bool {
        if case .conversationRemoved(_, let group) = self {
            groups.contains(group.id)
        } else {
            false
        }
    }
}

extension Conversation {
    /// The same conversation in no group and without a mark.
    fileprivate var bared: Conversation { Conversation(id: id, groups: [], updatedAt: updatedAt) }
}

extension Snapshot {
    /// Everything of both, the other's word counting where both have one: additions, renames and
    /// marks flow, nothing goes.
    package func extended(by other: Snapshot) -> Snapshot {
        let groups = Walk(self.groups, other.groups, by: \.id)
        let conversations = Walk(self.conversations, other.conversations, by: \.id)
        return Snapshot(
            groups: groups.removed + groups.added + groups.kept.map(\.1),
            conversations: conversations.removed + conversations.added
                + conversations.kept.map(\.1))
    }

    /// True when `next` keeps nothing of this, which has something: neither a conversation nor,
    /// where there are only groups, a group.
    package func losesEverything(becoming next: Snapshot) -> Bool {
        if conversations.isEmpty {
            return !groups.isEmpty && Walk(groups, next.groups, by: \.id).kept.isEmpty
        }
        return Walk(conversations, next.conversations, by: \.id).kept.isEmpty
    }
}
