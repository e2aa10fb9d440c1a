import ChatModel
import EventLog
import MirrorStore
import SyncRules

// A commit with synchronous=FULL costs some milliseconds whatever it holds, so passes share them:
// the first to arrive waits a moment for others, commits for all, and tells them. The times of
// unchanged pulls ride along.

/// Groups what passes write into few commits, and outlasts a disk that is full or locked.
package actor CommitGroup {
    private struct Pending {
        let entry: StoreEntry
        let done: CheckedContinuation<StoreFailure?, Never>?
    }

    private let store: any MirrorStore
    private nonisolated let time: any Timekeeper
    private let log: Log
    private var pending: [Pending] = []
    private var pulls: [UserNumber: MonotonicTime] = [:]
    private var isGathering = false
    private var isClosing = false
    private var failingSince: MonotonicTime?

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

    /// Writes the entry; returns when it is durable.
    func commit(_ entry: StoreEntry) async throws(StoreFailure) {
        let failure: StoreFailure?
        if isGathering {
            failure = await withCheckedContinuation { done in
                pending.append(Pending(entry: entry, done: done))
            }
        } else {
            isGathering = true
            pending.append(Pending(entry: entry, done: nil))
            await gather()
            isGathering = false
            failure = await write(takeBatch()).first { $0.done == nil }?.failure
        }
        if let failure { throw failure }
    }

    /// Notes an unchanged pull; written with the next commit, or by `flush`.
    func note(_ user: UserNumber, pulledAt time: MonotonicTime) {
        pulls[user] = time
    }

    /// Writes `entries` and what has been noted; waits until it is durable.
    func flush(_ entries: [StoreEntry] = []) async {
        let batch = entries.map { Pending(entry: $0, done: nil) } + takeNotes()
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
            Pending(entry: .unchanged(user, at: wallTime(of: moment)), done: nil)
        }
    }

    private struct Written {
        let done: CheckedContinuation<StoreFailure?, Never>?
        let failure: StoreFailure?
    }

    /// Writes the batch, waits out a failing disk, and tells everybody who waits.
    private func write(_ batch: [Pending]) async -> [Written] {
        var tries = 0
        while true {
            do {
                try await store.commit(batch.map(\.entry))
                noteRecovery()
                return tell(batch, nil)
            } catch {
                tries += 1
                if error.kind == .refused, batch.count > 1 { return await writeSingly(batch) }
                let isHopeless = error.kind != .passing || (isClosing && tries >= Self.lastPatience)
                if isHopeless {
                    log(.storeFailed(problem: error.problem, retryIn: .zero))
                    return tell(batch, error)
                }
                let pause = Duration.seconds(min(30, 1 << min(tries - 1, 5)))
                failingSince = failingSince ?? time.now()
                log(.storeFailed(problem: error.problem, retryIn: pause))
                try? await time.sleep(for: isClosing ? .seconds(1) : pause)
            }
        }
    }

    /// One entry contradicts the store: the others must not suffer for it.
    private func writeSingly(_ batch: [Pending]) async -> [Written] {
        var written: [Written] = []
        for entry in batch { written += await write([entry]) }
        return written
    }

    private func tell(_ batch: [Pending], _ failure: StoreFailure?) -> [Written] {
        for entry in batch { entry.done?.resume(returning: failure) }
        return batch.map { Written(done: $0.done, failure: failure) }
    }

    private func noteRecovery() {
        guard let since = failingSince else { return }
        failingSince = nil
        log(.storeRecovered(after: time.now() - since))
    }
}
