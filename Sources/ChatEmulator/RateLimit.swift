/// The calls of one command within the last second, as the server sees them arrive.
struct RateLimit: Sendable {
    private var accepted = Second()
    private var arrived = Second()
    /// The most calls, refused ones included, that arrived within any second.
    private(set) var widest = 0
    private var first: Int64?
    private var last: Int64 = 0

    /// Nanoseconds from the first call to the last.
    var span: Int64 { first.map { last - $0 } ?? 0 }

    /// Counts a call that arrives at `now` (nanoseconds); false when it is one too many. A refused
    /// call does not count against later ones.
    mutating func admit(now: Int64, limit: Int) -> Bool {
        widest = max(widest, arrived.add(now))
        first = first ?? now
        last = now
        guard accepted.count(now) < limit else { return false }
        _ = accepted.add(now)
        return true
    }

    /// The calls of one second.
    private struct Second {
        private var times: [Int64] = []
        private var start = 0

        mutating func count(_ now: Int64) -> Int {
            while start < times.count, now - times[start] >= 1_000_000_000 { start += 1 }
            if start > 64, start * 2 > times.count {
                times.removeFirst(start)
                start = 0
            }
            return times.count - start
        }

        mutating func add(_ now: Int64) -> Int {
            times.append(now)
            return count(now)
        }
    }
}
