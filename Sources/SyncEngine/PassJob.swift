import ChatAPI
import ChatModel
import MirrorStore
import SyncRules

/// What a pass is told.
package struct PassJob: Sendable {
    enum Mode: Sendable {
        case store
        /// Only say what differs; nothing is written.
        case compare
    }

    let number: UserNumber
    let user: UserID
    /// Of the listing that the mirror equals.
    let digest: Digest?
    let turn: CallTurn
    let mode: Mode
    /// When its first call may leave: changes after this have not been seen.
    let startedAt: MonotonicTime
    /// Counts the passes of the process: a request is served by passes that began after it.
    let sequence: UInt64
    let isFirst: Bool
    /// The cloud refused or was silent when it began: this pass finds out whether that is over.
    let isProbe: Bool
    /// The user has open edits: what the listing shows of those that were sent is ours.
    let hasEdits: Bool
    /// They may be sent: no write is in doubt that may still take effect.
    let mayPush: Bool
    /// Edits that have failed and are not tried again yet.
    let paused: Set<EditID>
    let policy: PushPolicy
    /// Other users whose mirror holds something, as far as it has a digest.
    let others: Int
}

/// What became of a pass.
package enum PassOutcome: Sendable {
    case unchanged
    /// The mirror was brought up to date.
    case changed(PassSummary)
    /// Of a comparison: what differs.
    case compared([Change])
    case failed(PassFailure)
    case storeFailed(StoreFailure)
}

/// A pass that may have changed something, in numbers.
package struct PassSummary: Sendable {
    /// Changes that the pull brought and changes that our own writes made.
    private(set) var changes: Int
    let conversations: Int
    let groups: Int
    /// Of the listing that the mirror equals; nil when it equals none.
    private(set) var digest: Digest?
    var held: HeldDeletions?
    var dangling: [GroupID] = []
    var skipped = 0
    private(set) var push = PushSummary()

    init(changes: Int, of snapshot: Snapshot, digest: Digest?) {
        self.changes = changes
        conversations = snapshot.conversations.count
        groups = snapshot.groups.count
        self.digest = digest
    }

    /// With what was pushed: a listing's digest says nothing after a write.
    func with(_ push: PushSummary) -> PassSummary {
        var summary = self
        summary.push = push
        summary.changes += push.changes
        if push.changes > 0 { summary.digest = nil }
        return summary
    }
}
