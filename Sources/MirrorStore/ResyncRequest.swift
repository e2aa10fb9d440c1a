import ChatModel
import SyncRules

// The daemon alone calls the cloud. A command that needs the cloud while the daemon runs leaves a
// request here; the daemon notices it, does the work and writes progress and results beside it.

/// What is asked of the daemon.
package struct ResyncRequest: Hashable, Sendable {
    package enum Kind: String, Sendable {
        /// Pull the users now and store what comes.
        case resync
        /// Pull the users now and only say what differs: `verify`, `resync --dry-run`.
        case compare
    }

    package let id: Int64
    package let kind: Kind
    /// nil: every user of the list.
    package let users: [UserNumber]?

    package init(id: Int64, kind: Kind, users: [UserNumber]?) {
        self.id = id
        self.kind = kind
        self.users = users
    }
}

/// How far a request is.
package struct RequestProgress: Hashable, Sendable {
    package let request: Int64
    package var total: Int
    /// Users whose pass ended, whatever its end.
    package var done = 0
    package var changed = 0
    package var changes = 0
    package var failed = 0
    package var parked = 0
    package var isFinished = false

    package init(request: Int64, total: Int) {
        self.request = request
        self.total = total
    }

    /// Adds what became of one user.
    package mutating func add(_ result: RequestResult) {
        done += 1
        switch result.outcome {
        case .same: break
        case .changed, .drifted:
            changed += 1
            changes += result.changes
        case .failed: failed += 1
        case .parked: parked += 1
        }
    }
}

/// What became of one user of a request.
package struct RequestResult: Hashable, Sendable {
    package enum Outcome: String, Sendable {
        case same, changed, drifted, failed, parked
    }

    package let outcome: Outcome
    package let changes: Int
    /// In words: the problem, or the differences, one a line.
    package let detail: String

    package init(_ outcome: Outcome, changes: Int = 0, detail: String = "") {
        self.outcome = outcome
        self.changes = changes
        self.detail = detail
    }
}
