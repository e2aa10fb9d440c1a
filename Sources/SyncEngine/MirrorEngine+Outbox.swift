import ChatModel
import EventLog
import MirrorStore
import SyncRules

// Edits that other processes queue reach the schedule here. When they may be sent, OutboxTimer decides.

extension MirrorEngine {
    /// Takes in what an earlier process left.
    func openOutbox() async throws {
        let (now, wall) = (parts.time.now(), parts.time.wallTime())
        let waiting = try await parts.store.usersWithOpenEdits(at: wall)
        watch.isOutboxOpen = true
        for (user, sentAt) in waiting {
            outbox.open(user, sentAgo: sentAt.map { wall - $0 }, now: now)
        }
        if !waiting.isEmpty {
            let inDoubt = waiting.values.count { $0 != nil }
            parts.log(.outboxOpened(users: waiting.count, inDoubt: inDoubt))
        }
        for user in outbox.waiting { serveOutbox(of: user) }
    }

    /// Takes in what commands have queued, retried or cancelled.
    func takeOutboxChanges() async throws {
        let changes = try await parts.store.outboxChanges(after: watch.outboxRevision)
        watch.outboxRevision = changes.last
        for user in changes.users {
            outbox.changed(user)
            serveOutbox(of: user)
        }
        if !changes.users.isEmpty { wakeDispatcher() }
    }

    /// Sees to it that the user's edits have their turn as soon as they may be sent.
    func serveOutbox(of user: UserNumber) {
        let now = parts.time.now()
        guard settings.mode.schedulesEverybody, let turn = outbox.turn(of: user, now: now) else {
            return
        }
        if turn > now {
            schedule.postpone(user, until: turn, urgently: true)
        } else {
            schedule.nudge(user, urgently: true)
        }
    }

    /// What follows from a pass's push, once the user is back in the schedule.
    func pushed(_ job: PassJob, _ push: PushSummary) {
        let now = parts.time.now()
        totals.add(push)
        for event in push.events(of: job.user, took: now - job.startedAt) { parts.log(event) }
        let follows = outbox.pushed(
            job.number, push, paused: job.paused, chance: parts.chance, now: now)
        guard let (notes, next) = follows else { return }
        for note in notes { parts.log(note.event(of: job.user)) }
        switch next {
        case .whenItsTurnComes:
            // Where we change something, so may others.
            if push.calls > 0 { schedule.changed(job.number, now: now) }
        case .atOnce: serveOutbox(of: job.number)
        case .at(let time): schedule.postpone(job.number, until: time, urgently: true)
        case .secondLook(let time): schedule.postpone(job.number, until: time)
        }
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
            let part =
                (try? await parts.store.prune(before: oldest, changesUpTo: watch.outboxRevision))
                ?? 0
            removed += part
            if part == 0 { break }
        }
        if removed > 0 { parts.log(.historyPruned(removed: removed)) }
    }
}
