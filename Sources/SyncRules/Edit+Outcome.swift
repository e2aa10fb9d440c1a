import ChatModel

// An edit after something has happened to it: a decision, a call, a new number of its group, an operator's word.
// The store takes stored edits forward by these functions alone. The session of a pass uses those for decisions,
// answers and numbers; failures and refusals it counts itself (OutboxSession+Answers), and `called` takes that over.

// MARK: Decisions

extension Edit {
    /// The same edit after a decision. One that is rejected or settled stays what it is, but for what it is
    /// compared with next time.
    package func decided(_ decision: EditDecision, at time: WallTime) -> Edit {
        switch decision.course {
        case .push:
            var edit = standing(by: decision)
            edit.blockedBy = nil
            edit.base = decision.base
            return edit
        // Of a moment: the next pass decides again.
        case .later: return self
        case .wait(let before):
            return ended(.queued, decision, at: time) { $0.blockedBy = before }
        case .settle(let state, let reason):
            return ended(state, decision, at: time) { $0.reason = reason }
        case .reject(let reason, let refusal, let words):
            return ended(.rejected, decision, at: time) { edit in
                edit.reason = reason
                // What failed so often is worth telling.
                edit.code = refusal?.code ?? (reason == .gaveUp ? code : nil)
                edit.problem = words
            }
        }
    }

    private func ended(
        _ state: EditState, _ decision: EditDecision, at time: WallTime, _ why: (inout Edit) -> Void
    ) -> Edit {
        guard self.state.isOpen else { return self }
        var edit = standing(by: decision)
        if !state.isSettled { edit.base = decision.base ?? base }
        edit.state = state
        (edit.reason, edit.code, edit.problem, edit.blockedBy) = (nil, nil, nil, nil)
        edit.updatedAt = time
        why(&edit)
        return edit
    }

    /// Of the group that it was found to mean, which may soon have another name; with the conflict.
    private func standing(by decision: EditDecision) -> Edit {
        var edit = self
        edit.conflict = decision.conflict ?? conflict
        guard let group = decision.group else { return edit }
        if operation.createdName != nil {
            // A group that another edit was to create counts no more once its own is found.
            let isStillToBeMade = createdGroup?.maker != nil
            edit.createdGroup = isStillToBeMade ? group : createdGroup ?? group
        } else if let reference = operation.group, reference.id == nil {
            edit.operation = operation.on(GroupReference(id: group, name: reference.name))
        }
        return edit
    }
}

// MARK: Calls

extension Edit {
    /// The same edit when a call for it is about to be made.
    func sending(at time: WallTime) -> Edit {
        guard state.isOpen else { return self }
        var edit = self
        edit.state = .sending
        edit.attempts += 1
        edit.updatedAt = time
        return edit
    }

    /// The same edit when its call certainly had no effect.
    /// - Parameter isRecorded: the call counts as an attempt: the cloud has answered it, or may have.
    func unsent(isRecorded: Bool, at time: WallTime) -> Edit {
        guard state == .sending else { return self }
        var edit = self
        edit.state = .queued
        if !isRecorded { edit.attempts -= 1 }
        edit.updatedAt = time
        return edit
    }

    /// The same edit when the process that made its call ended before it recorded the outcome.
    package func inDoubt(at time: WallTime) -> Edit {
        var edit = self
        edit.updatedAt = time
        return edit
    }

    /// The same edit after a call for it has ended: what was counted, done and refused, and the words of a
    /// failure.
    func called(_ push: EndedPush) -> Edit {
        guard !state.isSettled, let after = push.edits.first(where: { $0.id == id }) else {
            return self
        }
        var edit = self
        edit.failures = after.failures
        edit.sentSeparately = after.sentSeparately
        edit.createdGroup = after.createdGroup ?? createdGroup
        (edit.code, edit.problem) = (push.outcome.code, push.outcome.problem)
        edit.updatedAt = push.at
        guard case .done(let reply) = push.outcome else { return edit }
        for (conversation, edits) in push.call.wanted where edits.contains(id) {
            guard let result = reply.results[conversation] else { continue }
            edit.passing[conversation] = nil
            if result == nil {
                edit.done.insert(conversation)
            } else if let refusal = after.refused[conversation], refusal == result {
                edit.refused[conversation] = refusal
            } else if let result {
                edit.passing[conversation] = "\(result.words) (code \(result.code))"
            }
        }
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
}

// MARK: What the edit stands on

extension Edit {
    /// The same edit after the cloud gave a group its number, or it turned out to have one. A rename that was
    /// queued while its group was being made stands on the name that the group got.
    package func renumbering(_ old: GroupID, as new: NumberedGroup) -> Edit {
        var edit = self
        if createdGroup == old { edit.createdGroup = new.id }
        guard let group = operation.group, group.id == old else { return edit }
        edit.operation = operation.on(GroupReference(id: new.id, name: group.name))
        if operation.kind == .rename { edit.base = base ?? new.name }
        return edit
    }

    /// The same edit after a change of our own. One that was queued while the call was under way stands on
    /// what the mirror had then, and would take our own write for another client's.
    package func moved(by change: Change) -> Edit {
        guard !state.isSettled else { return self }
        var edit = self
        switch (operation, change) {
        case (.rename(let reference, _), .groupRenamed(let group, let before))
        where reference.id == group.id && base == before:
            edit.base = group.name
        case (.mark(let id, let marks), .customMarkChanged(let marked, let before, let after))
        where id == marked && marks.custom != nil && base == before:
            edit.base = after
        default: break
        }
        return edit
    }

    /// The same edit after the first pull of its user. A custom mark that was queued before stands on what the
    /// pull has found: what another client does later is a conflict for it too.
    package func based(on found: Draft) -> Edit {
        guard case .mark(let id, let marks) = operation, marks.custom != nil, base == nil else {
            return self
        }
        var edit = self
        edit.base = found.customMark(of: id)
        return edit
    }
}

extension Change {
    /// Some edit may stand on what it changes.
    package var movesBases: Bool {
        switch self {
        case .groupRenamed, .customMarkChanged: true
        case .groupCreated, .groupDeleted, .conversationAdded, .conversationRemoved,
            .standardMarkChanged:
            false
        }
    }
}

// MARK: Operators

extension Edit {
    /// The same edit after an operator took it back; nil where that is too late.
    package func cancelled(at time: WallTime) -> Edit? {
        guard state == .queued || state == .rejected else { return nil }
        var edit = self
        edit.state = .cancelled
        (edit.reason, edit.code, edit.problem, edit.blockedBy) = (.withdrawn, nil, nil, nil)
        edit.updatedAt = time
        return edit
    }

    /// The same edit when an operator wants it tried once more; nil where it was not rejected.
    /// - Parameter force: over a conflict: what the cloud was found to have is what the edit stands on now.
    package func retried(force: Bool, at time: WallTime) -> Edit? {
        guard state == .rejected else { return nil }
        var edit = self
        edit.state = .queued
        (edit.reason, edit.code, edit.problem, edit.blockedBy) = (nil, nil, nil, nil)
        (edit.failures, edit.sentSeparately, edit.refused) = (0, false, [:])
        if force { edit.base = conflict?.theirs ?? base }
        edit.updatedAt = time
        return edit
    }
}
