import ChatModel
import Dispatch
import Synchronization

// Without an executor of its own a test's clock could only guess when everybody has come to rest:
// beside a busy neighbour it ran ahead of the disk, and what took a second took a minute.

/// A clock for tests: nobody waits. What `run` is given runs with all its tasks on one thread, one
/// job after another; when none is left, whoever sleeps shortest is woken, and the time is then the
/// end of that sleep.
package final class TestClock: Timekeeper, TaskExecutor {
    fileprivate struct Sleeper {
        let number: Int
        let deadline: MonotonicTime
        let wake: UnsafeContinuation<Void, Never>
    }

    fileprivate struct State {
        var now = MonotonicTime.zero
        var wallOffset: Int64
        /// Jobs that wait for the thread or have it.
        var jobs = 0
        var sleepers: [Sleeper] = []
        var lastNumber = 0
        /// Sleeps that were called off before they began.
        var calledOff: Set<Int> = []
    }

    /// All clocks share two threads: a hundred tests at once would leave nothing of the machine to
    /// the tests of real processes.
    private static let threads = (1...2).map { DispatchQueue(label: "clocks of tests \($0)") }
    private static let clocks = Atomic(0)

    private let thread: DispatchQueue
    private let state: Mutex<State>

    /// - Parameter wall: the calendar's time when the clock starts.
    package init(wall: WallTime = WallTime(seconds: 1_767_300_000)) {
        let number = Self.clocks.add(1, ordering: .relaxed).oldValue
        thread = Self.threads[number % Self.threads.count]
        state = Mutex(State(wallOffset: wall.milliseconds))
    }

    /// Runs `body` and its child tasks by this clock. Who sleeps on it must be among them.
    package func run<Value, Failure: Error>(_ body: () async throws(Failure) -> Value)
        async throws(Failure) -> Value
    {
        try await withTaskExecutorPreference(self, operation: body)
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        state.withLock { $0.jobs += 1 }
        thread.async { [self] in
            job.runSynchronously(on: asUnownedTaskExecutor())
            state.withLock { $0.endJob() }?.resume()
        }
    }

    package func now() -> MonotonicTime { state.withLock { $0.now } }

    package func wallTime() -> WallTime {
        state.withLock {
            WallTime(milliseconds: $0.wallOffset + $0.now.nanoseconds / 1_000_000)
        }
    }

    /// Moves the calendar without moving the clock, as an operator or NTP does.
    package func setBack(by span: Duration) {
        state.withLock { $0.wallOffset -= span.milliseconds }
    }

    /// Lets time pass though nobody sleeps.
    package func advance(by span: Duration) {
        state.withLock { $0.now = $0.now + span }
    }

    package func sleep(until deadline: MonotonicTime) async throws {
        let isMine = withUnsafeCurrentTask { task in
            task?.unownedTaskExecutor == asUnownedTaskExecutor()
        }
        precondition(isMine, "who sleeps on a test's clock must run by it: clock.run { … }")
        try Task.checkCancellation()
        let number = state.withLock { state in
            state.lastNumber += 1
            return state.lastNumber
        }
        await withTaskCancellationHandler {
            await withUnsafeContinuation { wake in
                let sleeper = Sleeper(number: number, deadline: deadline, wake: wake)
                if !state.withLock({ $0.begin(sleeper) }) { wake.resume() }
            }
        } onCancel: {
            state.withLock { $0.callOff(number) }?.resume()
        }
        try Task.checkCancellation()
    }
}

extension TestClock.State {
    /// Whom to wake, when everybody has come to rest.
    fileprivate mutating func endJob() -> UnsafeContinuation<Void, Never>? {
        jobs -= 1
        let next = sleepers.indices.min {
            (sleepers[$0].deadline, sleepers[$0].number)
                < (sleepers[$1].deadline, sleepers[$1].number)
        }
        guard jobs == 0, let next else { return nil }
        let sleeper = sleepers.remove(at: next)
        now = max(now, sleeper.deadline)
        return sleeper.wake
    }

    /// False when the sleep was called off already.
    fileprivate mutating func begin(_ sleeper: TestClock.Sleeper) -> Bool {
        guard calledOff.remove(sleeper.number) == nil else { return false }
        sleepers.append(sleeper)
        return true
    }

    fileprivate mutating func callOff(_ number: Int) -> UnsafeContinuation<Void, Never>? {
        guard let index = sleepers.firstIndex(where: { $0.number == number }) else {
            calledOff.insert(number)
            return nil
        }
        return sleepers.remove(at: index).wake
    }
}
