import ChatAPI
import ChatModel
import EventLog
import MirrorStore
import SyncRules

// Who has edits to be sent, when they may be sent, and what follows from a push.

/// What the engine knows of a user with open edits.
struct OutboxUser: Sendable {
    /// Counts what commands have done about the user: a pass that began before the last of it has
    /// not seen everything.
    var news = 0
    /// Of the news, how many the running or last pass has seen.
    var seen = 0
    /// Pushes that ended in trouble in a row.
    var failures = 0
    /// Nothing is sent before: a write in doubt may still take effect, or the cloud takes none.
    var pausedUntil: MonotonicTime?
    /// Edits that have failed, each with its own back-off; the others need not wait for them.
    var pauses: [EditID: Pause] = [:]

    struct Pause: Sendable {
        let until: MonotonicTime
        let failures: Int
    }

    func pausedEdits(at now: MonotonicTime) -> Set<EditID> {
        Set(pauses.filter { $0.value.until > now }.keys)
    }
}

extension MirrorEngine {
    /// The cloud gives a call up after 3 s (Cloud.md §3). What has not happened a second after that
    /// does not happen any more, and looking makes sense.
    static let settling = Duration.seconds(4)
    /// The second look comes when the times of the cloud, in whole seconds, have moved on.
    static let secondLook = Duration.seconds(2)

    /// Takes in what an earlier process left.
    func openOutbox() async throws {
        let (now, wall) = (parts.time.now(), parts.time.wallTime())
        let users = try parts.store.usersWithOpenEdits(at: wall)
        isOutboxOpen = true
        for (user, sentAt) in users {
            var waiting = OutboxUser()
            if let sentAt {
                // By a clock that may have been set since: never longer than it can take.
                let age = min(max(.zero, wall - sentAt), Self.settling)
                waiting.pausedUntil = now + (Self.settling - age)
            }
            outbox[user] = waiting
        }
        if !users.isEmpty {
            let inDoubt = users.values.count { $0 != nil }
            parts.log(.outboxOpened(users: users.count, inDoubt: inDoubt))
        }
        for user in outbox.keys.sorted() { serveOutbox(of: user) }
    }

    /// Takes in what commands have queued, retried or cancelled.
    func takeNews() async throws {
        let news = try await parts.store.outboxNews(after: lastNews)
        lastNews = news.last
        for user in news.users {
            outbox[user, default: OutboxUser()].news += 1
            serveOutbox(of: user)
        }
        if !news.users.isEmpty { wakeDispatcher() }
    }

    /// Sees to it that the user's edits have their turn as soon as they may be sent.
    func serveOutbox(of user: UserNumber) {
        guard settings.onlyRequest == nil, let waiting = outbox[user] else { return }
        if let pause = waiting.pausedUntil, pause > parts.time.now() {
            schedule.postpone(user, until: pause, urgently: true)
        } else {
            schedule.nudge(user, urgently: true)
        }
    }

    /// Whether a pass that starts now works on the user's edits.
    func mayPush(_ user: UserNumber, now: MonotonicTime) -> Bool {
        guard let waiting = outbox[user] else { return false }
        guard (waiting.pausedUntil ?? now) <= now else { return false }
        outbox[user]?.seen = waiting.news
        outbox[user]?.pausedUntil = nil
        return true
    }

    /// What follows from a pass's push, once the user is back in the schedule.
    func pushed(_ job: PassJob, _ push: PushSummary) {
        report(job, push)
        guard var waiting = outbox[job.number], !push.isSkipped else { return }
        let now = parts.time.now()
        // What was not paused when the pass began has been tried: it is done, or has failed again.
        waiting.pauses = waiting.pauses.filter { job.paused.contains($0.key) }
        for (edit, failure) in push.paused.sorted(by: { $0.key < $1.key }) {
            pause(edit, failure, job, &waiting, at: now)
        }
        if let trouble = push.trouble {
            waiting.failures += 1
            stop(after: trouble, job, &waiting, at: now)
        } else {
            waiting.failures = 0
        }
        let isMore = waiting.seen != waiting.news || push.isMore
        let next = waiting.pausedUntil ?? waiting.pauses.values.map(\.until).min()
        outbox[job.number] = isMore || next != nil ? waiting : nil
        if waiting.pausedUntil == nil, isMore {
            serveOutbox(of: job.number)
        } else if let next {
            schedule.postpone(job.number, until: next, urgently: true)
        } else if push.calls > 0 {
            schedule.postpone(job.number, until: now + Self.secondLook)
        }
    }

