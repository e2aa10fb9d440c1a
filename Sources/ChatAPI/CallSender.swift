import ChatModel
import SyncRules

// A call on its way passes through senders, each around the next, each doing one thing:
// ResigningSender repeats once with a new signature, LimitedSender waits for the call window,
// RecordedSender counts and logs, HTTPSender speaks HTTP.

/// One call of one command.
package struct Call: Sendable {
    package let command: Command
    /// Whose data; for the log.
    package let user: UserID
    package let body: [UInt8]
    /// The digest of a reply that is known already: a reply that has it is not decoded.
    package let known: Digest?
    package let turn: CallTurn

    package init(command: Command, user: UserID, body: [UInt8], known: Digest?, turn: CallTurn) {
        self.command = command
        self.user = user
        self.body = body
        self.known = known
        self.turn = turn
    }

    /// The same call, waiting for a permit of its own.
    func again(_ urgency: CallUrgency) -> Call {
        Call(command: command, user: user, body: body, known: known, turn: .wait(urgency))
    }
}

/// How a call comes to its permit.
package enum CallTurn: Sendable {
    /// It has one.
    case permitted(CallPermit)
    case wait(CallUrgency)
}

/// A successful reply.
package struct CallReply: Sendable {
    package let body: [UInt8]
    package let digest: Digest
    /// The envelope; nil when the digest is the known one, so that nothing needed decoding.
    package let envelope: WireEnvelope?
}

/// Something that calls pass through.
package protocol CallSender: Sendable {
    /// Sends the call. Returns only replies with code 0, or the known ones; everything else is
    /// thrown.
    func send(_ call: Call) async throws(CallFailure) -> CallReply
}
