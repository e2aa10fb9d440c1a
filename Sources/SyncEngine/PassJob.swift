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

/// A changed pass in numbers.
package struct PassSummary: Sendable {
    let changes: Int
    let conversations: Int
    let groups: Int
    /// Of the listing; nil while deletions are held.
    let digest: Digest?
    let held: HeldDeletions?
    let dangling: [GroupID]
}
