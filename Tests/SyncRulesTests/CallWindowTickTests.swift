import ChatModel
import SyncRules
import Testing

/// Callers that are woken at multiples of a tick only.
@Suite struct ACallWindowWhoseCallersWakeAtTicks {
    private static let tick = Duration.milliseconds(10)

    /// Takes at each tick what may leave, with a reply at once; the times of the calls.
    private func sent(
        _ window: inout CallWindow, from start: MonotonicTime, seconds: Int
    ) -> [MonotonicTime] {
        var times: [MonotonicTime] = []
        for number in 0..<seconds * 100 {
            let now = start + Self.tick * number
            while case .send = window.take(now: now) {
                times.append(now)
                window.ended(.replied, sentAt: now, now: now)
            }
        }
        return times
    }

    private func window(tick: Duration) -> CallWindow {
        CallWindow(limit: 200, margin: .none, now: .zero, predecessor: Predecessor.none, tick: tick)
    }

    /// At a pace of one call every 2.5 ms, one at each tick would be half the limit.
    @Test func usesTheWholeLimit() {
        var window = window(tick: Self.tick)
        #expect(sent(&window, from: .zero, seconds: 10).count >= 1960)
        var unaware = self.window(tick: .zero)
        #expect(sent(&unaware, from: .zero, seconds: 10).count <= 1000)
    }

    @Test func neverExceedsTheLimit() {
        var window = window(tick: Self.tick)
        let times = sent(&window, from: .zero, seconds: 10)
        for (index, time) in times.enumerated() where index >= 200 {
            #expect(time - times[index - 200] >= .seconds(1))
        }
    }

    /// What makes up for a tick is not made up for an hour.
    @Test func sendsOnlyATicksWorthAtOnce_afterAPause() {
        var window = window(tick: Self.tick)
        let times = sent(&window, from: .zero + .seconds(3600), seconds: 1)
        #expect(times.count { $0 == times[0] } == 5)
        #expect(times.count { $0 == times[5] } == 4)
    }
}
