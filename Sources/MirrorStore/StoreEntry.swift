import ChatModel
import SyncRules

/// One thing to be written. Entries are committed in groups; within a group they are written in
/// their order.
package enum StoreEntry: Sendable {
    /// The cloud lists exactly what the mirror holds.
    case unchanged(UserNumber, at: WallTime)
    case pulled(PulledUser)
    /// When users were pulled, and what is known of how often they change.
    case pulls(PullBatch)
    /// What was learned from hints.
    case presence(PresenceRecord)
    /// The cloud has acknowledged changes of ours.
    case pushed(PushedUser)
    /// What has become of a user's edits.
    case outbox(OutboxUpdate)
    /// A pass failed, or the user is parked; the mirror stays as it was.
    case failed(UserNumber, UserFailure)
    /// Progress of a request.
    case progress(RequestProgress)
    /// What became of one user of a request.
    case result(request: Int64, user: UserNumber, RequestResult)
    /// What `status` shows of the daemon.
    case daemon(DaemonState)
}

/// A user's new state, as the difference from the stored one.
package struct PulledUser: Sendable {
    package let user: UserNumber
    package let at: WallTime
    /// Of the listing that the mirror now equals; nil when it does not equal it, because deletions
    /// are held, and of a listing without anything: that is how a user with nothing to lose is known.
    package let digest: Digest?
    package let diff: SnapshotDiff
    /// Deletions that wait for an operator; nil when there are none (any more).
    package let held: HeldDeletions?
    /// This user made the guard trip.
    package let trip: GuardTrip?
    /// Changes that edits of ours have made: writes whose answer was lost.
    package let origins: [Change: EditID]
    /// Conversations of an unknown type, which the listing had and the mirror has not.
    package let skipped: Int

    package init(
        user: UserNumber, at: WallTime, digest: Digest?, diff: SnapshotDiff, held: HeldDeletions?,
        trip: GuardTrip? = nil, origins: [Change: EditID] = [:], skipped: Int = 0
    ) {
        self.trip = trip
        self.skipped = skipped
        self.user = user
        self.at = at
        self.digest = digest
        self.diff = diff
        self.held = held
        self.origins = origins
    }
}

/// How much the cloud no longer lists and the mirror still holds.
package struct HeldDeletions: Hashable, Sendable {
    package let groups: Int
    package let conversations: Int

    package init(groups: Int, conversations: Int) {
        self.groups = groups
        self.conversations = conversations
    }
}

/// The deletion guard has tripped: from here on, deletions of users that lose everything are held.
package struct GuardTrip: Hashable, Sendable {
    /// Users that had lost everything just before, within `guard.window`, and were believed.
    package let believed: Int

    package init(believed: Int) { self.believed = believed }
}

/// Deletions that are held, and what an operator decided: nil for nothing yet.
package struct Hold: Hashable, Sendable {
    /// As they were when the hold began.
    package let deletions: HeldDeletions
    package let decision: HeldDecision?

    package init(_ deletions: HeldDeletions, _ decision: HeldDecision? = nil) {
        self.deletions = deletions
        self.decision = decision
    }
}

/// What an operator decided about held deletions.
package enum HeldDecision: String, Sendable {
    case approved, rejected
}

/// Why a user could not be pulled.
package struct UserFailure: Hashable, Sendable {
    /// A `FailureKind`'s word, or `listing`.
    package let kind: String
    package let code: Int?
    package let problem: String
    /// Passes that failed in a row.
    package let failures: Int
    package let at: WallTime
    package let retryAt: WallTime
    package let isParked: Bool

    package init(
        kind: String, code: Int?, problem: String, failures: Int, at: WallTime, retryAt: WallTime,
        isParked: Bool
    ) {
        self.kind = kind
        self.code = code
        self.problem = problem
        self.failures = failures
        self.at = at
        self.retryAt = retryAt
        self.isParked = isParked
    }
}

/// The daemon's own state, written now and then for `status`.
package struct DaemonState: Hashable, Sendable {
    package var version: String
    package var pid: Int32
    package var startedAt: WallTime
    /// When this was written; zero age means alive, but only the lock proves it.
    package var at: WallTime
    /// `accepting`, `refused`, `unreachable`, `unknown`; `stopped` after a clean end.
    package var cloud: String
    package var cloudCode: Int?
    package var cloudProblem: String
    package var callsPerSecond: Double
    package var allowed: Int
    package var calls: Int
    package var throttled: Int
    package var passes: Int
    package var changes: Int
    /// How long the last full round took, in which every user was tried, and when it ended; nil before.
    package var lastRound: Round?
    /// The expected staleness in seconds at which users are pulled.
    package var price: Double = 0
    /// How long one pull of every user takes with all the calls that there are.
    package var sweep: Duration = .zero
    /// No user goes unpulled for longer.
    package var limit: Duration = .zero
    /// The share of the users whose copies lack nothing, as expected; nil before the first reckoning.
    package var expectedFresh: Double?

    /// A full round.
    package struct Round: Hashable, Sendable {
        package let endedAt: WallTime
        package let took: Duration

        package init(endedAt: WallTime, took: Duration) {
            self.endedAt = endedAt
            self.took = took
        }
    }

    package init(version: String, pid: Int32, startedAt: WallTime, at: WallTime) {
        self.version = version
        self.pid = pid
        self.startedAt = startedAt
        self.at = at
        cloud = "unknown"
        cloudCode = nil
        cloudProblem = ""
        callsPerSecond = 0
        allowed = 0
        calls = 0
        throttled = 0
        passes = 0
        changes = 0
    }
}

/// What a commit reports.
package struct CommitReport: Sendable {
    /// Users of whom an operator has cancelled edits since a pass read them: what it decided by them is
    /// not written, and no call that it planned may be made.
    package var outdated: Set<UserNumber> = []

    package init() {}
}

/// The outbox in numbers.
package struct OutboxTotals: Hashable, Sendable {
    package var open = 0
    package var sending = 0
    package var rejected = 0
    /// Open edits that wait behind a rejected one.
    package var waiting = 0
    /// When the oldest open edit was queued.
    package var oldest: WallTime?

    package init() {}
}
