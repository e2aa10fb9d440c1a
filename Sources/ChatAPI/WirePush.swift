import ChatModel
import FoundationEssentials
import SyncRules

// The writes' shapes on the wire (Cloud.md §1.5, §1.6, §1.7 and §1.10), there and back.

/// The body of a write.
struct WirePush: Encodable {
    private let user: String
    private let action: PushCall.Action

    init(_ action: PushCall.Action, user: UserID) {
        self.action = action
        self.user = user.string
    }

    func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: Key.self)
        try fields.encode(user, forKey: .user)
        switch action {
        case .create(_, let name, let ids):
            try fields.encode(
                [NewGroup(name: name.string, contacts: ids.map(WireConversationID.init))],
                forKey: .newGroups)
        case .rename(_, let old, let new):
            try fields.encode(1, forKey: .updateType)
            try fields.encode(
                Update(type: 1, oldName: old.string, newName: new.string, items: nil),
                forKey: .update)
        case .delete(_, let name): try fields.encode([name.string], forKey: .names)
        case .update(_, let name, let removed, let added):
            let items =
                removed.map { Update.Item(type: 2, contact: WireConversationID($0)) }
                + added.map { Update.Item(type: 1, contact: WireConversationID($0)) }
            try fields.encode(1, forKey: .updateType)
            try fields.encode(
                Update(type: 2, oldName: name.string, newName: nil, items: items), forKey: .update)
        case .mark(let changes):
            try fields.encode(changes.map(Mark.init), forKey: .marks)
        }
    }

    private enum Key: String, CodingKey {
        case user = "From_Account"
        case newGroups = "GroupContactItem"
        case updateType = "UpdateType"
        case update = "UpdateGroup"
        case names = "GroupName"
        case marks = "MarkItem"
    }

    /// A group to create, with its first conversations.
    private struct NewGroup: Encodable {
        let name: String
        let contacts: [WireConversationID]

        private enum CodingKeys: String, CodingKey {
            case name = "GroupName"
            case contacts = "ContactItem"
        }
    }

    /// The change of one group.
    private struct Update: Encodable {
        let type: Int
        let oldName: String
        let newName: String?
        let items: [Item]?

        /// A conversation to put in or take out.
        struct Item: Encodable {
            let type: Int
            let contact: WireConversationID

            private enum CodingKeys: String, CodingKey {
                case type = "ContactOptType"
                case contact = "ContactItem"
            }
        }

        private enum CodingKeys: String, CodingKey {
            case type = "UpdateGroupType"
            case oldName = "OldGroupName"
            case newName = "NewGroupName"
            case items = "ContactUpdateItem"
        }
    }

    /// The marks of one conversation.
    private struct Mark: Encodable {
        let type: Int
        let contact: WireConversationID
        let clear: [Int]?
        let set: [Int]?
        let custom: String?

        init(_ change: PushCall.MarkChange) {
            let marks = change.marks
            let hasBits = marks.set != .none || marks.clear != .none
            type = marks.custom == nil ? 1 : hasBits ? 3 : 2
            contact = WireConversationID(change.conversation)
            clear = marks.clear == .none ? nil : marks.clear.numbers
            set = marks.set == .none ? nil : marks.set.numbers
            custom = marks.custom?.string
        }

        private enum CodingKeys: String, CodingKey {
            case type = "OptType"
            case contact = "ContactItem"
            case clear = "ClearMark"
            case set = "SetMark"
            case custom = "CustomMark"
        }
    }
}

/// The reply of a write: where the results stand differs from command to command.
struct WirePushReply: Decodable {
    private let created: [Created]?
    private let updated: Updated?
    private let marked: [Item]?

    private enum CodingKeys: String, CodingKey {
        case created = "GroupResultItem"
        case updated = "UpdateGroupResult"
        case marked = "ResultItem"
    }

    /// The reply to a creation: the new group's number and each conversation's result.
    private struct Created: Decodable {
        let group: WireGroup?
        let items: [Item]?

        private enum CodingKeys: String, CodingKey {
            case group = "GroupItem"
            case items = "ResultItem"
        }
    }

    /// The reply to an update: each conversation's result.
    private struct Updated: Decodable {
        let items: [Item]?

        private enum CodingKeys: String, CodingKey { case items = "ContactResultItem" }
    }

    /// The result of one conversation.
    private struct Item: Decodable {
        let contact: WireContactID
        let code: WireNumber
        let info: String?

        private enum CodingKeys: String, CodingKey {
            case contact = "ContactItem"
            case code = "ResultCode"
            case info = "ResultInfo"
        }
    }

    /// Reads a reply with code 0. Results are matched by conversation, for their order is nowhere
    /// promised; one that is missing leaves its conversation's fate open. A reply that cannot be
    /// read leaves the whole call's open.
    static func read(_ body: [UInt8], of call: PushCall) throws(CallFailure) -> PushReply {
        let reply: WirePushReply = try decodedReply(body)
        let items: [Item]
        switch call.action {
        case .create: items = reply.created?.first?.items ?? []
        case .update: items = reply.updated?.items ?? []
        case .mark: items = reply.marked ?? []
        case .rename, .delete: items = []
        }
        var group: GroupID?
        if case .create = call.action {
            guard let made = reply.created?.first?.group else {
                throw .unreadable("it names no group that was created")
            }
            group = try made.id.groupID()
        }
        let asked = Set(call.conversations)
        var results: [ConversationID: Refusal?] = [:]
        for item in items {
            guard let id = item.contact.id, asked.contains(id) else { continue }
            let code = Int(item.code.value)
            results.updateValue(
                code == 0 ? nil : Refusal(code: code, words: FailureTable.words(code, item.info)),
                forKey: id)
        }
        return PushReply(group: group, results: results)
    }
}

/// Which conversation, in a reply.
private struct WireContactID: Decodable {
    private let type: WireNumber
    private let user: WireText?
    private let chatGroup: WireText?

    private enum CodingKeys: String, CodingKey {
        case type = "Type"
        case user = "To_Account"
        case chatGroup = "ToGroupId"
    }

    /// nil when it is of a type that we do not know: we asked for none of those.
    var id: ConversationID? {
        switch WireConversationID.WireType(rawValue: type.value) {
        case .user: user.map { .user(ExactText($0.value)) }
        case .chatGroup: chatGroup.map { .chatGroup(ExactText($0.value)) }
        case nil: nil
        }
    }
}
