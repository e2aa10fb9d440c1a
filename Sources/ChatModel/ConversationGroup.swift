/// The number of a conversation group, unique within its user. A rename keeps it (Cloud.md §7.4),
/// so (user, GroupID) is a group's identity and its name is an attribute.
package struct GroupID: Hashable, Comparable, Sendable, CustomStringConvertible,
    ExpressibleByIntegerLiteral
{
    package let number: Int64

    package init(_ number: Int64) { self.number = number }
    package init(integerLiteral value: Int64) { number = value }

    package var description: String { String(number) }

    package static func < (left: GroupID, right: GroupID) -> Bool { left.number < right.number }
}

/// A user's named set of conversations. Which conversations it holds stands at the conversations.
package struct ConversationGroup: Hashable, Sendable {
    package let id: GroupID
    package let name: ExactText

    package init(id: GroupID, name: ExactText) {
        self.id = id
        self.name = name
    }
}
