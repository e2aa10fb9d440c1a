import ChatModel

// One write to the cloud, and what its answer means for what is known of the cloud.

/// A call that changes something, with the edits that want it. At most 100 conversations
/// (Cloud.md §7.3).
package struct PushCall: Hashable, Sendable {
    package enum Action: Hashable, Sendable {
        /// `group` is the number it has until the cloud gives it one.
        case create(group: GroupID, name: ExactText, [ConversationID])
        case rename(GroupID, from: ExactText, to: ExactText)
        case delete(GroupID, name: ExactText)
        /// Who leaves comes before who enters, in case the group is full.
        case update(GroupID, name: ExactText, remove: [ConversationID], add: [ConversationID])
        case mark([MarkChange])
    }

    /// What is to change about one conversation's marks.
    package struct MarkChange: Hashable, Sendable {
        package let conversation: ConversationID
        package let marks: MarkEdit

        package init(conversation: ConversationID, marks: MarkEdit) {
            self.conversation = conversation
            self.marks = marks
        }
    }

    package let action: Action
    /// The edits that want some part of it, ascending.
    package let edits: [EditID]
    /// By conversation, those that want it to be treated so; empty for a rename and a deletion.
    package let wanted: [ConversationID: [EditID]]

    package init(action: Action, edits: [EditID], wanted: [ConversationID: [EditID]]) {
        self.action = action
        self.edits = edits
        self.wanted = wanted
    }

    package static let mostConversations = 100

    package var conversations: [ConversationID] {
        switch action {
        case .create(_, _, let ids): ids
        case .update(_, _, let removed, let added): removed + added
        case .mark(let changes): changes.map(\.conversation)
        case .rename, .delete: []
        }
    }
}

/// What the cloud answered to a call that it took as a whole.
package struct PushReply: Hashable, Sendable {
    /// The number of the group that was created.
    package let group: GroupID?
    /// By conversation: nil when it was done, else why not. A conversation of the call that is
    /// missing here has an unknown fate.
    package let results: [ConversationID: Refusal?]

    package init(group: GroupID? = nil, results: [ConversationID: Refusal?] = [:]) {
        self.group = group
        self.results = results
    }
}

extension Draft {
    /// Takes over what the cloud has acknowledged.
    package mutating func acknowledge(_ call: PushCall, _ reply: PushReply) {
        func isDone(_ id: ConversationID) -> Bool {
            reply.results[id].map { $0 == nil } ?? false
        }
        switch call.action {
        case .create(_, let name, let ids):
            guard let group = reply.group else { return }
            self.name(group, name)
            for id in ids where isDone(id) { add(id, to: group) }
        case .rename(let group, _, let name): self.name(group, name)
        case .delete(let group, _): delete(group)
        case .update(let group, _, let removed, let added):
            for id in removed where isDone(id) { remove(id, from: group) }
            for id in added where isDone(id) { add(id, to: group) }
        case .mark(let changes):
            for change in changes where isDone(change.conversation) {
                let id = change.conversation
                mark(id, change.marks.applied(to: standardMark(of: id)))
                if let custom = change.marks.custom { mark(id, custom: custom) }
            }
        }
    }
}

extension Edit {
    /// The same edit after it was decided that it is to be pushed: what it is compared with next
    /// time, and the group that it means, which may soon have another name.
    package func standing(by decision: EditDecision) -> Edit {
        var edit = self
        if let group = decision.group, let reference = operation.group, reference.id == nil {
            edit = speaking(of: group, reference.name)
        }
        edit.base = decision.base
        if operation.kind == .create { edit.made = made ?? decision.group }
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
        case (_, .create(let group, _, _)) where group == .made(by: id): edit.made = reply.group
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
        edit.made = made
        edit.behind = behind
        edit.queuedAt = queuedAt
        return edit
    }
}

extension SnapshotDiff {
    /// Changes that edits in doubt have wanted: found in the cloud, they are ours. What came of a
    /// write without an answer enters the record with its edit like any other.
    package func origins(among edits: [Edit]) -> [Change: EditID] {
        var origins: [Change: EditID] = [:]
        for change in changes {
            origins[change] = edits.last { $0.state == .sending && $0.wants(change) }?.id
        }
        return origins
    }
}

extension Edit {
    fileprivate func wants(_ change: Change) -> Bool {
        switch (operation, change) {
        case (.create(let name, _), .groupCreated(let group)): group.name == name
        case (.create(let name, let ids), .conversationAdded(let id, let group)):
            group.name == name && ids.contains(id)
        case (.rename(let group, let name), .groupRenamed(let renamed, _)):
            group.id == renamed.id && name == renamed.name
        case (.delete(let group), .groupDeleted(let deleted)),
            (.delete(let group), .conversationRemoved(_, let deleted)):
            group.id == deleted.id
        case (.add(let ids, let group), .conversationAdded(let id, let there)):
            group.id == there.id && ids.contains(id)
        case (.remove(let ids, let group), .conversationRemoved(let id, let there)):
            group.id == there.id && ids.contains(id)
        case (.mark(let id, let marks), .standardMarkChanged(let marked, let old, let new)):
            id == marked && marks.applied(to: old) == new
        case (.mark(let id, let marks), .customMarkChanged(let marked, _, let new)):
            id == marked && marks.custom == new
        default: false
        }
    }
}
