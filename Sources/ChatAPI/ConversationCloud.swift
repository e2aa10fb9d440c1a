import ChatModel
import SyncRules

/// The cloud as the engine sees it. The methods that read may be repeated at will. A failure says
/// by its kind what has to happen next, and never leaves a permit unreturned.
package protocol ConversationCloud: Sendable {
    /// One page of a user's listing, from `cursor` (0: the first).
    /// - Parameter known: the digest of a page that is known; a page that has it comes as `.known`,
    ///   undecoded.
    func page(of user: UserID, from cursor: Int64, known: Digest?, turn: CallTurn)
        async throws(CallFailure) -> PageReply

    /// Those of `conversations` that the cloud keeps groups or marks for. At most `lookUpSize` at
    /// once.
    func lookUp(_ conversations: [ConversationID], of user: UserID, turn: CallTurn)
        async throws(CallFailure) -> [Conversation]

    /// Changes something, once: a write is never repeated on its own account, but for refusals that
    /// are certain to have done nothing (too often, signature). After a failure that may have taken
    /// effect, look before trying again.
    func push(_ call: PushCall, of user: UserID) async throws(CallFailure) -> PushReply

    /// By how much this machine's clock is ahead of the cloud's (positive) or behind; nil while they
    /// agree within five minutes, or nothing is known.
    var clockOffset: Duration? { get }

    /// The cloud's time at a moment of this machine's: the same where no reply has said otherwise.
    func cloudTime(at wall: WallTime) -> WallTime

    /// Calls that begin from now on use new connections: the cloud may have another address by now.
    func reconnect()
}

/// Cloud.md §1.9
package let lookUpSize = 300

/// What asking for a page gives.
package enum PageReply: Sendable {
    case known
    case page(RawPage)
}

/// A page whose envelope is read and whose items are not.
package struct RawPage: Sendable {
    package let digest: Digest
    package let isLast: Bool
    package let next: Int64?
    package var byteCount: Int { body.count }
    private let body: [UInt8]

    init(_ reply: CallReply, _ envelope: WireEnvelope) throws(CallFailure) {
        digest = reply.digest
        body = reply.body
        isLast = try envelope.isLastPage()
        next = envelope.next
    }

    /// The items, in our words.
    package func decoded() throws(CallFailure) -> ListingPage {
        let content: WireListing = try decodedReply(body)
        let contacts = content.contacts ?? []
        let conversations = try contacts.conversations()
        return ListingPage(
            groups: try (content.groups ?? []).map { each throws(CallFailure) in try each.group() },
            conversations: conversations, skipped: contacts.count - conversations.count,
            isLast: isLast, next: next)
    }
}
