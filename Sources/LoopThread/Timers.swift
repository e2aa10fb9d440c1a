import ChatModel
import HeapModule

/// A task that waits for a time. Of the loop's thread alone.
final class Sleeper: @unchecked Sendable {
    let at: MonotonicTime
    private var continuation: UnsafeContinuation<Void, Never>?
    private var isCancelled = false

    init(at: MonotonicTime) { self.at = at }

    /// Begins to wait; not when it was cancelled before that.
    func begin(_ continuation: UnsafeContinuation<Void, Never>) {
        if isCancelled { continuation.resume() } else { self.continuation = continuation }
    }

    var isWaiting: Bool { continuation != nil }

    func wake() { continuation.take()?.resume() }

    func cancel() {
        isCancelled = true
        wake()
    }
}

/// Sleeping tasks, the first to be woken at hand.
struct Timers {
    private var heap = Heap<Entry>()
    private var count: UInt64 = 0

    private struct Entry: Comparable {
        let at: MonotonicTime
        /// Of two for the same time, who came first is woken first.
        let number: UInt64
        let sleeper: Sleeper

        static func == (left: Entry, right: Entry) -> Bool { left.number == right.number }
        static func < (left: Entry, right: Entry) -> Bool {
            (left.at, left.number) < (right.at, right.number)
        }
    }

    /// Whether a task waits that is not cancelled.
    var isAwaited: Bool { heap.unordered.contains { $0.sleeper.isWaiting } }
    var next: MonotonicTime? { heap.min?.at }

    mutating func add(_ sleeper: Sleeper, _ continuation: UnsafeContinuation<Void, Never>) {
        sleeper.begin(continuation)
        heap.insert(Entry(at: sleeper.at, number: count, sleeper: sleeper))
        count += 1
    }

    /// Wakes those whose time has come. Those that were cancelled are forgotten with them.
    mutating func fire(now: MonotonicTime) {
        while let first = heap.min, first.at <= now {
            heap.removeMin()
            first.sleeper.wake()
        }
    }
}
