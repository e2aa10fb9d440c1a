import ChatModel

// What a user's own edits will have made, or may have made already: another client did not.

/// What our own edits make of names and custom marks.
struct OwnEffects: Sendable {
    private var names: [GroupID: Set<ExactText>] = [:]
    private var customMarks: [ConversationID: Set<ExactText>] = [:]
    /// By group the last edit that deletes it.
    private var deleted: [GroupID: EditID] = [:]

    init(_ edits: [Edit]) {
        for edit in edits where edit.state != .rejected {
            switch edit.operation {
            case .rename(let group, let name):
                if let id = group.id { names[id, default: []].insert(name) }
            case .mark(let id, let marks):
                if let custom = marks.custom { customMarks[id, default: []].insert(custom) }
            case .delete(let group):
                if let id = group.id { deleted[id] = edit.id }
            case .create, .ensure, .add, .remove: break
            }
        }
    }

    /// The group that a creation would be, if it is there already.
    func group(of creation: Edit, named name: ExactText, in draft: Draft) -> GroupID? {
        let own = GroupID.made(by: creation.id)
        guard creation.state == .sending else {
            // One that the queue itself deletes again never existed, whatever bears its name.
            return deleted[own] != nil ? nil : draft.group(named: name)
        }
        return sent(own, named: name, in: draft)
    }

    /// The group of this name. When a call for it may have made it: or of one that a later edit of
    /// the queue gives it, for the call bore the last.
    func sent(_ group: GroupID, named name: ExactText, in draft: Draft) -> GroupID? {
        let all = [name] + names[group, default: []].sorted()
        return all.compactMap { draft.group(named: $0) }.first
    }

    /// Whether the queue deletes the group after this edit.
    func isDeleted(_ group: GroupID, after edit: EditID) -> Bool {
        deleted[group].map { $0 > edit } ?? false
    }

    /// Whether a rename of the queue gives the group this name.
    func isOurs(_ name: ExactText, for group: GroupID) -> Bool {
        names[group, default: []].contains(name)
    }

    /// Whether an edit of the queue gives the conversation this custom mark.
    func isOurs(_ mark: ExactText, for conversation: ConversationID) -> Bool {
        customMarks[conversation, default: []].contains(mark)
    }
}
