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
                guard let job = nextJob(permit) else {
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
            // A command waits for those who are asked for: they need not wait for a slow call to
            // end.
            let room = settings.passesAtOnce + (isAsked ? Self.extraForAsked : 0)
            guard running < room else {
                await suspendDispatcher()
                continue
            }
            countStep()
            let isComparing = comparisons.hasNext(isBusy: schedule.isTaken)
            let due = isComparing ? now : schedule.nextDue(now: now)
            if let due, due <= now {
                if cloud.mayStart(now: now) {
                    // The name may have another address by now.
                    if cloud.health.isStopped { parts.cloud.reconnect() }
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

    private static let extraForAsked = 10

    /// Edits come first. Then users and comparisons take turns, so that comparing every user does not
    /// keep the mirror from being made.
    private func nextJob(_ permit: CallPermit) -> PassJob? {
        schedule.advance(to: permit.grantedAt)
        if comparisons.isTurn, !schedule.hasUrgent, let job = takeComparison(permit) {
            return job
        }
        while case .user(let number) = schedule.take(now: permit.grantedAt) {
            guard comparisons.isRunning(number) else {
                comparisons.userWasTaken()
                return job(number, permit, .store)
            }
            // It is being compared at this moment: one pass at a time.
            schedule.finish(
                number, at: permit.grantedAt,
                outcome: .failed(retryAt: permit.grantedAt + .milliseconds(200)), calls: 0)
        }
        return takeComparison(permit)
    }

    private func takeComparison(_ permit: CallPermit) -> PassJob? {
        comparisons.takeNext(isBusy: schedule.isTaken).map { job($0, permit, .compare) }
    }

    private nonisolated func perform(_ job: PassJob) async {
        var calls = 0
        let outcome = await pass.run(job, calls: &calls)
        await finish(job, outcome, calls: calls)
    }
}
