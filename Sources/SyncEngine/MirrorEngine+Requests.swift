import ChatModel
import EventLog
import MirrorStore
import SyncRules

// Requests: somebody wants users pulled now, or compared. A request is served by passes that began
// after it, and a user counts as failed only after a few tries.

/// A request being served.
struct ActiveRequest: Sendable {
    let request: ResyncRequest
    /// Passes up to this one began before the request.
    let after: UInt64
    let startedAt: MonotonicTime
    var remaining = UserSet()
    var progress: RequestProgress
    var tries: [UserNumber: Int] = [:]
    var isDirty = true

    static let mostTries = 3

    /// Whether a pass settles this user's part.
    mutating func counts(_ job: PassJob, _ result: RequestResult) -> Bool {
        guard job.sequence > after, remaining.contains(job.number),
            (job.mode == .compare) == (request.kind == .compare)
        else { return false }
        if result.outcome == .failed {
            tries[job.number, default: 0] += 1
            if tries[job.number, default: 0] < Self.mostTries { return false }
        }
        remaining.remove(job.number)
        return true
    }

    /// Whether a result deserves a row: when somebody named the user, or when there is something to
    /// say.
    func keeps(_ result: RequestResult) -> Bool {
        switch result.outcome {
        case .same, .changed: request.users != nil
        case .drifted, .failed, .parked: true
        }
    }
}

extension RequestResult {
    static func compared(_ changes: [Change]) -> RequestResult {
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

extension MirrorEngine {
    /// Begins to serve requests that are new.
    func take(_ open: [ResyncRequest]) async {
        let known = Set(requests.map(\.request.id))
        let isOpen = Set(open.map(\.id))
        let gone = requests.filter { !isOpen.contains($0.request.id) }
        for active in gone {
            parts.log(.resyncWithdrawn(request: active.request.id, left: active.remaining.count))
        }
        if !gone.isEmpty {
            requests.removeAll { !isOpen.contains($0.request.id) }
            comparisons.removeAll { !isToBeCompared($0) }
            secondLooks.keep(where: isToBeCompared)
        }
        for request in open where !known.contains(request.id) && !finishing.contains(request.id) {
            if let only = settings.onlyRequest, request.id != only { continue }
            await begin(request)
        }
    }

    private func begin(_ request: ResyncRequest) async {
        let users = request.users ?? (1...max(1, roster.highest)).filter(isListed)
        var active = ActiveRequest(
            request: request, after: sequence, startedAt: parts.time.now(),
            progress: RequestProgress(request: request.id, total: users.count))
        parts.log(
            .resyncAsked(
                request: request.id, users: users.count, writes: request.kind == .resync))
        var strangers: [UserNumber] = []
        for user in users {
            guard isListed(user) else {
                strangers.append(user)
                continue
            }
            active.remaining.insert(user)
            switch request.kind {
            case .resync: ask(for: user)
            case .compare: comparisons.append(user)
            }
        }
        requests.append(active)
        await leave(strangers, request.id)
        await finishRequests()
        wakeDispatcher()
    }

    /// Users of the request that are not in the list (any more).
    func leave(_ users: [UserNumber], _ request: Int64) async {
        guard !users.isEmpty,
            let index = requests.firstIndex(where: { $0.request.id == request })
        else { return }
        let result = RequestResult(.failed, detail: "it is not in the list of users")
        for user in users {
            requests[index].remaining.remove(user)
            requests[index].progress.add(result)
        }
        requests[index].isDirty = true
        await commits.flush(users.map { .result(request: request, user: $0, result) })
    }

    private func isToBeCompared(_ user: UserNumber) -> Bool {
        requests.contains { $0.request.kind == .compare && $0.remaining.contains(user) }
    }

    private func ask(for user: UserNumber) {
        // When only a request is served, nobody is in the schedule until asked for.
        schedule.add(user)
        if settings.onlyRequest != nil, let doubt = outbox[user]?.pausedUntil,
            doubt > parts.time.now()
        {
            // Nobody comes back later: what an earlier process left in doubt is waited for.
            schedule.postpone(user, until: doubt, urgently: true)
        } else {
            schedule.nudge(user)
        }
    }

    /// Tells the requests what became of a pass.
    func settle(_ job: PassJob, _ result: RequestResult) async {
        guard !requests.isEmpty else { return }
        let cleaned = RequestResult(
            result.outcome, changes: result.changes,
            detail: parts.log.redactor.clean(result.detail))
        var rows: [StoreEntry] = []
        for index in requests.indices where requests[index].counts(job, result) {
            requests[index].progress.add(result)
            requests[index].isDirty = true
            if settings.onlyRequest != nil { schedule.remove(job.number) }
            if requests[index].keeps(result) {
                rows.append(
                    .result(request: requests[index].request.id, user: job.number, cleaned))
            }
        }
        if job.mode == .compare, isToBeCompared(job.number) { comparisons.append(job.number) }
        for row in rows { _ = try? await commits.commit([row]) }
        await finishRequests()
    }

    func finishRequests() async {
        while let index = requests.firstIndex(where: \.remaining.isEmpty) {
            let active = requests.remove(at: index)
            var progress = active.progress
            progress.isFinished = true
            // Until that is written, whoever reads the open requests finds this one among them.
            finishing.insert(active.request.id)
            await commits.flush([.progress(progress)])
            finishing.remove(active.request.id)
            parts.log(
                .resyncDone(
                    request: active.request.id,
                    pulled: progress.done - progress.failed
                        - progress.parked, failed: progress.failed + progress.parked,
                    took: parts.time.now() - active.startedAt))
            if active.request.id == settings.onlyRequest { await stop(.requestDone) }
        }
    }

    /// How often requests that still want the user have seen it fail; nil when none wants it.
    func triesOfRequests(_ user: UserNumber) -> Int? {
        requests.filter { $0.remaining.contains(user) }.map { $0.tries[user] ?? 0 }.max()
    }

    /// What has changed about the requests since it was last written.
    func takeProgress() -> [StoreEntry] {
        requests.indices.compactMap { index in
            guard requests[index].isDirty else { return nil }
            requests[index].isDirty = false
            return .progress(requests[index].progress)
        }
    }
}
