/// One difference between two snapshots of a user. The changes of a pass, applied in their order to
/// the older snapshot, give the newer one (but for `updatedAt`, which follows silently).
package enum Change: Hashable, Sendable {
    case groupCreated(ConversationGroup)
    /// Same id, other name.
    case groupRenamed(ConversationGroup, from: ExactText)
    case groupDeleted(ConversationGroup)
    case conversationAdded(ConversationID, to: ConversationGroup)
    case conversationRemoved(ConversationID, from: ConversationGroup)
    case standardMarkChanged(ConversationID, from: StandardMark, to: StandardMark)
    case customMarkChanged(ConversationID, from: ExactText, to: ExactText)

    /// The change's name in the mirror and in the exports.
    package enum Kind: String, CaseIterable, Sendable {
        case groupCreated = "group_created"
        case groupRenamed = "group_renamed"
        case groupDeleted = "group_deleted"
        case conversationAdded = "conversation_added"
        case conversationRemoved = "conversation_removed"
        case standardMarkChanged = "standard_mark_changed"
        case customMarkChanged = "custom_mark_changed"
    }

    package var kind: Kind {
        switch self {
        case .groupCreated: .groupCreated
        case .groupRenamed: .groupRenamed
        case .groupDeleted: .groupDeleted
        case .conversationAdded: .conversationAdded
        case .conversationRemoved: .conversationRemoved
        case .standardMarkChanged: .standardMarkChanged
        case .customMarkChanged: .customMarkChanged
        }
    }

    /// The group concerned, under the name it has after the change; nil for a mark.
    package var group: ConversationGroup? {
        switch self {
        case .groupCreated(let group), .groupRenamed(let group, _), .groupDeleted(let group),
            .conversationAdded(_, let group), .conversationRemoved(_, let group):
            group
        case .standardMarkChanged, .customMarkChanged: nil
        }
    }

    /// The conversation concerned; nil for a group as a whole.
    package var conversation: ConversationID? {
        switch self {
        case .groupCreated, .groupRenamed, .groupDeleted: nil
        case .conversationAdded(let id, _), .conversationRemoved(let id, _),
            .standardMarkChanged(let id, _, _), .customMarkChanged(let id, _, _):
            id
        }
    }

    /// What stood there before and what stands there now, for a rename and for marks.
    package var values: (before: String, after: String)? {
        switch self {
        case .groupRenamed(let group, let before): (before.string, group.name.string)
        case .standardMarkChanged(_, let before, let after):
            (before.description, after.description)
        case .customMarkChanged(_, let before, let after): (before.string, after.string)
        case .groupCreated, .groupDeleted, .conversationAdded, .conversationRemoved: nil
        }
    }
}
