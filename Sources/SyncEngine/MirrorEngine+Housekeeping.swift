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
    /// How often what hints have taught is written.
    private static let learning = Duration.seconds(600)

    /// Runs until the engine stops.
    func keepHouse() async {
        var lastReport = parts.time.now()
        var nextStatistics = parts.time.now() + Self.statistics
        var nextPruning = parts.time.now() + Self.pruning
        var nextLearning = parts.time.now() + Self.learning
        var clockWatch = ClockWatch()
        var calendar = CalendarWatch(now: parts.time.now(), wall: parts.time.wallTime())
        await look()
        while !isStopping {
            try? await parts.time.sleep(for: Self.pollInterval)
            comparisons.addSecondLooks(now: parts.time.now())
            wakeDispatcher()
            await look()
            await findLostEvidence()
            if let event = clockWatch.look(parts.cloud.clockOffset) { parts.log(event) }
            let now = parts.time.now()
            if cloud.takeNews() || now >= lastReport + Self.report {
                await commits.flush(
                    requests.takeProgress().map(StoreEntry.progress) + entries(of: await state()))
                lastReport = now
            }
            if now >= nextStatistics {
                await logStatistics()
                nextStatistics = now + Self.statistics
            }
            if now >= nextLearning {
                await commits.flush(learned)
                nextLearning = now + Self.learning
            }
            if now >= nextPruning {
                if calendar.isSteady(now: now, wall: parts.time.wallTime()) { await prune() }
                nextPruning = parts.time.now() + Self.pruning
            }
        }
    }

    /// Writes the final numbers, when no pass runs any more.
    func finishKeeping() async {
        await logStatistics()
        var state = await state()
        // Why it cannot go on must be there to be read.
        if !isRefusedFromTheStart { state.cloud = "stopped" }
        await commits.flush(
            requests.takeProgress().map(StoreEntry.progress) + entries(of: state) + learned,
            all: true)
    }

    private var learned: [StoreEntry] { schedule.presenceRecord.map { [.presence($0)] } ?? [] }

    /// A command that serves its own request is no daemon, and leaves no trace of one.
    private func entries(of state: DaemonState) -> [StoreEntry] {
        settings.mode.isReported ? [.daemon(state)] : []
    }

    /// Takes in what other processes have written. What cannot be read is read at the next poll:
    /// the store says only once that there is something to be read.
    private func look() async {
        do {
            if try await parts.store.wasWrittenByOthers() { watch.mustLook = true }
            guard watch.mustLook else { return }
            if !watch.isOutboxOpen { try await openOutbox() }
            await updateRequests(try await parts.store.openRequests())
            try await takeOutboxChanges()
            for user in await deletionHolds.readHolds(try await parts.store.holds()) {
                schedule.nudge(user)
            }
            watch.mustLook = false
        } catch {
            // Commits report a store that is not well.
        }
    }

    /// Takes in what the mirror shows of users whose evidence was lost.
    private func findLostEvidence() async {
        guard let range = lostEvidence?.users else {
            lostEvidence = nil
            return
        }
        let since = parts.time.wallTime() + (.zero - LostEvidence.window)
        guard let recent = try? await parts.store.recentChanges(of: range, since: since) else {
            return
        }
        for user in range { schedule.assume(recent: recent[user, default: 0], of: user) }
        lostEvidence?.advance()
    }

    private func state() async -> DaemonState {
        let now = parts.time.now()
        let wall = parts.time.wallTime()
        let counted = parts.counters.totals
        var state = DaemonState(
            version: settings.version, pid: settings.pid, startedAt: wall + (startedAt - now),
            at: wall)
        let cloud = cloud.shown
        state.cloud = cloud.word
        state.cloudCode = cloud.code
        state.cloudProblem = parts.log.redactor.clean(cloud.problem)
        state.callsPerSecond = Double(parts.counters.lastSecond(at: now))
        state.allowed = await parts.gate.allowed(.getContactGroup)
        state.calls = counted.sent
        state.throttled = counted.throttled
        state.passes = totals.passes
        state.changes = totals.changes
        state.lastRound = lastRound
        schedule.callsPerSecond = Double(state.allowed)
        state.price = schedule.price
        state.sweep = schedule.sweep
        state.limit = schedule.limit
        state.expectedFresh = forecast?.fresh
        return state
    }
}

/// Notices when this machine's clock begins to differ from the cloud's, and when it no longer does.
struct ClockWatch: Sendable {
    /// By how much it was off when that was logged last; nil while it is right.
    private var logged: Duration?

    /// - Parameter offset: nil while the clocks agree.
    /// - Returns: what is to be logged.
    mutating func look(_ offset: Duration?) -> Event? {
        defer { logged = offset }
        return switch (logged, offset) {
        case (nil, let offset?): .clockOff(offset: offset)
        case (let before?, nil): .clockRight(before: before)
        default: nil
        }
    }
}
