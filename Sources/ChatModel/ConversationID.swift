/// One conversation of a user: with another user or with a chat group (Cloud.md §1.4). Written
/// `user:ID` or `chatgroup:ID`; sorted by kind, then by the peer's bytes.
package struct ConversationID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The wire's `Type`.
    package enum Kind: Int, Sendable, CaseIterable {
        case user = 1
        case chatGroup = 2

        /// The word before the colon.
        package var word: String {
            switch self {
            case .user: "user"
            case .chatGroup: "chatgroup"
            }
        }
    }

    package let kind: Kind
    /// The wire's `To_Account` or `ToGroupId`: opaque and case-sensitive (Cloud.md §7.2).
    package let peer: ExactText

    package init(_ kind: Kind, _ peer: ExactText) {
        self.kind = kind
        self.peer = peer
    }

    /// A conversation with a user.
    package static func user(_ peer: ExactText) -> ConversationID { .init(.user, peer) }
    /// A conversation with a chat group.
    package static func chatGroup(_ peer: ExactText) -> ConversationID { .init(.chatGroup, peer) }

    /// Reads `user:ID` or `chatgroup:ID`.
    package init(written text: String) throws(MalformedIdentifier) {
        for kind in Kind.allCases where text.hasPrefix(kind.word + ":") {
            let peer = ExactText(String(text.dropFirst(kind.word.count + 1)))
            if peer.isEmpty {
                throw MalformedIdentifier(
                    what: "conversation", text: text, fault: "nothing follows the colon")
            }
            self.init(kind, peer)
            return
        }
        let isWithoutKind = !text.isEmpty && !text.contains(":")
        throw MalformedIdentifier(
            what: "conversation", text: text,
            fault: isWithoutKind
                ? "write user:\(text), or chatgroup:\(text) for a chat group"
                : "write user:ID or chatgroup:ID")
    }

    package var description: String { "\(kind.word):\(peer)" }

    package static func < (left: ConversationID, right: ConversationID) -> Bool {
        left.kind == right.kind
            ? left.peer < right.peer : left.kind.rawValue < right.kind.rawValue
    }
}
