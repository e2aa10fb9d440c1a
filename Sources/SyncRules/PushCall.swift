import ChatModel

// One write to the cloud, and what its answer means for what is known of the cloud.

/// A call that changes something, with the edits that want it. At most 100 conversations
/// (Cloud.md §7.3).
package struct PushCall: Hashable, Sendable {
    /// What it changes.
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
