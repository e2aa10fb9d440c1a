import ChatModel
import EventLog
import MirrorStore
import SyncRules

// How requests of other processes reach the schedule, and how what became of them reaches the store. What
// counts for a request, RequestBoard decides.

extension MirrorEngine {
    /// Begins to serve requests that are new, and drops those that were withdrawn.
    func updateRequests(_ open: [ResyncRequest]) async {
        let gone = requests.withdraw(except: open)
        for (request, left) in gone {
            parts.log(.resyncWithdrawn(request: request, left: left))
        }
        if !gone.isEmpty { comparisons.keep(where: requests.isToBeCompared) }
        for request in requests.new(among: open) where settings.mode.serves(request.id) {
            await begin(request)
        }
    }

    private func begin(_ request: ResyncRequest) async {
        let wanted = request.users ?? (1...max(1, users.highest)).filter(isListed)
        parts.log(
            .resyncAsked(
                request: request.id, users: wanted.count, writes: request.kind == .resync))
        let listed = wanted.filter(isListed)
        let strangers = wanted.filter { !isListed($0) }
        requests.begin(
            request, total: wanted.count, users: listed, after: sequence, now: parts.time.now())
        requests.refuse(strangers.count, of: request.id)
        for user in listed {
            switch request.kind {
            case .resync: ask(for: user)
            case .compare: comparisons.add(user)
            }
        }
        await record(strangers, request.id)
        await finishRequests()
        wakeDispatcher()
    }

    private func record(_ strangers: [UserNumber], _ request: Int64) async {
        if strangers.isEmpty { return }
        await commits.flush(
            strangers.map { .result(request: request, user: $0, RequestBoard.notListed) })
    }

    private func ask(for user: UserNumber) {
        // A one-shot run has no user in the schedule until asked for, and does not come back later: it
        // waits for what an earlier process left in doubt.
        schedule.add(user)
        let now = parts.time.now()
        if !settings.mode.schedulesEverybody, let turn = outbox.turn(of: user, now: now), turn > now
        {
            schedule.postpone(user, until: turn, urgently: true)
        } else {
            schedule.nudge(user)
        }
    }

    /// The users have left the list.
    func leave(_ gone: [UserNumber]) async {
        for (request, strangers) in requests.left(gone) { await record(strangers, request) }
        await finishRequests()
    }

    /// Gives the requests the result of a pass.
    func settle(_ job: PassJob, _ result: RequestResult) async {
        guard !requests.isEmpty else { return }
        let cleaned = RequestResult(
            result.outcome, changes: result.changes,
            detail: parts.log.redactor.clean(result.detail))
        let settled = requests.passEnded(
            job.number, sequence: job.sequence, isComparison: job.mode == .compare, result)
        if settled.isSettled, !settings.mode.schedulesEverybody { schedule.remove(job.number) }
        if job.mode == .compare, requests.isToBeCompared(job.number) {
            comparisons.add(job.number)
        }
        for request in settled.rows {
            await commits.commit(
                [.result(request: request, user: job.number, cleaned)], withPullOf: job.number)
        }
        await finishRequests()
    }

    private func finishRequests() async {
        while let (progress, startedAt) = requests.takeFinished() {
            await commits.flush([.progress(progress)])
            requests.written(progress.request)
            parts.log(
                .resyncDone(
                    request: progress.request,
                    pulled: progress.done - progress.failed - progress.parked,
                    failed: progress.failed + progress.parked,
                    took: parts.time.now() - startedAt))
            if settings.mode.ends(with: progress.request) { await stop(.requestDone) }
        }
    }
}
