import ChatAPI
import ChatModel
import EventLog
import MirrorStore
import SyncRules

// The second loop: what other processes wrote into the database, what is to be written for them,
// and the numbers.

extension MirrorEngine {
    /// How often the database is looked at, and the dispatcher at the clock.
    static let pollInterval = Duration.milliseconds(100)
    private static let report = Duration.seconds(1)
    private static let statistics = Duration.seconds(15)
    private static let pruning = Duration.seconds(60)

    func watch() async {
        var lastReport = parts.time.now()
        var nextStatistics = parts.time.now() + Self.statistics
        var nextPruning = parts.time.now() + Self.pruning
        var calendar = CalendarWatch(now: parts.time.now(), wall: parts.time.wallTime())
        await look()
        while !isStopping {
            try? await parts.time.sleep(for: Self.pollInterval)
            if !secondLooks.isEmpty {
                comparisons.append(contentsOf: secondLooks.takeDue(now: parts.time.now()))
            }
            wakeDispatcher()
            await look()
            lookAtClock()
            let now = parts.time.now()
            if now >= lastReport + Self.report || mustReport {
                mustReport = false
                await commits.flush(takeProgress() + entries(of: await state()))
                lastReport = now
            }
            if now >= nextStatistics {
                await logStatistics()
                nextStatistics = now + Self.statistics
            }
            if now >= nextPruning {
                if calendar.isSteady(now: now, wall: parts.time.wallTime()) { await prune() }
                nextPruning = parts.time.now() + Self.pruning
            }
        }
    }

    /// The last words, when no pass runs any more.
    func finishWatching() async {
        await logStatistics()
        var state = await state()
        // Why it cannot go on must be there to be read.
        if !isRefusedFromTheStart { state.cloud = "stopped" }
        await commits.flush(takeProgress() + entries(of: state))
    }

    /// A command that serves its own request is no daemon, and leaves no trace of one.
    private func entries(of state: DaemonState) -> [StoreEntry] {
        settings.onlyRequest == nil ? [.daemon(state)] : []
    }

    /// Says when this machine's clock differs from the cloud's, and when no longer.
    private func lookAtClock() {
        let offset = parts.cloud.clockOffset
        switch (loggedClockOffset, offset) {
        case (nil, let offset?): parts.log(.clockOff(offset: offset))
        case (let before?, nil): parts.log(.clockRight(before: before))
        default: break
        }
        loggedClockOffset = offset
    }

    /// Takes in what other processes have written. What cannot be read is read at the next poll:
    /// the news that there is something to be read come only once.
    private func look() async {
        do {
            if try await parts.store.wasWrittenByOthers() { mustLook = true }
            guard mustLook else { return }
            if !isOutboxOpen { try await openOutbox() }
            await take(try await parts.store.openRequests())
            try await takeNews()
            for user in await deletionHolds.take(try await parts.store.holds()) {
                schedule.nudge(user)
            }
            mustLook = false
        } catch {
            // Commits report a store that is not well.
        }
    }

    private func state() async -> DaemonState {
        let now = parts.time.now()
        let wall = parts.time.wallTime()
        let counted = parts.counters.totals
        var state = DaemonState(
            version: settings.version, pid: settings.pid, startedAt: wall + (startedAt - now),
            at: wall)
        let cloud = cloudState
        state.cloud = cloud.word
        state.cloudCode = cloud.code
        state.cloudProblem = parts.log.redactor.clean(cloud.problem)
        state.callsPerSecond = Double(parts.counters.lastSecond(at: now))
        state.allowed = await parts.gate.allowed(.getContactGroup)
        state.calls = counted.sent
        state.throttled = counted.throttled
        state.passes = totals.passes
        state.changes = totals.changes
        return state
    }
}
