import ChatModel
import EventLog
import MirrorStore
import SyncRules

// A commit with synchronous=FULL costs some milliseconds whatever it holds, so passes share them:
// the first to arrive waits a moment for others, commits for all, and gives each the result. What pulls found
// out about their users rides along once in a while.
//
// Entries are written in the order in which they came, also when the disk fails for a while: a pull removes
// the user's failure, and must not remove a later one.

/// Groups what passes write into few commits, and outlasts a disk that is full or locked.
package actor CommitGroup {
    /// What came of a commit.
    private typealias Result = Swift.Result<CommitReport, StoreFailure>

    /// Entries to be written together or not at all, and the task that waits for them. The caller that
    /// writes for all finds its own by its place.
    private struct Pending {
        let entries: [StoreEntry]
        let done: CheckedContinuation<Result, Never>?
    }

    private let store: any MirrorStore
    private nonisolated let time: any Timekeeper
    private let log: Log
    private var pending: [Pending] = []
    private var pulls = PullLedger()
    private var isGathering = false
    private var isWriting = false
    /// Callers that write once the one before them has written.
    private var turns: [CheckedContinuation<Void, Never>] = []
    private var isClosing = false
    private var failingSince: MonotonicTime?
    /// What the store failed with last, while it fails.
    private(set) var problem: String?
    /// Counts every try to write: waiting for a disk is not a standstill.
    private(set) var tries: UInt64 = 0

    /// How long the first entry waits for others, and how many are enough.
    static let gathering = Duration.milliseconds(25)
    static let enough = 300

    /// How long a program that is closing tries to store what it has.
    static let lastPatience = 3

    package init(store: any MirrorStore, time: any Timekeeper, log: Log) {
        self.store = store
        self.time = time
        self.log = log
    }

    /// Writes the entries in one transaction; returns when they are durable.
    @discardableResult
    package func commit(_ entries: [StoreEntry]) async throws(StoreFailure) -> CommitReport {
        addDuePulls()
        let result: Result
        if isGathering {
            result = await withCheckedContinuation { done in
                pending.append(Pending(entries: entries, done: done))
            }
        } else {
            isGathering = true
            let place = pending.count
            pending.append(Pending(entries: entries, done: nil))
            await gather()
            await takeTurn()
            isGathering = false
            addDuePulls()
            let batch = pending
            pending = []
            result = await write(batch)[place]
            endTurn()
        }
        return try result.get()
    }

    /// Notes a pull, to be written within a minute, with a commit or by `flush`.
    package func note(_ pull: PullNote) { pulls.add(pull, now: time.now()) }

    /// Takes in how old a copy may become: notes must not wait for so long that it looks older.
    package func set(maxStaleness: Duration) { pulls.set(maxStaleness: maxStaleness) }

    /// Writes `entries`, each for itself, and the notes that are due; waits until it is durable.
    /// - Parameter all: all notes, due or not.
    package func flush(_ entries: [StoreEntry] = [], all: Bool = false) async {
        if all, !pulls.isEmpty { add([.pulls(pulls.takeAll())]) }
        for entry in entries { add([entry]) }
        guard !pending.isEmpty || pulls.isDue(now: time.now()) else { return }
        _ = try? await commit([])
    }

    /// Writes the note of one user, if there is one, and `entries`.
    package func commit(_ entries: [StoreEntry], withPullOf user: UserNumber) async {
        let note = pulls.take(user).map(StoreEntry.pulls)
        _ = try? await commit([note].compactMap(\.self) + entries)
    }

    /// From now on a store that fails is not waited for much longer.
    func close() {
        isClosing = true
    }

    /// The calendar's time of a point on the clock of this process.
    nonisolated func wallTime(of moment: MonotonicTime) -> WallTime {
        time.wallTime() + (moment - time.now())
    }

    /// The calendar's time now.
    nonisolated var wallNow: WallTime { time.wallTime() }

    private func gather() async {
        let end = time.now() + Self.gathering
        while pending.count < Self.enough, time.now() < end {
            try? await time.sleep(until: min(end, time.now() + .milliseconds(5)))
        }
    }

    private func addDuePulls() {
        if pulls.isDue(now: time.now()) { add([.pulls(pulls.takeAll())]) }
    }

    /// Adds entries that no task waits for.
    private func add(_ entries: [StoreEntry]) {
        pending.append(Pending(entries: entries, done: nil))
    }

    private func takeTurn() async {
        guard isWriting else {
            isWriting = true
            return
        }
        await withCheckedContinuation { turns.append($0) }
    }

    private func endTurn() {
        if turns.isEmpty { isWriting = false } else { turns.removeFirst().resume() }
    }

    /// Writes the batch, waits out a failing disk, and gives each waiting task its result.
    private func write(_ batch: [Pending]) async -> [Result] {
        var failures = 0
        while true {
            tries += 1
            do {
                let report = try await store.commit(batch.flatMap(\.entries))
                noteRecovery()
                return deliver(batch, .success(report))
            } catch {
                failures += 1
                if error.kind == .refused, batch.count > 1 { return await writeSingly(batch) }
                let isHopeless =
                    error.kind != .passing || (isClosing && failures >= Self.lastPatience)
                if isHopeless {
                    log(.storeFailed(problem: error.problem, retryIn: .zero))
                    return deliver(batch, .failure(error))
                }
                let pause = Duration.seconds(min(30, 1 << min(failures - 1, 5)))
                failingSince = failingSince ?? time.now()
                problem = error.problem
                log(.storeFailed(problem: error.problem, retryIn: pause))
                try? await time.sleep(for: isClosing ? .seconds(1) : pause)
            }
        }
    }

    /// One entry contradicts the store: the others are written without it.
    private func writeSingly(_ batch: [Pending]) async -> [Result] {
        var results: [Result] = []
        for single in batch { results += await write([single]) }
        return results
    }

    private func deliver(_ batch: [Pending], _ result: Result) -> [Result] {
        for single in batch { single.done?.resume(returning: result) }
        return batch.map { _ in result }
    }

    private func noteRecovery() {
        guard let since = failingSince else { return }
        failingSince = nil
        problem = nil
        log(.storeRecovered(after: time.now() - since))
    }
}
