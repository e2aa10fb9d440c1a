import ChatModel
import EventLog
import MirrorStore
import SyncRules

// A commit with synchronous=FULL costs some milliseconds whatever it holds, so passes share them:
// the first to arrive waits a moment for others, commits for all, and tells them. The times of
// unchanged pulls ride along.

/// Groups what passes write into few commits, and outlasts a disk that is full or locked.
package actor CommitGroup {
    /// What came of a commit.
    private typealias Result = Swift.Result<CommitReport, StoreFailure>

    /// What one caller wants written, together or not at all.
    private struct Pending {
        let entries: [StoreEntry]
        let done: CheckedContinuation<Result, Never>?
    }

    private let store: any MirrorStore
    private nonisolated let time: any Timekeeper
    private let log: Log
    private var pending: [Pending] = []
    private var pulls: [UserNumber: MonotonicTime] = [:]
    private var isGathering = false
    private var isClosing = false
    private var failingSince: MonotonicTime?
    /// Moves with every try: waiting for a disk is work, and no standstill.
    private(set) var tries: UInt64 = 0

    /// How long the first entry waits for others, and how many are enough.
    static let gathering = Duration.milliseconds(25)
    static let enough = 300

    /// How long a closing program goes on trying to store what it has.
    static let lastPatience = 3

    init(store: any MirrorStore, time: any Timekeeper, log: Log) {
        self.store = store
        self.time = time
        self.log = log
    }

    /// Writes the entries in one transaction; returns when they are durable.
    @discardableResult
    func commit(_ entries: [StoreEntry]) async throws(StoreFailure) -> CommitReport {
        let result: Result
        if isGathering {
            result = await withCheckedContinuation { done in
                pending.append(Pending(entries: entries, done: done))
            }
        } else {
            isGathering = true
            pending.append(Pending(entries: entries, done: nil))
            await gather()
            isGathering = false
            let written = await write(takeBatch())
            result = written.first { $0.done == nil }?.result ?? .success(CommitReport())
        }
        return try result.get()
    }

    /// Notes an unchanged pull; written with the next commit, or by `flush`.
    func note(_ user: UserNumber, pulledAt time: MonotonicTime) {
        pulls[user] = time
    }

    /// Writes `entries` and what has been noted; waits until it is durable.
    func flush(_ entries: [StoreEntry] = []) async {
        let batch = entries.map { Pending(entries: [$0], done: nil) } + takeNotes()
        guard !batch.isEmpty else { return }
        _ = await write(batch)
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

    private func takeBatch() -> [Pending] {
        defer { pending = [] }
        return pending + takeNotes()
    }

    private func takeNotes() -> [Pending] {
        defer { pulls = [:] }
        return pulls.sorted { $0.key < $1.key }.map { user, moment in
            Pending(entries: [.unchanged(user, at: wallTime(of: moment))], done: nil)
        }
    }

    private struct Written {
        let done: CheckedContinuation<Result, Never>?
        let result: Result
    }

    /// Writes the batch, waits out a failing disk, and tells everybody who waits.
    private func write(_ batch: [Pending]) async -> [Written] {
        var failures = 0
        while true {
            tries += 1
            do {
                let report = try await store.commit(batch.flatMap(\.entries))
                noteRecovery()
                return tell(batch, .success(report))
            } catch {
                failures += 1
                if error.kind == .refused, batch.count > 1 { return await writeSingly(batch) }
                let isHopeless =
                    error.kind != .passing || (isClosing && failures >= Self.lastPatience)
                if isHopeless {
                    log(.storeFailed(problem: error.problem, retryIn: .zero))
                    return tell(batch, .failure(error))
                }
                let pause = Duration.seconds(min(30, 1 << min(failures - 1, 5)))
                failingSince = failingSince ?? time.now()
                log(.storeFailed(problem: error.problem, retryIn: pause))
                try? await time.sleep(for: isClosing ? .seconds(1) : pause)
            }
        }
    }

    /// One of them contradicts the store: the others must not suffer for it.
    private func writeSingly(_ batch: [Pending]) async -> [Written] {
        var written: [Written] = []
        for single in batch { written += await write([single]) }
        return written
    }

    private func tell(_ batch: [Pending], _ result: Result) -> [Written] {
        for single in batch { single.done?.resume(returning: result) }
        return batch.map { Written(done: $0.done, result: result) }
    }

    private func noteRecovery() {
        guard let since = failingSince else { return }
        failingSince = nil
        log(.storeRecovered(after: time.now() - since))
    }
}
