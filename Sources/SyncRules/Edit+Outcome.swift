import ChatModel

// An edit after something has happened to it: a decision, an acknowledged call, a new number of its group.

extension Edit {
    /// The same edit after it was decided that it is to be pushed: what it is compared with next
    /// time, and the group that it means, which may soon have another name.
    package func standing(by decision: EditDecision) -> Edit {
        var edit = self
        if let group = decision.group, let reference = operation.group, reference.id == nil {
            edit = speaking(of: group, reference.name)
        }
        edit.base = decision.base
        if operation.kind == .create { edit.createdGroup = createdGroup ?? decision.group }
        return edit
    }

    /// The same edit after a call of ours was acknowledged: what that changed is no conflict, what
    /// was done for it is not wanted again, and a group that it created has a number.
    package func advanced(past call: PushCall, _ reply: PushReply) -> Edit {
        var edit = self
        // A user may have thousands of edits, of which the call holds a few.
        if call.edits.contains(id) {
            for (conversation, edits) in call.wanted where edits.contains(id) {
                if case .some(.none) = reply.results[conversation] {
                    edit.done.insert(conversation)
                }
            }
        }
        switch (operation, call.action) {
        case (_, .create(let group, _, _)) where group == .made(by: id):
            edit.createdGroup = reply.group
        case (.rename(let reference, _), .rename(let group, _, let name))
        where reference.id == group:
            edit.base = name
        case (.mark(let id, let marks), .mark(let changes)) where marks.custom != nil:
            // The cloud may take the call and refuse this conversation.
            if case .some(.none) = reply.results[id],
                let custom = changes.first(where: { $0.conversation == id })?.marks.custom
            {
                edit.base = custom
            }
        default: break
        }
        return edit
    }

    /// The same edit after the cloud gave a group its number, or it turned out to have one.
    package func renumbering(_ old: GroupID, as new: GroupID) -> Edit {
        guard let group = operation.group, group.id == old else { return self }
        return speaking(of: new, group.name)
    }

    /// The same edit, of this group.
    private func speaking(of group: GroupID, _ name: ExactText) -> Edit {
        var edit = Edit(
            id: id, operation: operation.on(GroupReference(id: group, name: name)), base: base,
            state: state, refused: refused, failures: failures, sentSeparately: sentSeparately)
        edit.done = done
        edit.createdGroup = createdGroup
        edit.blockedBy = blockedBy
        edit.queuedAt = queuedAt
        return edit
    }
}
