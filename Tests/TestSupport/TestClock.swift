import ChatModel
import Synchronization

/// A clock for tests: nobody waits. Whoever sleeps is woken as soon as everybody else has had a
/// chance to run, the earliest deadline first, and the time is then that deadline.
package final class TestClock: Timekeeper {
    private struct Sleeper {
        let id: Int
        let deadline: MonotonicTime
        let wake: CheckedContinuation<Void, Never>
    }

    private struct State {
        var now = MonotonicTime.zero
        var wallOffset: Int64
        var sleepers: [Sleeper] = []
        var lastID = 0
        var isPumping = false
    }

    private let state: Mutex<State>

    /// - Parameter wall: the calendar's time when the clock starts.
    package init(wall: WallTime = WallTime(seconds: 1_767_300_000)) {
        state = Mutex(State(wallOffset: wall.milliseconds))
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
        try Task.checkCancellation()
        await withCheckedContinuation { wake in
            let mustPump = state.withLock { state in
                state.lastID += 1
                state.sleepers.append(Sleeper(id: state.lastID, deadline: deadline, wake: wake))
                defer { state.isPumping = true }
                return !state.isPumping
            }
            if mustPump { Task { await pump() } }
        }
        try Task.checkCancellation()
    }

    private func pump() async {
        while true {
            for _ in 0..<50 { await Task.yield() }
            let next = state.withLock { state -> Sleeper? in
                guard
                    let first = state.sleepers.min(by: {
                        ($0.deadline, $0.id) < ($1.deadline, $1.id)
                    })
                else {
                    state.isPumping = false
                    return nil
                }
                state.sleepers.removeAll { $0.id == first.id }
                state.now = max(state.now, first.deadline)
                return first
            }
            guard let next else { return }
            next.wake.resume()
        }
    }
}