    /// One edit has failed: it waits, and with it what is about the same group or conversation.
    private func pause(
        _ edit: EditID, _ failure: CallFailure, _ job: PassJob, _ waiting: inout OutboxUser,
        at now: MonotonicTime
    ) {
        let failures = (outbox[job.number]?.pauses[edit]?.failures ?? 0) + 1
        let span = BackOff.delay(afterFailures: failures, chance: parts.chance())
        waiting.pauses[edit] = OutboxUser.Pause(until: now + span, failures: failures)
        parts.log(
            .pushFailed(
                user: job.user.string, edits: 1, reason: failure.kind.rawValue,
                code: failure.code, problem: failure.problem, failures: failures, retryIn: span))
    }

    /// The pass ended with a failure: nothing of the user is sent while a write may still take effect;
    /// the edits of that write then wait for their back-off, the others do not.
    private func stop(
        after trouble: PushFailure, _ job: PassJob, _ waiting: inout OutboxUser,
        at now: MonotonicTime
    ) {
        let failure = trouble.failure
        if failure.kind == .stopping { return }
        // A refusal, too, is of the writes alone: the user has just been listed. If it is not, the next
        // listing tells.
        let span = BackOff.delay(afterFailures: waiting.failures, chance: parts.chance())
        guard failure.mayHaveTakenEffect else {
            waiting.pausedUntil = now + span
            return parts.log(
                .pushFailed(
                    user: job.user.string, edits: trouble.edits.count,
                    reason: failure.kind.rawValue, code: failure.code, problem: failure.problem,
                    failures: waiting.failures, retryIn: span))
        }
        waiting.pausedUntil = now + Self.settling
        for edit in trouble.edits {
            let until = now + max(span, Self.settling)
            waiting.pauses[edit] = OutboxUser.Pause(until: until, failures: waiting.failures)
        }
        parts.log(
            .editsInDoubt(
                user: job.user.string, edits: trouble.edits.count, code: failure.code,
                problem: failure.problem, lookIn: Self.settling))
    }

    private func report(_ job: PassJob, _ push: PushSummary) {
        totals.editsApplied += push.settled[.applied, default: 0]
        totals.editsApplied += push.settled[.satisfied, default: 0]
        totals.editsRejected += push.rejected.count
        for rejected in push.rejected {
            parts.log(
                .editRejected(
                    user: job.user.string, edit: rejected.edit.number,
                    operation: rejected.operation.rawValue, reason: rejected.reason.rawValue,
                    code: rejected.code, problem: rejected.words))
        }
        guard push.calls > 0 || !push.settled.isEmpty || !push.rejected.isEmpty else { return }
        parts.log(
            .pushDone(
                user: job.user.string, calls: push.calls,
                applied: push.settled[.applied, default: 0],
                satisfied: push.settled[.satisfied, default: 0],
                cancelled: push.settled[.cancelled, default: 0], rejected: push.rejected.count,
                left: push.left, took: parts.time.now() - job.startedAt))
    }

    /// Parts of history that are removed before other things have their turn again.
    private static let partsAtOnce = 50

    /// Removes what is older than the operator wants to keep, a little at a time.
    func prune() async {
        let oldest =
            settings.history.map { parts.time.wallTime() + (.zero - $0) }
            ?? WallTime(milliseconds: 0)
        var removed = 0
        for _ in 0..<Self.partsAtOnce where !isStopping {
            let part = (try? await parts.store.prune(before: oldest, news: lastNews)) ?? 0
            removed += part
            if part == 0 { break }
        }
        if removed > 0 { parts.log(.historyPruned(removed: removed)) }
    }
}
