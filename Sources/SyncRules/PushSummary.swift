import ChatModel

/// What a pass did about a user's edits.
package struct PushSummary: Sendable {
    /// An edit that was rejected, and why.
    package struct Rejected: Sendable {
        package let edit: EditID
        package let operation: EditOperation.Kind
        package let reason: EditReason
        package let code: Int?
        package let words: String
    }

    package var calls = 0
    /// Changes that acknowledged calls have made of the mirror.
    package var changes = 0
    package var settled: [EditState: Int] = [:]
    package var rejected: [Rejected] = []
    /// Edits that are still open.
    package var left = 0
    /// The edits were not looked at: what the cloud says of the user is doubted, or a write may still
    /// take effect.
    package var isSkipped = false
    /// There is more to be sent, and nothing speaks against it.
    package var isMore = false
    /// Why it ended before everything was sent.
    package var trouble: PushFailure?
    /// Edits that failed and wait, each with why, while the others went on.
    package var paused: [EditID: CallFailure] = [:]

    package init() {}

    /// Of a pass that did not look at the edits.
    package static let skipped: PushSummary = {
        var summary = PushSummary()
        summary.isSkipped = true
        return summary
    }()
}

/// A call that failed, and the edits it was for.
package struct PushFailure: Sendable {
    package let failure: CallFailure
    package let edits: [EditID]

    package init(failure: CallFailure, edits: [EditID]) {
        self.failure = failure
        self.edits = edits
    }
}
