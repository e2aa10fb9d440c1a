import ChatModel
import EventLog
import SyncRules
import Synchronization

/// Calls since the start, for the `calls` and `stats` lines. Thread-safe.
package final class CallCounters: Sendable {
    /// The counters at one moment.
    package struct Totals: Sendable {
        /// By command and then by code: "0", the cloud's code, or "network".
        package var calls: [Command: [String: Int]] = [:]
        package var sent = 0
        package var throttled = 0
        /// The most calls of one command that were sent within any second.
        package var widestSecond = 0
        /// How long calls took, those without an answer included.
        package var took = Histogram()
    }

    /// What was counted since the last reset.
    private struct State {
        var totals = Totals()
        var seconds: [Command: LastSecond] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    package var totals: Totals { state.withLock { $0.totals } }

    /// Calls of all commands in the second that ends at `now`.
    package func lastSecond(at now: MonotonicTime) -> Int {
        state.withLock { state in
            state.seconds.keys.reduce(0) { sum, command in
                sum + (state.seconds[command]?.count(at: now) ?? 0)
            }
        }
    }

    /// Counts a call that was sent.
    func sent(_ command: Command, at now: MonotonicTime) {
        state.withLock { state in
            state.totals.sent += 1
            let width = state.seconds[command, default: LastSecond()].add(now)
            state.totals.widestSecond = max(state.totals.widestSecond, width)
        }
    }

    /// Counts an answer, or the lack of one, under its code.
    func ended(_ command: Command, code: String, took: Duration) {
        state.withLock {
            $0.totals.calls[command, default: [:]][code, default: 0] += 1
            $0.totals.took.add(took)
        }
    }

    /// Counts a call that the cloud refused as one too many.
    func throttled() {
        state.withLock { $0.totals.throttled += 1 }
    }
}

/// The times of the calls of the last second.
private struct LastSecond {
    private var times: [MonotonicTime] = []
    private var start = 0

    /// Adds a call; how many the second that ends with it holds.
    mutating func add(_ now: MonotonicTime) -> Int {
        times.append(now)
        return count(at: now)
    }

    /// How many the second that ends at `now` holds.
    mutating func count(at now: MonotonicTime) -> Int {
        while start < times.count, now - times[start] >= .seconds(1) { start += 1 }
        if start > 64, start * 2 > times.count {
            times.removeFirst(start)
            start = 0
        }
        return times.count - start
    }
}
