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
    /// Nothing is sent before: a write in doubt may still take effect.
    var pausedUntil: MonotonicTime?
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
            schedule.postpone(user, until: pause)
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
        if let trouble = push.trouble {
            waiting.failures += 1
            outbox[job.number] = waiting
            return retry(job, trouble, failures: waiting.failures)
        }
        waiting.failures = 0
        outbox[job.number] = waiting.seen == waiting.news && !push.isMore ? nil : waiting
        if outbox[job.number] != nil {
            serveOutbox(of: job.number)
        } else if push.calls > 0 {
            schedule.postpone(job.number, until: parts.time.now() + Self.secondLook)
        }
    }

    private func retry(_ job: PassJob, _ trouble: PushSummary.Trouble, failures: Int) {
        let failure = trouble.failure
        if failure.kind == .stopping { return }
        // A refusal, too, is of the writes alone: the user has just been listed. If it is not, the next
        // listing tells.
        var pause = BackOff.delay(afterFailures: failures, chance: parts.chance())
        if failure.mayHaveTakenEffect {
            pause = max(pause, Self.settling)
            parts.log(
                .editsInDoubt(
                    user: job.user.string, edits: trouble.edits, code: failure.code,
                    problem: failure.problem, lookIn: pause))
        } else {
            parts.log(
                .pushFailed(
                    user: job.user.string, edits: trouble.edits, reason: failure.kind.rawValue,
                    code: failure.code, problem: failure.problem, failures: failures,
                    retryIn: pause))
        }
        let time = parts.time.now() + pause
        outbox[job.number]?.pausedUntil = time
        schedule.postpone(job.number, until: time)
    }

    private func report(_ job: PassJob, _ push: PushSummary) {
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
