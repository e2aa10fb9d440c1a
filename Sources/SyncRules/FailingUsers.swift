import ChatModel

/// Users whose last pass failed, and how long each backs off.
package struct FailingUsers: Sendable {
    /// A user that is failing.
    private struct User: Sendable {
        /// Passes that failed in a row, without those that were asked for before the back-off was over:
        /// neither scripts that queue edits nor restarts may drive the user into a long one.
        var failures: Int
        var isParked: Bool
        /// When the back-off is over.
        var retryAt: MonotonicTime
    }

    private var users: [UserNumber: User] = [:]

    package init() {}

    /// All of them, parked ones included.
    package var count: Int { users.count }
    /// Takes a walk through all of them.
    package var parked: Int { users.values.count(where: \.isParked) }

    /// Whether the last pass of the user failed.
    package func contains(_ user: UserNumber) -> Bool { users[user] != nil }
    /// Whether the cloud does not know the user.
    package func isParked(_ user: UserNumber) -> Bool { users[user]?.isParked ?? false }

    /// What an earlier process has left.
    package mutating func restore(
        _ user: UserNumber, failures: Int, isParked: Bool, retryAt: MonotonicTime
    ) {
        users[user] = User(failures: failures, isParked: isParked, retryAt: retryAt)
    }

    /// The user is well again, or has left the list.
    /// - Returns: how often it had failed; nil when it had not.
    @discardableResult
    package mutating func remove(_ user: UserNumber) -> Int? {
        users.removeValue(forKey: user)?.failures
    }

    /// What follows from a failed pass.
    package struct Failure: Sendable, Equatable {
        package let failures: Int
        package let pause: Duration
        /// The user was not parked before, and is now.
        package let isNewlyParked: Bool
    }

    /// Takes in that a user's pass failed.
    /// - Parameters:
    ///   - startedAt: when the pass began.
    ///   - isParked: the cloud does not know the user.
    ///   - isListed: false when a reload has taken the user out meanwhile; nothing is remembered then.
    ///   - tries: how often a request that waits for the user has seen it fail; nil when none waits. Who
    ///     waits for a user waits for a few tries, not for a long back-off.
    ///   - chance: a random number, at least 0 and below 1.
    package mutating func failed(
        _ user: UserNumber, startedAt: MonotonicTime, isParked: Bool, isListed: Bool, tries: Int?,
        chance: Double, now: MonotonicTime
    ) -> Failure {
        let before = users[user]
        let isEarly = before.map { startedAt < $0.retryAt } ?? false
        let failures = (before?.failures ?? 0) + (isEarly ? 0 : 1)
        let counted = tries.map { min($0 + 1, failures) } ?? failures
        let pause =
            isParked ? BackOff.parked : BackOff.delay(afterFailures: counted, chance: chance)
        if isListed {
            users[user] = User(failures: failures, isParked: isParked, retryAt: now + pause)
        }
        return Failure(
            failures: failures, pause: pause,
            isNewlyParked: isParked && before?.isParked != true)
    }
}
