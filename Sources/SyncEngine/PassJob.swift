import ChatAPI
import ChatModel
import EventLog
import MirrorStore
import SyncRules

/// What a pass works on.
package struct PassJob: Sendable {
    /// What the pass is for.
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
    /// What the pull says about how often the user changes.
    var finding = PullFinding.unchanged
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

    /// Calls that its edits took.
    var pushCalls: Int { push.calls }

    /// With what was pushed: a listing's digest says nothing after a write.
    func with(_ push: PushSummary) -> PassSummary {
        var summary = self
        summary.push = push
        summary.changes += push.changes
        if push.changes > 0 { summary.digest = nil }
        return summary
    }
}

extension PassSummary {
    /// What is logged about the pass.
    /// - Parameter isSkippedNew: conversations were left out, and not as many as in the listing before.
    func events(of job: PassJob, calls: Int, took: Duration, isSkippedNew: Bool) -> [Event] {
        let user = job.user.string
        var events: [Event] = []
        if !dangling.isEmpty {
            events.append(
                .referenceDangling(
                    user: user, groups: dangling.map(\.description).joined(separator: ",")))
        }
        if isSkippedNew { events.append(.conversationsSkipped(user: user, conversations: skipped)) }
        if changes > 0 || job.isFirst {
            events.append(
                .passChanged(
                    user: user, changes: changes, conversations: conversations, groups: groups,
                    calls: calls, took: took, first: job.isFirst))
        }
        return events
    }
}

extension PushSummary {
    /// What is logged about what was done for a user's edits.
    func events(of user: UserID, took: Duration) -> [Event] {
        var events = rejected.map { rejected in
            Event.editRejected(
                user: user.string, edit: rejected.edit.number,
                operation: rejected.operation.rawValue, reason: rejected.reason.rawValue,
                code: rejected.code, problem: rejected.words)
        }
        guard calls > 0 || !settled.isEmpty || !rejected.isEmpty else { return events }
        events.append(
            .pushDone(
                user: user.string, calls: calls, applied: settled[.applied, default: 0],
                satisfied: settled[.satisfied, default: 0],
                cancelled: settled[.cancelled, default: 0], rejected: rejected.count, left: left,
                took: took))
        return events
    }
}

extension OutboxTimer.Note {
    func event(of user: UserID) -> Event {
        switch self {
        case .failed(let edits, let failure, let failures, let retryIn):
            .pushFailed(
                user: user.string, edits: edits, reason: failure.kind.rawValue,
                code: failure.code, problem: failure.problem, failures: failures,
                retryIn: retryIn)
        case .inDoubt(let edits, let failure, let lookIn):
            .editsInDoubt(
                user: user.string, edits: edits, code: failure.code, problem: failure.problem,
                lookIn: lookIn)
        }
    }
}
