import CLinux
import ChatModel
import Foundation
import Glibc
import Synchronization

// Waking a thread costs more than a call (Decisions/0015), so everything of the daemon but SQLite and the log runs on
// one: the jobs of Swift's tasks, their timers, and libcurl, which has the sockets.
//
// A task with this executor preference runs here, and so do its child tasks and every actor that it calls. What leaves
// the loop: `Task {}` and `Task.detached` without the preference, and `onCancel`. An actor that such a task holds would
// run the loop's jobs on that task's thread.

/// One thread for jobs, timers and a guest with sockets of its own.
package final class Loop: TaskExecutor, @unchecked Sendable {
    // Of the loop's thread alone.
    private var ready: [UnownedJob] = []
    private var generation: [UnownedJob] = []
    private var timers = Timers()
    private var guest: (any LoopGuest)?

    private let inbox = Mutex(Inbox())
    private let thread = Atomic<Int32>(0)
    private let blocks = Atomic<Int>(0)
    private let alarm = Alarm()
    private let onBlock: Mutex<(@Sendable (Duration) -> Void)?> = Mutex(nil)
    /// Timers go off at multiples of it.
    private let tick: Duration

    /// What other threads leave.
    private struct Inbox {
        var jobs: [UnownedJob] = []
        var bodies: [@Sendable () -> Void] = []
        /// Whether the loop looks here before it sleeps.
        var isAwake = true
        var isEnding = false
        var hasEnded = false
    }

    /// A job that takes longer keeps the others waiting too long.
    package static let block = Duration.milliseconds(50)
    /// The longest sleep: for what only libcurl knows of.
    private static let longestSleep: Int32 = 1000

    /// - Parameter tick: sleeping tasks are woken at multiples of it, together; zero for at once.
    package init(tick: Duration = .zero) {
        self.tick = tick
        let thread = Thread { [self] in run() }
        // The store looks for this name (`SQLiteMirror`).
        thread.name = "loop"
        thread.start()
    }

    /// Whether the caller runs on the loop. By the kernel's number: that of the thread library may be kept over an
    /// `await`.
    package var isHere: Bool { gm_thread_id() == thread.load(ordering: .relaxed) }

    /// Jobs that took over 50 ms.
    package var blocked: Int { blocks.load(ordering: .relaxed) }

    /// Has `body` called, on the loop, with the length of each job that took over 50 ms.
    package func whenBlocked(_ body: @escaping @Sendable (Duration) -> Void) {
        onBlock.withLock { $0 = body }
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if isHere { return ready.append(job) }
        let hasEnded = leave { inbox in
            guard !inbox.hasEnded else { return true }
            inbox.jobs.append(job)
            return false
        }
        // Nothing is lost: what is left to do then is done on another thread.
        if hasEnded {
            let executor = asUnownedTaskExecutor()
            DispatchQueue.global().async { job.runSynchronously(on: executor) }
        }
    }

    /// Runs `body` on the loop: at once when this is it, else soon.
    package func perform(_ body: @escaping @Sendable () -> Void) {
        if isHere { return body() }
        let hasEnded = leave { inbox in
            guard !inbox.hasEnded else { return true }
            inbox.bodies.append(body)
            return false
        }
        if hasEnded { body() }
    }

    /// Runs `body` and its child tasks on the loop. A preference alone would not do: a task that has it calls an actor
    /// that is free on the thread where it happens to be.
    package func run<Value: Sendable>(_ body: @escaping @Sendable () async -> Value) async -> Value
    {
        await Task(executorPreference: self) { await body() }.value
    }

    /// Looks after a guest from now on, until it is idle when the loop ends. On the loop.
    package func host(_ guest: (any LoopGuest)?) {
        precondition(isHere, "the guest is the loop's alone")
        self.guest = guest
    }

    /// Ends the thread once nothing is left to do.
    package func end() {
        leave { $0.isEnding = true }
    }

    /// Waits until `deadline`, or longer by less than a tick.
    /// - Throws: `CancellationError` when the task is cancelled first.
    package func sleep(until deadline: MonotonicTime) async throws {
        try Task.checkCancellation()
        let sleeper = Sleeper(at: roundedUp(deadline))
        await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                perform { self.timers.add(sleeper, continuation) }
            }
        } onCancel: {
            perform { sleeper.cancel() }
        }
        try Task.checkCancellation()
    }

    private func roundedUp(_ deadline: MonotonicTime) -> MonotonicTime {
        let step = tick.nanoseconds
        guard step > 0 else { return deadline }
        let over = deadline.nanoseconds % step
        return over == 0 ? deadline : MonotonicTime(nanoseconds: deadline.nanoseconds - over + step)
    }

    /// Leaves something for the loop, and wakes it if it sleeps.
    private func leave<Value>(_ body: (inout sending Inbox) -> Value) -> Value {
        let (value, mustWake) = inbox.withLock { inbox in
            let value = body(&inbox)
            defer { inbox.isAwake = true }
            return (value, !inbox.isAwake)
        }
        if mustWake { alarm.ring() }
        return value
    }

    deinit { alarm.close() }

    // MARK: The thread

    private func run() {
        thread.store(gm_thread_id(), ordering: .relaxed)
        // Foundation keeps its thread's name to itself; this one is for `top`.
        gm_name_thread("loop")
        while true {
            let isEnding = takeIn()
            timers.fire(now: Self.now)
            runGeneration()
            measured { guest?.turn(now: Self.now) }
            guard ready.isEmpty else { continue }
            if isEnding, !timers.isAwaited, guest?.isIdle ?? true, hasEnded() { break }
            sleep()
        }
    }

    /// Takes in what others have left; whether the loop is to end.
    private func takeIn() -> Bool {
        let (jobs, bodies, isEnding) = inbox.withLock { inbox in
            inbox.isAwake = true
            defer { (inbox.jobs, inbox.bodies) = ([], []) }
            return (inbox.jobs, inbox.bodies, inbox.isEnding)
        }
        ready += jobs
        for body in bodies { measured(body) }
        return isEnding
    }

    /// The jobs that are ready, not those which they make ready: sockets and timers have their turn between.
    private func runGeneration() {
        swap(&ready, &generation)
        let executor = asUnownedTaskExecutor()
        for job in generation { measured { job.runSynchronously(on: executor) } }
        generation.removeAll(keepingCapacity: true)
    }

    private func measured(_ body: () -> Void) {
        let start = Self.now
        body()
        let took = Self.now - start
        guard took > Self.block else { return }
        blocks.add(1, ordering: .relaxed)
        onBlock.withLock(\.self)?(took)
    }

    /// Until a timer is due, the guest has something to do, or another thread leaves something.
    private func sleep() {
        let isNeeded = inbox.withLock { inbox in
            guard inbox.jobs.isEmpty, inbox.bodies.isEmpty else { return false }
            inbox.isAwake = false
            return true
        }
        guard isNeeded else { return }
        var limit = Self.longestSleep
        if let next = timers.next {
            // Rounded up: a timer that is woken early would only sleep again.
            let left = (max(.zero, next - Self.now).nanoseconds + 999_999) / 1_000_000
            limit = Int32(min(Int64(limit), left))
        }
        if let guest {
            guest.wait(for: alarm.descriptor, atMost: limit)
        } else {
            alarm.wait(milliseconds: limit)
        }
        alarm.clear()
    }

    /// Whether nothing was left meanwhile; from then on nothing is.
    private func hasEnded() -> Bool {
        inbox.withLock { inbox in
            guard inbox.jobs.isEmpty, inbox.bodies.isEmpty else { return false }
            inbox.hasEnded = true
            // The kernel gives its number to another thread.
            thread.store(0, ordering: .relaxed)
            return true
        }
    }

    /// By the clock that never goes back.
    package static var now: MonotonicTime {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicTime(
            nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }
}

/// Sockets that a loop looks after. All its functions are called on the loop.
package protocol LoopGuest: AnyObject {
    /// Moves what can be moved, without waiting.
    func turn(now: MonotonicTime)
    /// Waits for its sockets, for `descriptor` to be readable, or for so many milliseconds.
    func wait(for descriptor: Int32, atMost milliseconds: Int32)
    /// Whether nothing is under way.
    var isIdle: Bool { get }
}

/// Wakes the loop from another thread.
private struct Alarm: Sendable {
    let descriptor: Int32

    init() {
        descriptor = gm_make_event()
        precondition(descriptor >= 0, "no descriptor is left for an event")
    }

    func ring() {
        var one: UInt64 = 1
        _ = write(descriptor, &one, MemoryLayout.size(ofValue: one))
    }

    func close() { _ = Glibc.close(descriptor) }

    func clear() {
        var count: UInt64 = 0
        _ = read(descriptor, &count, MemoryLayout.size(ofValue: count))
    }

    func wait(milliseconds: Int32) {
        var event = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        _ = poll(&event, 1, milliseconds)
    }
}
