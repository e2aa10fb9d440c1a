import ChatModel
import EventLog
import MirrorStore
import SyncRules

/// Holds the deletion guard of the whole mirror and what operators decided.
///
/// A hold ends when an operator approves it, or when the cloud lists something of it again; entries that
/// are new to the mirror do not count for that. The guard stays shut until the last
/// unapproved hold has ended; a rejection says that the cloud is wrong.
actor DeletionHolds {
    /// What becomes of a pull's deletions.
    enum Verdict: Sendable {
        case delete
        /// - trip: this user is the one that made the guard trip.
        case hold(HeldDeletions, trip: GuardTrip?)

        var isHold: Bool { if case .hold = self { true } else { false } }
    }

    private var rule: DeletionGuard
    private var holds: [UserNumber: Hold]
    /// Holds whose rows were not seen in the database yet: they are written after the verdict.
    private var unwritten: Set<UserNumber> = []
    /// Users whose hold has ended, while its row may still be read.
    private var ended: Set<UserNumber> = []
    private let time: any Timekeeper
    private let log: Log

    /// - Parameter holds: those that an earlier run left, of users in the list.
    init(
        limits: DeletionGuard.Limits, holds: [UserNumber: Hold], time: any Timekeeper, log: Log
    ) {
        rule = DeletionGuard(limits: limits, isTripped: holds.values.contains(where: \.keepsShut))
        self.holds = holds
        self.time = time
        self.log = log
    }

    /// Whether a user's deletions may go through.
    /// - Parameter difference: what leads from `stored` to `listed`.
    func judge(
        _ job: PassJob, losing stored: Snapshot, to listed: Snapshot, _ difference: SnapshotDiff
    ) -> Verdict {
        if let hold = holds[job.number] { return judge(hold, job, losing: difference) }
        guard stored.losesEverything(becoming: listed) else {
            if !stored.isEmpty { rule.kept(now: time.now()) }
            return .delete
        }
        var trip: GuardTrip?
        switch rule.emptied(job.number, now: time.now(), others: job.others) {
        case .delete: return .delete
        case .holdAndTrip:
            let totals = rule.totals(others: job.others)
            log(.guardTripped(emptied: totals.emptied, pulled: totals.pulled))
            trip = GuardTrip(believed: totals.emptied - 1)
            fallthrough
        case .hold:
            let deletions = HeldDeletions(difference)
            holds[job.number] = Hold(deletions)
            unwritten.insert(job.number)
            ended.remove(job.number)
            log(
                .deletionsHeld(
                    user: job.user.string, groups: deletions.groups,
                    conversations: deletions.conversations))
            return .hold(deletions, trip: trip)
        }
    }

    /// A user that has something was pulled and has all of it.
    func sawNothingLost() {
        rule.kept(now: time.now())
    }

    /// Reads what operators decided.
    /// - Returns: the users to pull because of it.
    func readHolds(_ read: [UserNumber: Hold]) -> [UserNumber] {
        var known = read.filter { !ended.contains($0.key) }
        ended.formIntersection(read.keys)
        unwritten.subtract(read.keys)
        for user in unwritten { known[user] = holds[user] }
        let news = known.filter { user, hold in
            hold.decision != nil && holds[user]?.decision != hold.decision
        }
        holds = known
        openWhenNothingIsHeld()
        return news.keys.sorted()
    }

    /// Takes in the holds of users who may have come back into the list, before any of them is pulled.
    func know(_ listed: [UserNumber: Hold]) {
        for (user, hold) in listed where holds[user] == nil && !ended.contains(user) {
            holds[user] = hold
        }
    }

    /// Takes over limits of a reloaded configuration.
    func set(_ limits: DeletionGuard.Limits) {
        rule.limits = limits
    }

    /// Users whose deletions are held, decided or not; of them those still undecided;
    /// and whether the guard is tripped.
    var state: (held: Int, undecided: Int, isTripped: Bool) {
        (holds.count, holds.values.count { $0.decision == nil }, rule.isTripped)
    }

    private func judge(_ hold: Hold, _ job: PassJob, losing difference: SnapshotDiff) -> Verdict {
        let isListedAgain = HeldDeletions(difference).isLess(than: hold.deletions)
        guard isListedAgain || hold.decision == .approved else {
            return .hold(hold.deletions, trip: nil)
        }
        holds[job.number] = nil
        unwritten.remove(job.number)
        ended.insert(job.number)
        if isListedAgain { rule.kept(now: time.now()) }
        openWhenNothingIsHeld()
        return .delete
    }

    private func openWhenNothingIsHeld() {
        guard rule.isTripped, !holds.values.contains(where: \.keepsShut) else { return }
        rule.decided()
        log(.guardReset(approved: holds.count))
    }
}

extension Hold {
    /// Whether further users that lose everything are held because of it.
    fileprivate var keepsShut: Bool { decision != .approved }
}

extension HeldDeletions {
    fileprivate init(_ difference: SnapshotDiff) {
        self.init(
            groups: difference.changes.count { $0.kind == .groupDeleted },
            conversations: difference.vanished.count)
    }

    /// Whether less is missing than was held, so some of it is listed again: while deletions are held, the
    /// mirror only grows. If conversations were held, only they count, as when a user is found to lose
    /// everything.
    fileprivate func isLess(than held: HeldDeletions) -> Bool {
        held.conversations > 0
            ? conversations < held.conversations : groups < held.groups
    }
}
