import ChatModel

// What `--pending` shows, and what new edits are checked against.
// Nothing is decided here, but groups are found as EditReplay finds them: a creation that was
// sent and has not been settled may stand in the mirror already, under its own name or a later one.

/// A user's mirror with open edits applied.
package struct PendingDraft: Sendable {
    package private(set) var draft: Draft
    private let mirror: Draft
    private let ours: OwnEffects
    /// Groups that edits turned out to be, or were made again.
    private var aliases: [GroupID: GroupID] = [:]

    /// - Parameter edits: the open ones, ascending.
    package init(_ mirror: Draft, _ edits: [Edit]) {
        self.mirror = mirror
        draft = mirror
        ours = OwnEffects(edits)
        for edit in edits { apply(edit) }
    }

    /// Does one more edit; what cannot be done any more is left out.
    package mutating func apply(_ edit: Edit) {
        switch edit.operation {
        case .create(let name, let ids):
            guard let group = group(of: edit, name) else { return }
            put(ids, isIn: true, group, edit)
        case .rename(let reference, let name):
            guard let group = resolve(reference), draft.group(named: name) == nil else { return }
            draft.name(group, name)
        case .delete(let reference):
            if let group = resolve(reference) { draft.delete(group) }
        case .add(let ids, let reference):
            if let id = reference.id, resolve(reference) == nil { aliases[id] = edit.createdGroup }
            guard let group = resolve(reference) else { return }
            put(ids, isIn: true, group, edit)
        case .remove(let ids, let reference):
            guard let group = resolve(reference) else { return }
            put(ids, isIn: false, group, edit)
        case .mark(let id, let marks):
            guard edit.wants(id) else { return }
            draft.mark(id, marks.applied(to: draft.standardMark(of: id)))
            if let custom = marks.custom { draft.mark(id, custom: custom) }
        }
    }

    /// What was done for the edit is as the mirror has it, whatever edits before it wanted.
    private mutating func put(
        _ ids: [ConversationID], isIn: Bool, _ group: GroupID, _ edit: Edit
    ) {
        for id in ids where edit.refused[id] == nil {
            if edit.done.contains(id) ? mirror.contains(id, in: group) : isIn {
                draft.add(id, to: group)
            } else {
                draft.remove(id, from: group)
            }
        }
    }

    /// The group of a creation; nil when it was made and is gone.
    private mutating func group(of creation: Edit, _ name: ExactText) -> GroupID? {
        let own = GroupID.made(by: creation.id)
        if let made = creation.createdGroup {
            guard draft.names[made] != nil else { return nil }
            aliases[own] = made
            return made
        }
        if let there = ours.group(of: creation, named: name, in: draft) {
            aliases[own] = there
            return there
        }
        draft.name(own, name)
        return own
    }

    private func resolve(_ reference: GroupReference) -> GroupID? {
        draft.group(meantBy: reference, aliases)
    }
}
