import ChatModel

// What a user's edits make of the cloud: names, members and marks, and beside each part the edits that want
// it so. The calls to make are the difference between the cloud and this.

/// The state that edits lead to, with those that want each part of it.
struct TargetState: Sendable {
    /// A conversation of a group.
    struct Member: Hashable, Sendable {
        let group: GroupID
        let conversation: ConversationID
    }

    private(set) var draft: Draft
    /// Edits that want the conversation in the group, or out of it, as the draft has it: the last ones that
    /// agree.
    private(set) var members: [Member: [EditID]] = [:]
    private(set) var renames: [GroupID: [EditID]] = [:]
    private(set) var deletions: [GroupID: [EditID]] = [:]
    private(set) var creations: [GroupID: EditID] = [:]
    private(set) var marks: [ConversationID: [EditID]] = [:]
    /// For an edit that undoes something of earlier ones: those. They are settled together: without
    /// the earlier ones it would be sent for nothing, and without it they are the last word again.
    private var overtaking: [EditID: Set<EditID>] = [:]

    init(_ cloud: Draft) { draft = cloud }

    // MARK: What edits do

    /// Adds a group that the edit has to create.
    mutating func create(_ group: GroupID, _ name: ExactText, _ edit: EditID) {
        draft.name(group, name)
        creations[group] = edit
    }

    /// Gives a group that is there another name.
    mutating func rename(_ group: GroupID, _ name: ExactText, _ edit: EditID) {
        draft.name(group, name)
        renames[group, default: []].append(edit)
    }

    /// What earlier edits wanted of the group no longer counts.
    mutating func delete(_ group: GroupID, _ edit: EditID) {
        draft.delete(group)
        let gone = members.filter { $0.key.group == group }
        let earlier =
            gone.values.flatMap(\.self) + renames[group, default: []]
            + [creations[group]].compactMap(\.self)
        if !earlier.isEmpty { overtaking[edit, default: []].formUnion(earlier) }
        for member in gone.keys { members[member] = nil }
        renames[group] = nil
        creations[group] = nil
        // One that is still to be made is not made.
        if group.maker == nil { deletions[group, default: []].append(edit) }
    }

    /// Puts the conversation into the group or takes it out.
    mutating func put(_ id: ConversationID, isIn: Bool, _ group: GroupID, _ edit: EditID) {
        let member = Member(group: group, conversation: id)
        let before = members[member, default: []]
        if draft.contains(id, in: group) == isIn {
            members[member] = before + [edit]
            return
        }
        if !before.isEmpty { overtaking[edit, default: []].formUnion(before) }
        members[member] = [edit]
        if isIn { draft.add(id, to: group) } else { draft.remove(id, from: group) }
    }

    /// - Parameter custom: nil leaves the custom mark alone.
    mutating func mark(
        _ id: ConversationID, _ standard: StandardMark, custom: ExactText?, _ edit: EditID
    ) {
        draft.mark(id, standard)
        if let custom { draft.mark(id, custom: custom) }
        marks[id, default: []].append(edit)
    }

    // MARK: Who wants it

    /// Conversations that some edit wants in the group or out of it, ascending, with the edits.
    func wanted(in group: GroupID) -> [(ConversationID, [EditID])] {
        members.filter { $0.key.group == group }
            .map { ($0.key.conversation, $0.value) }.sorted { $0.0 < $1.0 }
    }

    /// Edits that want the conversation as the draft has it.
    func wanting(_ id: ConversationID, _ group: GroupID) -> [EditID] {
        members[Member(group: group, conversation: id), default: []]
    }

    /// With `edits` all that are settled with one of them: what overtakes and what is overtaken.
    func tied(to edits: Set<EditID>) -> Set<EditID> {
        var tied = edits
        while true {
            let before = tied.count
            for (later, earlier) in overtaking
            where tied.contains(later) || !earlier.isDisjoint(with: tied) {
                tied.formUnion(earlier.union([later]))
            }
            if tied.count == before { return tied }
        }
    }

    /// Every edit that still wants something.
    var edits: Set<EditID> {
        Set(
            members.values.flatMap(\.self) + renames.values.flatMap(\.self)
                + deletions.values.flatMap(\.self) + creations.values
                + marks.values.flatMap(\.self))
    }
}
