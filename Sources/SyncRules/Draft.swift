import ChatModel

// A snapshot on which edits are tried out: what the cloud would be if they were done. Used to check
// edits when they are queued, to show the mirror with open edits applied, and to find out what has
// to be sent.

/// One user's groups and conversations, open to change.
package struct Draft: Hashable, Sendable {
    package private(set) var names: [GroupID: ExactText]
    private var conversations: [ConversationID: Conversation]

    package init(_ snapshot: Snapshot) {
        names = Dictionary(uniqueKeysWithValues: snapshot.groups.map { ($0.id, $0.name) })
        conversations = Dictionary(
            uniqueKeysWithValues: snapshot.conversations.map { ($0.id, $0) })
    }

    package var snapshot: Snapshot {
        Snapshot(
            groups: names.map { ConversationGroup(id: $0.key, name: $0.value) },
            conversations: Array(conversations.values))
    }

    /// How many conversations it holds.
    package var count: Int { conversations.count }

    /// Names are unique (Cloud.md §7.4); should two groups have one, the older id counts.
    package func group(named name: ExactText) -> GroupID? {
        names.filter { $0.value == name }.keys.min()
    }

    /// The group that is meant, if it is there: by its number, or what that turned out to be; by name
    /// when no number was known.
    func group(meantBy reference: GroupReference, _ aliases: [GroupID: GroupID]) -> GroupID? {
        guard let id = reference.id else { return group(named: reference.name) }
        if let alias = aliases[id], names[alias] != nil { return alias }
        return names[id] == nil ? nil : id
    }

    /// Whether the conversation is in a group or marked.
    package func contains(_ id: ConversationID) -> Bool { conversations[id] != nil }

    /// Whether the conversation is in the group.
    package func contains(_ id: ConversationID, in group: GroupID) -> Bool {
        conversations[id]?.groups.contains(group) ?? false
    }

    /// Without the conversation: no mark.
    package func standardMark(of id: ConversationID) -> StandardMark {
        conversations[id]?.standardMark ?? .none
    }

    /// Without the conversation: empty.
    package func customMark(of id: ConversationID) -> ExactText {
        conversations[id]?.customMark ?? .empty
    }

    /// Who is in a group, ascending.
    package func members(of group: GroupID) -> [ConversationID] {
        conversations.values.filter { $0.groups.contains(group) }.map(\.id).sorted()
    }

    /// Creates the group or gives it another name.
    package mutating func name(_ group: GroupID, _ name: ExactText) {
        names[group] = name
    }

    /// Deletes the group; its conversations leave it.
    package mutating func delete(_ group: GroupID) {
        names[group] = nil
        for conversation in conversations.values where conversation.groups.contains(group) {
            remove(conversation.id, from: group)
        }
    }

    /// Puts the conversation into a group that is there.
    package mutating func add(_ id: ConversationID, to group: GroupID) {
        precondition(names[group] != nil, "a conversation is put into a group that is not there")
        change(id) { $0.groups.insert(group) }
    }

    /// Takes the conversation out of the group; one with neither group nor mark is gone.
    package mutating func remove(_ id: ConversationID, from group: GroupID) {
        guard contains(id, in: group) else { return }
        change(id) { $0.groups.remove(group) }
    }

    /// Sets the whole standard mark.
    package mutating func mark(_ id: ConversationID, _ mark: StandardMark) {
        change(id) { $0.standardMark = mark }
    }

    /// Sets the custom mark; empty means none.
    package mutating func mark(_ id: ConversationID, custom: ExactText) {
        change(id) { $0.customMark = custom }
    }

    /// What can change about a conversation.
    private struct Fields {
        var groups: Set<GroupID>
        var standardMark: StandardMark
        var customMark: ExactText
    }

    private mutating func change(_ id: ConversationID, _ edit: (inout Fields) -> Void) {
        let old = conversations[id]
        var fields = Fields(
            groups: Set(old?.groups ?? []), standardMark: old?.standardMark ?? .none,
            customMark: old?.customMark ?? .empty)
        edit(&fields)
        let new = Conversation(
            id: id, groups: fields.groups, standardMark: fields.standardMark,
            customMark: fields.customMark, updatedAt: old?.updatedAt ?? 0)
        conversations[id] = new.isBare ? nil : new
    }
}
