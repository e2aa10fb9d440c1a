import ChatModel

/// How long a user whose pass failed is left alone: 2 s after the first failure, doubled by each
/// further one up to a quarter of an hour, and of that a random part between a half and the whole,
/// so that users that failed together do not come back together.
package enum BackOff {
    package static let first = Duration.seconds(2)
    package static let longest = Duration.seconds(15 * 60)

    /// - Parameters:
    ///   - failures: passes of this user that failed in a row, 1 or more.
    ///   - chance: a random number, at least 0 and below 1.
    package static func delay(afterFailures failures: Int, chance: Double) -> Duration {
        precondition(chance >= 0 && chance < 1)
        let whole = longest(afterFailures: failures)
        return .nanoseconds(Int64(Double(whole.nanoseconds) * (0.5 + chance / 2)))
    }

    /// What `delay` never exceeds.
    package static func longest(afterFailures failures: Int) -> Duration {
        precondition(failures > 0)
        return min(first * (1 << min(failures - 1, 20)), longest)
    }

    /// A user that the cloud does not know (50001) is looked at once a day: it may be imported any
    /// time.
    package static let parked = Duration.seconds(24 * 3600)
}
