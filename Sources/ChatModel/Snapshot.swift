/// All conversation groups and conversations of one user at one moment. Both lists are sorted and
/// free of repetition, every group that a conversation is in is listed, and no conversation is
/// bare; so two snapshots are equal exactly when they say the same.
package struct Snapshot: Hashable, Sendable {
    /// Ascending by id.
    package let groups: [ConversationGroup]
    /// Ascending by id.
    package let conversations: [Conversation]

    package static let empty = Snapshot(groups: [], conversations: [])

    /// Sorts both lists, leaves bare conversations out, and leaves out memberships in groups that
    /// are not listed. Neither list may name the same id twice.
    package init(groups: [ConversationGroup], conversations: [Conversation]) {
        self.groups = groups.sorted { $0.id < $1.id }
        let listed = Set(groups.map(\.id))
        precondition(listed.count == groups.count, "a snapshot names one group twice")
        self.conversations =
            conversations
            .map { $0.groups.allSatisfy(listed.contains) ? $0 : $0.keeping(groups: listed) }
            .filter { !$0.isBare }
            .sorted { $0.id < $1.id }
    }

    package var isEmpty: Bool { groups.isEmpty && conversations.isEmpty }

    /// The group with this number; nil when there is none.
    package func group(_ id: GroupID) -> ConversationGroup? { groups.first { $0.id == id } }
}

extension Conversation {
    /// The same conversation, in those of its groups that `kept` holds.
    fileprivate func keeping(groups kept: Set<GroupID>) -> Conversation {
        Conversation(
            id: id, groups: groups.filter(kept.contains), standardMark: standardMark,
            customMark: customMark, updatedAt: updatedAt)
    }
}
