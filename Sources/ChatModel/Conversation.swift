/// What the cloud keeps about one conversation of one user.
package struct Conversation: Hashable, Sendable {
    package let id: ConversationID
    /// The groups it is in, ascending and without repetition.
    package let groups: [GroupID]
    package let standardMark: StandardMark
    /// Text of the app, at most 256 bytes; empty when there is none.
    package let customMark: ExactText
    /// When its groups or marks last changed: unix seconds of the cloud's clock.
    package let updatedAt: Int64

    package init(
        id: ConversationID, groups: some Sequence<GroupID>, standardMark: StandardMark = .none,
        customMark: ExactText = .empty, updatedAt: Int64 = 0
    ) {
        self.id = id
        self.groups = Set(groups).sorted()
        self.standardMark = standardMark
        self.customMark = customMark
        self.updatedAt = updatedAt
    }

    /// In no group and without a mark. Whether the cloud still lists such a conversation is unknown
    /// (Cloud.md §2); it says nothing, so no snapshot holds one.
    package var isBare: Bool { groups.isEmpty && standardMark == .none && customMark.isEmpty }
}
