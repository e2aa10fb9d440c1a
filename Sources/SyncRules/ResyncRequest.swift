import ChatModel

// The daemon alone calls the cloud. A command that needs the cloud while the daemon runs leaves a
// request in the database; the daemon serves it and writes progress and results beside it.

/// What is asked of the daemon.
package struct ResyncRequest: Hashable, Sendable {
    /// What is asked for.
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
    /// What became of one user of the request.
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

extension RequestResult {
    /// Of a comparison: the differences that count.
    package static func compared(_ changes: [Change]) -> RequestResult {
        guard !changes.isEmpty else { return RequestResult(.same) }
        return RequestResult(
            .drifted, changes: changes.count,
            detail: changes.map(\.sentence).joined(separator: "\n"))
    }
}

extension Change {
    /// One difference in words, from the mirror to the cloud.
    package var sentence: String {
        switch self {
        case .groupCreated(let group): "group \(group.id) '\(group.name)' is new"
        case .groupRenamed(let group, let before):
            "group \(group.id) '\(before)' is now '\(group.name)'"
        case .groupDeleted(let group): "group \(group.id) '\(group.name)' is gone"
        case .conversationAdded(let id, let group): "\(id) is now in '\(group.name)'"
        case .conversationRemoved(let id, let group): "\(id) is no longer in '\(group.name)'"
        case .standardMarkChanged(let id, let before, let after):
            "\(id) has the standard mark \(after), not \(before)"
        case .customMarkChanged(let id, let before, let after):
            "\(id) has the custom mark '\(after)', not '\(before)'"
        }
    }
}
