import ChatModel
import EventLog
import FoundationEssentials
import SyncRules

/// The cloud behind its REST API: makes the requests' bodies and reads the replies.
package struct ChatCloud: ConversationCloud {
    private let sender: any CallSender
    private let transport: any HTTPTransport
    private let clock: CloudClock

    /// - Parameter sender: what calls pass through on their way to `transport`.
    package init(sender: any CallSender, transport: any HTTPTransport, clock: CloudClock) {
        self.sender = sender
        self.transport = transport
        self.clock = clock
    }

    /// The cloud as the program calls it, each sender around the next: a signature that is refused is
    /// renewed once; every single call waits for its window; every single call is counted.
    /// - Parameter random: a number for each call, which the API wants in its address.
    package init(
        through transport: any HTTPTransport, signer: Signer, gate: CallGate,
        counters: CallCounters, time: any Timekeeper, log: Log,
        random: @escaping @Sendable () -> UInt32
    ) {
        let clock = CloudClock()
        let http = HTTPSender(
            transport: transport, signer: signer, clock: clock, time: time, random: random)
        let recorded = RecordedSender(http, counters: counters, time: time, log: log)
        let limited = LimitedSender(recorded, gate: gate)
        self.init(
            sender: ResigningSender(limited, signer: signer, clock: clock), transport: transport,
            clock: clock)
    }

    package var clockOffset: Duration? { clock.offset }

    package func cloudTime(at wall: WallTime) -> WallTime { clock.cloudTime(at: wall) }

    package func reconnect() { transport.reconnect() }

    package func page(of user: UserID, from cursor: Int64, known: Digest?, turn: CallTurn)
        async throws(CallFailure) -> PageReply
    {
        let reply = try await sender.send(
            Call(
                command: .getContactGroup, user: user,
                body: WireListing.request(user: user, start: cursor),
                known: known, turn: turn))
        guard let envelope = reply.envelope else { return .known }
        return .page(try RawPage(reply, envelope))
    }

    package func lookUp(_ conversations: [ConversationID], of user: UserID, turn: CallTurn)
        async throws(CallFailure) -> [Conversation]
    {
        precondition(conversations.count <= lookUpSize, "\(conversations.count) in one look-up")
        let reply = try await sender.send(
            Call(
                command: .searchContactGroup, user: user,
                body: encoded(
                    SearchRequest(
                        user: user.string, contacts: conversations.map(WireConversationID.init))),
                known: nil, turn: turn))
        let content: WireSearch = try decodedReply(reply.body)
        return try (content.contacts ?? []).conversations().filter { !$0.isBare }
    }

    /// The body of `search_contact_group`.
    private struct SearchRequest: Encodable {
        let user: String
        let contacts: [WireConversationID]

        private enum CodingKeys: String, CodingKey {
            case user = "From_Account"
            case contacts = "ContactItem"
        }
    }

    package func push(_ call: PushCall, of user: UserID) async throws(CallFailure) -> PushReply {
        let reply = try await sender.send(
            Call(
                command: call.action.command, user: user,
                body: encoded(WirePush(call.action, user: user)), known: nil,
                turn: .wait(.pushing)))
        return try WirePushReply.read(reply.body, of: call)
    }

    private func encoded(_ request: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        // Else the order is that of a hash table, another in each process: the simulation could not
        // repeat itself, and two traces could not be compared.
        encoder.outputFormatting = .sortedKeys
        guard let body = try? encoder.encode(request) else {
            preconditionFailure("a request of strings and numbers could not be encoded")
        }
        return Array(body)
    }
}
