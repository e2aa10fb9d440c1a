import ChatAPI
import ChatModel
import DequeModule
import EventLog
import MirrorStore
import SyncRules

// Decides who is pulled and when, runs the passes side by side, and draws the consequence of each
// outcome. One loop dispatches (MirrorEngine+Dispatch); a second one watches the database for
// requests and decisions, and keeps the numbers (MirrorEngine+Watch).

/// The daemon's heart: mirrors all users of a roster until it is drained.
package actor MirrorEngine {
    let parts: Parts
    var settings: Settings
    let commits: CommitGroup
    let deletionHolds: DeletionHolds
    let pass: UserPass

    var roster: UserIDTable
    /// When only a request is served: who is in the list.
    let listedOnly: UserSet
    var schedule: Schedule
    /// By user number: of the listing that the mirror equals.
    var digests: [Digest]
    /// Listed users with a digest: those whose mirror holds something, but for some at work.
    var mirrored = 0
    /// Users whose last pass failed.
    var troubles: [UserNumber: Troubled]
    var requests: [ActiveRequest] = []
    /// Requests that are done, which the database does not say yet.
    var finishing: Set<Int64> = []
    var comparisons: Deque<UserNumber> = []
    var secondLooks = SecondLooks()
    var isTurnOfComparisons = false
    var comparing: Set<UserNumber> = []
    /// Users with open edits that the engine can do something about.
    var outbox: [UserNumber: OutboxUser] = [:]
    /// The last of the outbox's news that was taken in.
    var lastNews: Int64 = 0
    /// What an earlier process left in the outbox has been taken in.
    var isOutboxOpen = false
    /// Other processes have written something that was not read yet.
    var mustLook = true
    /// Set when what `status` tells of the cloud has changed: it is written at the next poll.
    var mustReport = false

    var health = CloudHealth()
    var lastFailure: CallFailure?
    package internal(set) var running = 0
    var sequence: UInt64 = 0
    private var end: End?
    var idleDispatcher: CheckedContinuation<Void, Never>?
    var totals = Totals()
    var round: RoundWatch
    /// Users whose last listing had conversations of an unknown type, and how many.
    private var skipped: [UserNumber: Int] = [:]
    /// By how much the clock was off when that was logged last; nil while it is right.
    var loggedClockOffset: Duration?
    let startedAt: MonotonicTime
    var steps: UInt64 = 0
    /// Moves with every pass and every try to write, of which there is one a second at least; what the
    /// watchdog looks at.
    package var beats: UInt64 { get async { steps + (await commits.tries) } }

    struct Troubled: Sendable {
        /// Passes that failed in a row, those not counted that somebody asked for before the
        /// back-off was over: neither scripts that queue edits nor restarts must drive the user into a
        /// long one.
        var failures: Int
        var isParked: Bool
        /// When the back-off is over.
        var retryAt: MonotonicTime
    }

    struct Totals: Sendable {
        var passes = 0
        var unchanged = 0
        var changes = 0
        var editsApplied = 0
        var editsRejected = 0
        /// How long passes took.
        var took = Histogram()
    }

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
        roster = book.roster
        listedOnly = settings.onlyRequest == nil ? UserSet() : book.listed
        digests = book.digests
        mirrored = Self.mirrored(book.digests, book.listed)
        // Of those that are not in the list any more nobody will know better.
        let (now, wall) = (parts.time.now(), parts.time.wallTime())
        troubles = book.troubles.filter { book.listed.contains($0.key) }.mapValues {
            Troubled(
                failures: $0.failures, isParked: $0.isParked,
                retryAt: $0.retry(wall: wall, now: now))
        }
        schedule = Schedule(maxStaleness: settings.maxStaleness)
        startedAt = now
        round = RoundWatch(now: now)
        if settings.onlyRequest == nil { schedule.fill(from: book, wall: wall, now: now) }
    }

    // MARK: Running

    /// Mirrors until `drain`, or until nothing more can be done.
    package func run() async -> End {
        try? await openOutbox()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.watch() }
            group.addTask { await self.dispatch() }
            await group.waitForAll()
        }
        await finishWatching()
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
        if case .refused = end { settings.onlyRequest == nil } else { false }
    }

    private func remember(_ digest: Digest, of user: UserNumber) {
        if isListed(user) {
            mirrored += (digest == .none ? 0 : 1) - (digests[Int(user)] == .none ? 0 : 1)
        }
        digests[Int(user)] = digest
    }

    /// Users of the list with a digest.
    static func mirrored(_ digests: [Digest], _ listed: UserSet) -> Int {
        digests.indices.count { digests[$0] != .none && listed.contains(UserNumber($0)) }
    }

    // MARK: What follows from a pass

    func finish(_ job: PassJob, _ outcome: PassOutcome, calls: Int) async {
        running -= 1
        totals.passes += 1
        steps += 1
        totals.took.add(parts.time.now() - job.startedAt)
        switch outcome {
        case .unchanged:
            totals.unchanged += 1
            await succeeded(job, calls, RequestResult(.same))
        case .changed(let summary): await changed(job, summary, calls)
        case .compared(let changes):
            observe(.accepted, of: job)
            comparing.remove(job.number)
            let counting = secondLooks.take(changes, of: job.number, now: parts.time.now())
            if let counting {
                await settle(job, .compared(counting))
            } else if settings.onlyRequest == nil {
                // What has changed since its last pull is no drift.
                schedule.nudge(job.number)
            }
        case .failed(.call(let failure)): await failed(job, failure, calls)
        case .failed(.listing(let fault)):
            observe(.accepted, of: job)
            await trouble(job, kind: "listing", code: nil, problem: fault.description, calls)
        case .storeFailed(let failure): await storeFailed(job, failure)
        }
        noteRound(job)
        wakeDispatcher()
    }

    private func noteRound(_ job: PassJob) {
        guard job.mode == .store, settings.onlyRequest == nil, isListed(job.number),
            troubles[job.number]?.isParked != true
        else { return }
        let took = round.tried(
            job.number, users: schedule.count, failing: troubles.count,
            parked: { troubles.values.count(where: \.isParked) }, now: parts.time.now())
        if let took { parts.log(.roundDone(users: schedule.count, took: took)) }
    }

    private func noteSkipped(_ job: PassJob, _ count: Int) {
        guard skipped[job.number, default: 0] != count else { return }
        skipped[job.number] = count == 0 ? nil : count
        if count > 0 {
            parts.log(.conversationsSkipped(user: job.user.string, conversations: count))
        }
    }

    private func succeeded(
        _ job: PassJob, _ calls: Int, _ result: RequestResult, _ push: PushSummary? = nil
    ) async {
        observe(.accepted, of: job)
        if let before = troubles.removeValue(forKey: job.number) {
            parts.log(.userRecovered(user: job.user.string, failures: before.failures))
        }
        schedule.finish(job.number, at: job.startedAt, outcome: .pulled, calls: calls)
        // Before anything is waited for: the next pass of the user may begin then.
        if job.mayPush, let push { pushed(job, push) } else { serveOutbox(of: job.number) }
        await settle(job, result)
    }

    private func changed(_ job: PassJob, _ summary: PassSummary, _ calls: Int) async {
        totals.changes += summary.changes
        remember(summary.digest ?? .none, of: job.number)
        if !summary.dangling.isEmpty {
            parts.log(
                .referenceDangling(
                    user: job.user.string,
                    groups: summary.dangling.map(\.description).joined(separator: ",")))
        }
        noteSkipped(job, summary.skipped)
        if summary.changes > 0 || job.isFirst {
            parts.log(
                .passChanged(
                    user: job.user.string, changes: summary.changes,
                    conversations: summary.conversations, groups: summary.groups, calls: calls,
                    took: parts.time.now() - job.startedAt, first: job.isFirst))
        }
        let outcome: RequestResult.Outcome = summary.changes > 0 ? .changed : .same
        await succeeded(
            job, calls, RequestResult(outcome, changes: summary.changes), summary.push)
    }

    private func failed(_ job: PassJob, _ failure: CallFailure, _ calls: Int) async {
        switch failure.kind {
        case .stopping:
            giveBack(job, .notTried, calls)
        case .refusedApp:
            giveBack(job, .notTried, calls)
            observe(.refused(code: failure.code ?? 0), of: job, failure)
            if settings.onlyRequest != nil || settings.endsWhenRefused {
                await stop(.refused(failure))
            }
        case .clockOff:
            giveBack(job, .notTried, calls)
            observe(.clockOff(code: failure.code ?? 0), of: job, failure)
            if settings.onlyRequest != nil { await stop(.unreachable(failure)) }
        case .notImported:
            observe(.accepted, of: job)
            await trouble(
                job, kind: failure.kind.rawValue, code: failure.code, problem: failure.problem,
                calls, isParked: true)
        case .transient, .throttled, .signature, .rejected, .stale:
            observe(failure.isWithoutAnswer ? .noAnswer : .accepted, of: job, failure)
            await trouble(
                job, kind: failure.kind.rawValue, code: failure.code, problem: failure.problem,
                calls)
            if settings.onlyRequest != nil, health.state == .unreachable {
                await stop(.unreachable(failure))
            }
        }
    }

    /// A user whose pass failed: it backs off, or is parked.
    private func trouble(
        _ job: PassJob, kind: String, code: Int?, problem: String, _ calls: Int,
        isParked: Bool = false
    ) async {
        let before = troubles[job.number]
        let isEarly = before.map { job.startedAt < $0.retryAt } ?? false
        let failures = (before?.failures ?? 0) + (isEarly ? 0 : 1)
        // Somebody who waits for this user waits for a few tries, not for a long back-off.
        let counted = triesOfRequests(job.number).map { min($0 + 1, failures) } ?? failures
        let pause =
            isParked
            ? BackOff.parked : BackOff.delay(afterFailures: counted, chance: parts.chance())
        let now = parts.time.now()
        // A reload may have taken the user out meanwhile.
        if isListed(job.number) {
            troubles[job.number] = Troubled(
                failures: failures, isParked: isParked, retryAt: now + pause)
        }
        if isParked {
            if before?.isParked != true {
                parts.log(.userParked(user: job.user.string, code: code ?? 0, retryIn: pause))
            }
        } else {
            parts.log(
                .passFailed(
                    user: job.user.string, reason: kind, code: code, problem: problem,
                    failures: failures, retryIn: pause))
        }
        giveBack(job, .failed(retryAt: now + pause), calls)
        let wall = parts.time.wallTime()
        if job.mode == .store {
            _ = try? await commits.commit([
                .failed(
                    job.number,
                    UserFailure(
                        kind: kind, code: code, problem: parts.log.redactor.clean(problem),
                        failures: failures, at: wall, retryAt: wall + pause, isParked: isParked))
            ])
        }
        await settle(
            job, RequestResult(isParked ? .parked : .failed, detail: problem))
    }

    private func storeFailed(_ job: PassJob, _ failure: StoreFailure) async {
        // Part of the pass may be stored: what the mirror equals is not known any more.
        remember(.none, of: job.number)
        giveBack(job, .failed(retryAt: parts.time.now() + .seconds(5)), 0)
        if failure.kind == .unusable { await stop(.storeUnusable(failure)) }
        await settle(job, RequestResult(.failed, detail: failure.problem))
    }

    private func giveBack(_ job: PassJob, _ outcome: Schedule.Outcome, _ calls: Int) {
        switch job.mode {
        case .store: schedule.finish(job.number, at: job.startedAt, outcome: outcome, calls: calls)
        case .compare:
            comparing.remove(job.number)
            if outcome == .notTried { comparisons.append(job.number) }
        }
    }
}
