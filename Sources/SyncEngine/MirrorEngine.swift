import ChatAPI
import ChatModel
import EventLog
import MirrorStore
import SyncRules

// Starts the passes of users side by side and hands the outcome of each to the values that know what
// follows: the schedule, the failing users, the requests, the outbox, the state of the cloud. One loop
// dispatches (MirrorEngine+Dispatch); a second one watches the database for what other processes want, and
// keeps the numbers (MirrorEngine+Housekeeping).

/// Mirrors all users of a list until it is drained, or serves one request.
package actor MirrorEngine {
    let parts: Parts
    var settings: Settings
    let commits: CommitGroup
    let deletionHolds: DeletionHolds
    let pass: UserPass

    // What is decided is decided by these values.
    var users: EngineUsers
    var schedule: Schedule
    var failing = FailingUsers()
    var requests = RequestBoard()
    var comparisons = ComparisonQueue()
    var outbox = OutboxTimer()
    var cloud = CloudStatus()
    var watch = OtherProcesses()
    var round: RoundWatch
    private(set) var lastRound: DaemonState.Round?
    var totals = PassTotals()
    /// Users of whom the store may hold a failure.
    var failuresInStore: Set<UserNumber>
    var lostEvidence: LostEvidence?
    /// What the schedule expects, as it was reckoned last.
    var forecast: Forecast?
    var reach = ReachWatch()
    var hints = HintTotals()

    /// Passes that have begun and not ended.
    package private(set) var running = 0
    private(set) var sequence: UInt64 = 0
    private var end: End?
    private var idleDispatcher: CheckedContinuation<Void, Never>?
    let startedAt: MonotonicTime
    private var steps: UInt64 = 0

    /// Moves with every pass and every try to write, of which there is one a second at least; what the
    /// watchdog looks at.
    package var beats: UInt64 { get async { steps + (await commits.tries) } }

    /// - Parameter book: the users to mirror, as they were read from store and list.
    package init(parts: Parts, settings: Settings, book: KnownUsers) {
        self.parts = parts
        self.settings = settings
        commits = CommitGroup(store: parts.store, time: parts.time, log: parts.log)
        deletionHolds = DeletionHolds(
            limits: settings.guardLimits,
            holds: book.holds.filter { book.listed.contains($0.key) }, time: parts.time,
            log: parts.log)
        pass = UserPass(
            pull: Pull(
                cloud: parts.cloud, cap: settings.listingCap, time: parts.time,
                chance: parts.chance),
            store: parts.store,
            commits: commits, deletionHolds: deletionHolds,
            push: Push(
                cloud: parts.cloud, store: parts.store, commits: commits,
                redactor: parts.log.redactor))
        users = EngineUsers(book)
        schedule = Schedule(
            maxStaleness: settings.maxStaleness, minInterval: settings.minInterval)
        let (now, wall) = (parts.time.now(), parts.time.wallTime())
        for (user, trouble) in book.troubles where book.listed.contains(user) {
            failing.restore(
                user, failures: trouble.failures, isParked: trouble.isParked,
                retryAt: trouble.retry(wall: wall, now: now))
        }
        failuresInStore = Set(book.troubles.keys)
        startedAt = now
        round = RoundWatch(now: now)
        if settings.mode.schedulesEverybody {
            schedule.fill(from: book, wall: wall, now: now)
        } else {
            schedule.remember(book, wall: wall, now: now)
        }
        if book.lacksEvidence { lostEvidence = LostEvidence(upTo: book.roster.highest) }
    }

    // MARK: Running

    /// Mirrors until `drain`, or until nothing more can be done.
    package func run() async -> End {
        await commits.set(maxStaleness: settings.maxStaleness)
        try? await openOutbox()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.keepHouse() }
            group.addTask { await self.dispatch() }
            await group.waitForAll()
        }
        await finishKeeping()
        return end ?? .drained
    }

    /// Lets the calls under way end, starts nothing new; `run` returns when all is stored.
    package func drain() async {
        await stop(.drained)
    }

    /// Ends because the database is no longer the one that was opened: nothing more is written to it.
    package func abandon(_ failure: StoreFailure) async {
        await stop(.storeUnusable(failure))
    }

    /// Ends the engine: no new call is made, and what has been answered is stored.
    func stop(_ reason: End) async {
        guard end == nil else { return }
        end = reason
        await commits.close()
        await parts.gate.close()
        wakeDispatcher()
    }

    var isStopping: Bool { end != nil }

    /// It ends because the cloud refuses the app, and has never accepted it.
    var isRefusedFromTheStart: Bool {
        if case .refused = end { settings.mode == .daemon } else { false }
    }

    /// Users who wait for a comparison.
    package var waitingForComparison: Int { comparisons.count }

    // MARK: Passes

    /// Makes the job of a pass that begins now.
    func job(_ number: UserNumber, _ permit: CallPermit, _ mode: PassJob.Mode) -> PassJob {
        sequence += 1
        running += 1
        let digest = users.digest(of: number)
        // A comparison doubts the mirror, and the digest is what the mirror was once made of.
        let isKnown = digest != .none && mode == .store
        let hasEdits = mode == .store && outbox.contains(number)
        return PassJob(
            number: number, user: users.id(of: number), digest: isKnown ? digest : nil,
            turn: .permitted(permit), mode: mode, startedAt: permit.grantedAt, sequence: sequence,
            isFirst: digest == .none && schedule.lastPull(of: number) == nil,
            isProbe: cloud.health.isStopped, hasEdits: hasEdits,
            mayPush: hasEdits && outbox.begin(number, now: permit.grantedAt),
            paused: outbox.pausedEdits(of: number, at: permit.grantedAt),
            policy: settings.pushPolicy, others: users.others(than: number))
    }

    /// Draws the consequences of a pass that has ended.
    func finish(_ job: PassJob, _ outcome: PassOutcome, calls: Int) async {
        running -= 1
        steps += 1
        totals.add(outcome, took: parts.time.now() - job.startedAt)
        switch outcome {
        case .unchanged: await succeeded(job, .unchanged, calls, RequestResult(.same))
        case .changed(let summary): await changed(job, summary, calls)
        case .compared(let changes): await compared(job, changes)
        case .failed(.call(let failure)): await failed(job, failure, calls)
        case .failed(.listing(let fault)):
            observe(.accepted, of: job)
            await userFailed(
                job, .backsOff, kind: "listing", code: nil, problem: fault.description, calls)
        case .storeFailed(let failure): await storeFailed(job, failure)
        }
        noteRound(job)
        wakeDispatcher()
    }

    private func noteRound(_ job: PassJob) {
        guard job.mode == .store, settings.mode.schedulesEverybody, isListed(job.number),
            !failing.isParked(job.number)
        else { return }
        let took = round.tried(
            job.number, users: schedule.count, failing: failing.count,
            parked: { failing.parked }, now: parts.time.now())
        guard let took else { return }
        lastRound = DaemonState.Round(endedAt: parts.time.wallTime(), took: took)
        parts.log(.roundDone(users: schedule.count, took: took))
    }

    /// - Parameter calls: of the pull.
    private func succeeded(
        _ job: PassJob, _ finding: PullFinding, _ calls: Int, _ result: RequestResult,
        _ push: PushSummary? = nil
    ) async {
        observe(.accepted, of: job)
        if let failures = failing.remove(job.number) {
            parts.log(.userRecovered(user: job.user.string, failures: failures))
        }
        schedule.finish(job.number, at: job.startedAt, outcome: .pulled(finding), calls: calls)
        // Before anything is awaited: the next pass of the user may begin then.
        if job.mayPush, let push { pushed(job, push) } else { serveOutbox(of: job.number) }
        await record(job)
        await settle(job, result)
    }

    /// Sees to it that the store learns of a pull: at once that a user is well again, the rest within a minute.
    private func record(_ job: PassJob) async {
        let time = commits.wallTime(of: job.startedAt)
        if let (evidence, calls) = schedule.knowledge(of: job.number) {
            await commits.note(
                PullNote(
                    user: job.number, at: time, evidence: evidence, calls: calls,
                    hasHints: schedule.hasHints(about: job.number)))
        }
        guard failuresInStore.remove(job.number) != nil else { return }
        do {
            try await commits.commit([.unchanged(job.number, at: time)])
        } catch {
            failuresInStore.insert(job.number)
        }
    }

    private func changed(_ job: PassJob, _ summary: PassSummary, _ calls: Int) async {
        users.remember(summary.digest ?? .none, of: job.number, isListed: isListed(job.number))
        let isNew = users.noteSkipped(summary.skipped, of: job.number)
        for event in summary.events(
            of: job, calls: calls, took: parts.time.now() - job.startedAt, isSkippedNew: isNew)
        {
            parts.log(event)
        }
        let outcome: RequestResult.Outcome = summary.changes > 0 ? .changed : .same
        await succeeded(
            job, summary.finding, calls - summary.pushCalls,
            RequestResult(outcome, changes: summary.changes), summary.push)
    }

    private func compared(_ job: PassJob, _ changes: [Change]) async {
        observe(.accepted, of: job)
        let counting = comparisons.found(changes, of: job.number, now: parts.time.now())
        if let counting {
            await settle(job, .compared(counting))
        } else if settings.mode.schedulesEverybody {
            // What has changed since its last pull is no drift.
            schedule.nudge(job.number)
        }
    }

    private func failed(_ job: PassJob, _ failure: CallFailure, _ calls: Int) async {
        let course = failure.userCourse
        if course == .keepsItsTurn { giveBack(job, .notTried, calls) }
        guard let observation = failure.observation else { return }
        observe(observation, of: job, failure)
        if course != .keepsItsTurn {
            await userFailed(
                job, course, kind: failure.kind.rawValue, code: failure.code,
                problem: failure.problem, calls)
        }
        let state = cloud.health.state
        if settings.mode.ends(in: state, wasEverAccepted: !settings.endsWhenRefused) {
            await stop(cloud.health.isRefused ? .refused(failure) : .unreachable(failure))
        }
    }

    /// A user's own pass failed: it backs off, or is parked.
    private func userFailed(
        _ job: PassJob, _ course: CallFailure.UserCourse, kind: String, code: Int?,
        problem: String, _ calls: Int
    ) async {
        let isParked = course == .isParked
        let (now, wall) = (parts.time.now(), parts.time.wallTime())
        let failure = failing.failed(
            job.number, startedAt: job.startedAt, isParked: isParked,
            // A reload may have taken the user out meanwhile.
            isListed: isListed(job.number), tries: requests.tries(of: job.number),
            chance: parts.chance(), now: now)
        if failure.isNewlyParked {
            parts.log(
                .userParked(user: job.user.string, code: code ?? 0, retryIn: failure.pause))
        } else if !isParked {
            parts.log(
                .passFailed(
                    user: job.user.string, reason: kind, code: code, problem: problem,
                    failures: failure.failures, retryIn: failure.pause))
        }
        giveBack(job, .failed(retryAt: now + failure.pause), calls)
        if job.mode == .store {
            failuresInStore.insert(job.number)
            _ = try? await commits.commit([
                .failed(
                    job.number,
                    UserFailure(
                        kind: kind, code: code, problem: parts.log.redactor.clean(problem),
                        failures: failure.failures, at: wall, retryAt: wall + failure.pause,
                        isParked: isParked))
            ])
        }
        await settle(job, RequestResult(isParked ? .parked : .failed, detail: problem))
    }

    private func storeFailed(_ job: PassJob, _ failure: StoreFailure) async {
        // Part of the pass may be stored: what the mirror equals is not known any more.
        users.remember(.none, of: job.number, isListed: isListed(job.number))
        giveBack(job, .failed(retryAt: parts.time.now() + .seconds(5)), 0)
        if failure.kind == .unusable { await stop(.storeUnusable(failure)) }
        await settle(job, RequestResult(.failed, detail: failure.problem))
    }

    private func giveBack(_ job: PassJob, _ outcome: Schedule.Outcome, _ calls: Int) {
        switch job.mode {
        case .store: schedule.finish(job.number, at: job.startedAt, outcome: outcome, calls: calls)
        case .compare: comparisons.failed(job.number, isToBeRepeated: outcome == .notTried)
        }
    }

    // MARK: Waiting for work

    func suspendDispatcher() async {
        await withCheckedContinuation { idleDispatcher = $0 }
    }

    /// Called for whatever may give the dispatcher work: a pass that ended, a request, the passage
    /// of time.
    func wakeDispatcher() {
        idleDispatcher.take()?.resume()
    }

    /// The dispatcher looked for work.
    func countStep() { steps += 1 }
}
