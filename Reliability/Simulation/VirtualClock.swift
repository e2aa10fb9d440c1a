import ChatModel

/// The time of a world: it stands still while anything runs, and goes to the earliest deadline when
/// nothing can.
final class VirtualClock: Timekeeper, @unchecked Sendable {
    private struct Sleeper {
        let deadline: MonotonicTime
        let number: Int
        let owner: ObjectIdentifier?
        let wake: UnsafeContinuation<Void, Never>
    }

    private(set) var time = MonotonicTime.zero
    /// The calendar when the world began.
    private let origin = WallTime(seconds: 1_790_000_000)
    /// Latest first: the next to wake is the last.
    private var sleepers: [Sleeper] = []
    private var count = 0
    private var cancelled: Set<Int> = []

    func now() -> MonotonicTime { time }

    func wallTime() -> WallTime { wallTime(at: time) }

    func wallTime(at moment: MonotonicTime) -> WallTime { origin + (moment - .zero) }

    func sleep(until deadline: MonotonicTime) async throws {
        try await sleep(until: deadline, owner: nil)
    }

    /// - Parameter owner: whoever may be woken early by `wake(all:)`.
    func sleep(until deadline: MonotonicTime, owner: ObjectIdentifier?) async throws {
        try Task.checkCancellation()
        count += 1
        let number = count
        await withTaskCancellationHandler {
            await withUnsafeContinuation { wake in
                insert(Sleeper(deadline: deadline, number: number, owner: owner, wake: wake))
            }
        } onCancel: {
            self.cancel(number)
        }
        try Task.checkCancellation()
    }

    private func insert(_ sleeper: Sleeper) {
        if cancelled.remove(sleeper.number) != nil { return sleeper.wake.resume() }
        var (low, high) = (0, sleepers.count)
        while low < high {
            let middle = (low + high) / 2
            if sleepers[middle].deadline > sleeper.deadline {
                low = middle + 1
            } else {
                high = middle
            }
        }
        sleepers.insert(sleeper, at: low)
    }

    private func cancel(_ number: Int) {
        guard let index = sleepers.firstIndex(where: { $0.number == number }) else {
            cancelled.insert(number)
            return
        }
        sleepers.remove(at: index).wake.resume()
    }

    /// Lets the time pass to the next deadline; false when nobody sleeps.
    func wakeNext() -> Bool {
        guard let next = sleepers.popLast() else { return false }
        time = max(time, next.deadline)
        next.wake.resume()
        return true
    }

    /// Wakes everybody of a process that has died.
    func wake(all owner: ObjectIdentifier) {
        let woken = sleepers.filter { $0.owner == owner }
        sleepers.removeAll { $0.owner == owner }
        for sleeper in woken.reversed() { sleeper.wake.resume() }
    }
}

/// The clocks as one process sees them: the calendar may be set wrong, and when the process is dead
/// nothing waits any more, so that its tasks come to their end.
final class ProcessClock: Timekeeper, @unchecked Sendable {
    private let clock: VirtualClock
    /// How much the machine's calendar is ahead of the world's.
    var wallOffset: () -> Duration
    private var isDead = false
    /// How far a dead process has run ahead.
    private var ahead = Duration.zero

    init(_ clock: VirtualClock, wallOffset: @escaping () -> Duration) {
        self.clock = clock
        self.wallOffset = wallOffset
    }

    func now() -> MonotonicTime { clock.time + ahead }

    func wallTime() -> WallTime { clock.wallTime() + wallOffset() }

    func sleep(until deadline: MonotonicTime) async throws {
        if !isDead {
            try await clock.sleep(until: deadline, owner: ObjectIdentifier(self))
            if !isDead { return }
        }
        try Task.checkCancellation()
        ahead = max(ahead, deadline - clock.time)
        await Task.yield()
    }

    func die() {
        isDead = true
        clock.wake(all: ObjectIdentifier(self))
    }
}
