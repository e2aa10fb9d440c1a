import ChatModel

/// Who wants what. Later wishes replace earlier ones about the same thing.
struct Wishes: Sendable {
    struct Member: Hashable, Sendable {
        let group: GroupID
        let conversation: ConversationID
    }

    /// Whether the conversation is to be in the group, and who says so.
    var members: [Member: (isIn: Bool, edits: [EditID])] = [:]
    var renames: [GroupID: [EditID]] = [:]
    var deletions: [GroupID: [EditID]] = [:]
    var creations: [GroupID: EditID] = [:]
    var marks: [ConversationID: [EditID]] = [:]
    /// For an edit that undoes something of earlier ones: those. They are settled together: without
    /// the earlier ones it would be sent for nothing, and without it they are the last word again.
    private(set) var overtaking: [EditID: Set<EditID>] = [:]

    mutating func want(_ member: Member, isIn: Bool, _ edit: EditID) {
        guard let wish = members[member] else {
            members[member] = (isIn, [edit])
            return
        }
        if wish.isIn == isIn {
            members[member]?.edits.append(edit)
        } else {
            overtaking[edit, default: []].formUnion(wish.edits)
            members[member] = (isIn, [edit])
        }
    }

    /// Earlier wishes about the group no longer count: this edit deletes it.
    mutating func forget(_ group: GroupID, _ edit: EditID) {
        let gone = members.filter { $0.key.group == group }
        let earlier =
            gone.values.flatMap(\.edits) + renames[group, default: []]
            + [creations[group]].compactMap(\.self)
        if !earlier.isEmpty { overtaking[edit, default: []].formUnion(earlier) }
        for member in gone.keys { members[member] = nil }
        renames[group] = nil
        creations[group] = nil
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

    /// Every edit with a wish that still counts.
    var edits: Set<EditID> {
        Set(
            members.values.flatMap(\.edits) + renames.values.flatMap(\.self)
                + deletions.values.flatMap(\.self) + creations.values
                + marks.values.flatMap(\.self))
    }
}
