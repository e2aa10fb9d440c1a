import ChatAPI
import ChatModel
import MirrorStore
import SyncRules

// The loop that starts passes: it waits until a user is due, then for the right to call, and only
// then takes the user, so the choice is made at the last moment.

extension MirrorEngine {
    /// Starts passes until the engine stops; returns when all have ended.
    func dispatch() async {
        await withDiscardingTaskGroup { group in
            while await waitForWork() {
                guard let permit = try? await parts.gate.permit(.getContactGroup, .starting) else {
                    break
                }
                guard let job = take(permit) else {
                    await parts.gate.ended(permit, .notSent)
                    continue
                }
                group.addTask { await self.perform(job) }
            }
        }
    }

    /// Returns true when there is a user to be pulled and room for a pass; false when the engine
    /// stops.
    private func waitForWork() async -> Bool {
        while !isStopping {
            let now = parts.time.now()
            let isAsked = schedule.hasAsked || !comparisons.isEmpty
            // Somebody waits for those who are asked for: they need not wait for a slow call to
            // end.
            let room = settings.passesAtOnce + (isAsked ? Self.extraForAsked : 0)
            guard running < room else {
                await suspendDispatcher()
                continue
            }
            steps += 1
            let due = nextComparison == nil ? schedule.nextDue(now: now) : now
            if let due, due <= now {
                if health.mayStart(now: now) {
                    // The name may have another address by now.
                    if health.isStopped { parts.cloud.reconnect() }
                    return true
                }
                await suspendDispatcher()
            } else if let due, due < now + Self.pollInterval {
                try? await parts.time.sleep(until: due)
            } else {
                await suspendDispatcher()
            }
        }
        return false
    }

    private func suspendDispatcher() async {
        await withCheckedContinuation { idleDispatcher = $0 }
    }

    private static let extraForAsked = 10

    /// Called for whatever may give the dispatcher work: a pass that ended, a request, the passage
    /// of time.
    func wakeDispatcher() {
        idleDispatcher.take()?.resume()
    }

    /// Edits come first. Then users and comparisons take turns, so that comparing everybody does not
    /// keep the mirror from being made.
    private func take(_ permit: CallPermit) -> PassJob? {
        schedule.advance(to: permit.grantedAt)
        if isTurnOfComparisons, !schedule.hasUrgent, let job = takeComparison(permit) {
            return job
        }
        while case .user(let number) = schedule.take(now: permit.grantedAt) {
            guard comparing.contains(number) else {
                isTurnOfComparisons = true
                return job(number, permit, .store)
            }
            // It is being looked at this moment: one pass at a time.
            schedule.finish(
                number, at: permit.grantedAt,
                outcome: .failed(retryAt: permit.grantedAt + .milliseconds(200)), calls: 0)
        }
        return takeComparison(permit)
    }

    private func takeComparison(_ permit: CallPermit) -> PassJob? {
        guard let index = nextComparison else { return nil }
        let number = comparisons.remove(at: index)
        comparing.insert(number)
        isTurnOfComparisons = false
        return job(number, permit, .compare)
    }

    /// The first one whose user no pass is looking at.
    private var nextComparison: Int? {
        comparisons.firstIndex { !schedule.isTaken($0) && !comparing.contains($0) }
    }

    private func job(_ number: UserNumber, _ permit: CallPermit, _ mode: PassJob.Mode) -> PassJob {
        sequence += 1
        running += 1
        let digest = digests[Int(number)]
        // A comparison doubts the mirror, and the digest is what the mirror was once made of.
        let isKnown = digest != .none && mode == .store
        return PassJob(
            number: number, user: roster.id(of: number), digest: isKnown ? digest : nil,
            turn: .permitted(permit), mode: mode, startedAt: permit.grantedAt, sequence: sequence,
            isFirst: digest == .none && schedule.lastPull(of: number) == nil,
            isProbe: health.isStopped,
            hasEdits: mode == .store && outbox[number] != nil,
            mayPush: mode == .store && mayPush(number, now: permit.grantedAt),
            paused: outbox[number]?.pausedEdits(at: permit.grantedAt) ?? [],
            policy: settings.pushPolicy, others: mirrored - (digest == .none ? 0 : 1))
    }

    private nonisolated func perform(_ job: PassJob) async {
        var calls = 0
        let outcome = await pass.run(job, calls: &calls)
        await finish(job, outcome, calls: calls)
    }
}
