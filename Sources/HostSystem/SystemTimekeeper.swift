import ChatModel
import Glibc

/// The machine's clocks. With `Loop`, which has timers of its own, the only place of the program that reads them or
/// sleeps.
package struct SystemTimekeeper: Timekeeper {
    package init() {}

    /// CLOCK_MONOTONIC: not set by anything, and the same for all processes of the machine.
    package func now() -> MonotonicTime {
        MonotonicTime(nanoseconds: SystemTimekeeper.read(CLOCK_MONOTONIC))
    }

    /// The calendar, which may be set at any time.
    package func wallTime() -> WallTime {
        WallTime(milliseconds: SystemTimekeeper.read(CLOCK_REALTIME) / 1_000_000)
    }

    /// Without tolerance: by default the runtime may be a millisecond late, which the call window
    /// would pay for with each of its tokens.
    package func sleep(until deadline: MonotonicTime) async throws {
        let span = deadline - now()
        guard span > .zero else { return try Task.checkCancellation() }
        try await Task.sleep(for: span, tolerance: .zero, clock: .continuous)
    }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
