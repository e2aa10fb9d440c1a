import ChatModel

/// Decides when a read that failed in passing is repeated in place, so that one bad page does not cost
/// a whole pass: three times at most, the last within five seconds of the first try.
///
/// The pauses are short, for most such failures concern a single call; they grow threefold, so that
/// the three cover a second of trouble too. A user that still fails backs off as a whole.
package struct ReadRetry: Sendable {
    package static let most = 3
    package static let patience = Duration.seconds(5)
    private static let firstPause = Duration.milliseconds(100)

    private let startedAt: MonotonicTime
    private var repeats = 0

    /// - Parameter startedAt: when the first try was made, the wait for its permit included.
    package init(startedAt: MonotonicTime) {
        self.startedAt = startedAt
    }

    /// How long to wait before the read is made once more; nil when it has failed for good.
    /// - Parameters:
    ///   - chance: a random number, at least 0 and below 1: between half of the pause and all of it.
    ///   - atLeast: what the other side asked for (`Retry-After`).
    package mutating func pause(now: MonotonicTime, chance: Double, atLeast: Duration = .zero)
        -> Duration?
    {
        guard repeats < Self.most else { return nil }
        let whole = Self.firstPause * [1, 3, 9][repeats]
        let drawn = Duration.nanoseconds(Int64(Double(whole.nanoseconds) * (0.5 + chance / 2)))
        let pause = max(drawn, atLeast)
        guard now + pause <= startedAt + Self.patience else { return nil }
        repeats += 1
        return pause
    }
}
