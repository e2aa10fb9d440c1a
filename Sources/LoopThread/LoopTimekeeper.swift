import ChatModel

/// The machine's clocks for tasks on a loop: they sleep on its timers.
package struct LoopTimekeeper: Timekeeper {
    private let loop: Loop
    private let clocks: any Timekeeper

    /// - Parameter clocks: read, but not slept on.
    package init(_ loop: Loop, clocks: any Timekeeper) {
        self.loop = loop
        self.clocks = clocks
    }

    package func now() -> MonotonicTime { clocks.now() }

    package func wallTime() -> WallTime { clocks.wallTime() }

    package func sleep(until deadline: MonotonicTime) async throws {
        assert(loop.isHere, "a task that sleeps beside its loop")
        try await loop.sleep(until: deadline)
    }
}
