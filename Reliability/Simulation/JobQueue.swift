import ChatEmulator

// Swift's concurrency on one thread: every job of every task of a world comes here, since actors
// without an executor of their own follow the task's preference, and so do child tasks. When no job
// is ready, the clock wakes whoever sleeps shortest.

/// Runs the jobs of one world, one after another.
final class JobQueue: TaskExecutor, @unchecked Sendable {
    private var ready: [UnownedJob] = []
    private var next = 0
    /// nil: in the order in which they come.
    private var random: SplitMix?

    /// Jobs at one moment of the virtual clock, above which a world is taken to run in circles.
    private static let most = 3_000_000

    /// - Parameter shuffle: a seed; then any ready job may be next. Swift promises no order between
    ///   tasks, so both ways are true to it.
    init(shuffle: UInt64?) {
        random = shuffle.map(SplitMix.init(seed:))
    }

    func enqueue(_ job: consuming ExecutorJob) {
        ready.append(UnownedJob(job))
    }

    /// Runs until `isDone`; false when nothing can run any more though it is not done.
    func run(_ clock: VirtualClock, until isDone: () -> Bool) -> Bool {
        var inARow = 0
        while !isDone() {
            if let job = take() {
                inARow += 1
                guard inARow < Self.most else { return false }
                job.runSynchronously(on: asUnownedTaskExecutor())
            } else {
                inARow = 0
                guard clock.wakeNext() else { return false }
            }
        }
        return true
    }

    private func take() -> UnownedJob? {
        guard next < ready.count else { return nil }
        if var random {
            ready.swapAt(next, Int.random(in: next..<ready.count, using: &random))
            self.random = random
        }
        let job = ready[next]
        next += 1
        if next > 256, next * 2 > ready.count {
            ready.removeFirst(next)
            next = 0
        }
        return job
    }
}
