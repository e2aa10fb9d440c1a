import ChatModel
import FoundationEssentials
import SyncRules

// The listing's shapes on the wire (Cloud.md §1.4, §1.8, §1.9) and the way into our words. The wire
// says "contact" for a conversation; no other file does.

/// The content of a reply of `get_contact_group`.
struct WireListing: Decodable {
    let contacts: [WireContact]?
    let groups: [WireGroup]?

    private enum CodingKeys: String, CodingKey {
        case contacts = "ContactItem"
        case groups = "GroupItem"
    }
}

/// The content of a reply of `search_contact_group`.
struct WireSearch: Decodable {
    let contacts: [WireContact]?

    private enum CodingKeys: String, CodingKey {
        case contacts = "ContactResultItem"
    }
}

/// A conversation group.
struct WireGroup: Decodable {
    let name: WireText
    let id: WireNumber

    private enum CodingKeys: String, CodingKey {
        case name = "GroupName"
        case id = "GroupId"
    }

    /// The group, when its number and name are there.
    func group() throws(CallFailure) -> ConversationGroup {
        ConversationGroup(id: try id.groupID(), name: try .believable(name.value))
    }
}

extension WireNumber {
    /// A group's number. Negative ones are ours, for groups that the cloud has not made yet.
    func groupID() throws(CallFailure) -> GroupID {
        guard value >= 0 else { throw .unreadable("a group has the number \(value)") }
        return GroupID(value)
    }
}

extension ExactText {
    /// Text that everything can hold: SQLite ends a text at U+0000.
    static func believable(_ text: String) throws(CallFailure) -> ExactText {
        guard !text.utf8.contains(0) else { throw .unreadable("a text contains U+0000") }
        return ExactText(text)
    }
}

/// Which conversation, in a request.
struct WireConversationID: Encodable {
    let type: WireType
    let user: String?
    let chatGroup: String?

    /// The numbers of Cloud.md §1.4.
    enum WireType: Int64, Encodable {
        case user = 1
        case chatGroup = 2
    }

    private enum CodingKeys: String, CodingKey {
        case type = "Type"
        case user = "To_Account"
        case chatGroup = "ToGroupId"
    }

    init(_ id: ConversationID) {
        switch id.kind {
        case .user: (type, user, chatGroup) = (.user, id.peer.string, nil)
        case .chatGroup: (type, user, chatGroup) = (.chatGroup, nil, id.peer.string)
        }
    }
}

/// A conversation with what the cloud keeps about it. Every field but the type may be absent.
///
/// Of a conversation of an unknown type nothing else is read: the vendor may bring in a third kind
/// any day, and the user's other conversations must not suffer for it.
struct WireContact: Decodable {
    private let type: WireConversationID.WireType?
    private var user: WireText?
    private var chatGroup: WireText?
    private var standardMark: String?
    private var customMark: String?
    private var groups: [WireNumber]?
    private var timestamp: WireNumber?

    private enum CodingKeys: String, CodingKey {
        case type = "Type"
        case user = "To_Account"
        case chatGroup = "ToGroupId"
        case standardMark = "StandardMark"
        case customMark = "CustomMark"
        case groups = "ContactGroupId"
        case timestamp = "Timestamp"
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        let number = try fields.decode(WireNumber.self, forKey: .type).value
        type = WireConversationID.WireType(rawValue: number)
        guard type != nil else { return }
        user = try fields.decodeIfPresent(WireText.self, forKey: .user)
        chatGroup = try fields.decodeIfPresent(WireText.self, forKey: .chatGroup)
        standardMark = try fields.decodeIfPresent(String.self, forKey: .standardMark)
        customMark = try fields.decodeIfPresent(String.self, forKey: .customMark)
        groups = try fields.decodeIfPresent([WireNumber].self, forKey: .groups)
        timestamp = try fields.decodeIfPresent(WireNumber.self, forKey: .timestamp)
    }

    /// The conversation in our words; nil when it is of a type that we do not know.
    func conversation() throws(CallFailure) -> Conversation? {
        guard let type else { return nil }
        let kind: ConversationID.Kind = type == .user ? .user : .chatGroup
        guard let peer = (type == .user ? user : chatGroup)?.value, !peer.isEmpty else {
            throw .unreadable("a conversation has no id")
        }
        let id = ConversationID(kind, try .believable(peer))
        guard let mark = StandardMark(binary: standardMark ?? "") else {
            throw .unreadable("\(id) has a StandardMark that is no 64 binary digits")
        }
        return Conversation(
            id: id,
            groups: try (groups ?? []).map { each throws(CallFailure) in try each.groupID() },
            standardMark: mark,
            customMark: try .believable(customMark ?? ""), updatedAt: timestamp?.value ?? 0)
    }
}

extension [WireContact] {
    /// Those of a type that we know; the others are missing.
    func conversations() throws(CallFailure) -> [Conversation] {
        var conversations: [Conversation] = []
        conversations.reserveCapacity(count)
        for contact in self {
            if let conversation = try contact.conversation() { conversations.append(conversation) }
        }
        return conversations
    }
}

extension WireListing {
    /// The body of `get_contact_group`, written by hand: nearly every call has one, and an encoder takes a twentieth of
    /// the processor time of an unchanged pass. An id has printable ASCII only.
    static func request(user: UserID, start: Int64) -> [UInt8] {
        var body = Array(#"{"From_Account":""#.utf8)
        for byte in user.string.utf8 {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                body.append(UInt8(ascii: "\\"))
            }
            body.append(byte)
        }
        body += Array(#"","StartIndex":\#(start)}"#.utf8)
        return body
    }
}
