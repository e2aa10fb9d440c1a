import ChatModel
import EventLog
import MirrorStore
import SyncRules

/// Holds the deletion guard of the whole mirror and what persons decided.
actor Guardian {
    enum Verdict: Sendable {
        case delete, hold
    }

    private var rule: DeletionGuard
    /// Users whose deletions are held, with the decision when there is one.
    private var held: [UserNumber: HeldDecision?]
    /// Holds that no reading of the database has shown yet: the rows are written after the verdict.
    private var unwritten: Set<UserNumber> = []
    /// Users whose approval was used: a reading may show it once more.
    private var spent: Set<UserNumber> = []
    private let time: any Timekeeper
    private let log: Log

    init(
        limits: DeletionGuard.Limits, held: [UserNumber: HeldDecision?], time: any Timekeeper,
        log: Log
    ) {
        rule = DeletionGuard(limits: limits, isTripped: held.values.contains { $0 == nil })
        self.held = held
        self.time = time
        self.log = log
    }

    /// Whether a user's deletions may go through.
    func judge(_ job: PassJob, losing stored: Snapshot, to next: Snapshot) -> Verdict {
        let known = held[job.number]
        guard stored.losesEverything(becoming: next) else {
            held[job.number] = nil
            unwritten.remove(job.number)
            if !stored.isEmpty { rule.kept(now: time.now()) }
            return .delete
        }
        if let known { return decided(known, job) }
        switch rule.emptied(now: time.now()) {
        case .delete: return .delete
        case .holdAndTrip:
            let totals = rule.totals
            log(.guardTripped(emptied: totals.emptied, pulled: totals.pulled))
            fallthrough
        case .hold:
            held[job.number] = .some(nil)
            unwritten.insert(job.number)
            spent.remove(job.number)
            log(
                .deletionsHeld(
                    user: job.user.string, groups: stored.groups.count,
                    conversations: stored.conversations.count))
            return .hold
        }
    }

    /// A user was pulled and has all it had.
    func sawNothingLost() {
        rule.kept(now: time.now())
    }

    /// Takes in what persons decided; the users that should be pulled because of it.
    func take(_ read: [UserNumber: HeldDecision?]) -> [UserNumber] {
        var decisions = read.filter { !spent.contains($0.key) }
        spent.formIntersection(read.keys)
        unwritten.subtract(read.keys)
        for user in unwritten { decisions[user] = .some(nil) }
        let news = decisions.filter { user, decision in
            decision != nil && held[user].flatMap { $0 } != decision
        }
        held = decisions
        if rule.isTripped, !decisions.values.contains(where: { $0 == nil }) {
            rule.decided()
            log(
                .guardReset(
                    approved: decisions.values.count { $0 == .approved },
                    rejected: decisions.values.count { $0 == .rejected }))
        }
        return news.keys.sorted()
    }

    func set(_ limits: DeletionGuard.Limits) {
        rule.limits = limits
    }

    /// Users whose deletions are held, decided or not.
    var heldCount: Int { held.count }

    private func decided(_ decision: HeldDecision?, _ job: PassJob) -> Verdict {
        guard decision == .approved else { return .hold }
        held[job.number] = nil
        spent.insert(job.number)
        return .delete
    }
}
