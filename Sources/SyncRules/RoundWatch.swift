import ChatModel

/// Measures full rounds: how long it takes until every user was tried once more.
package struct RoundWatch: Sendable {
    private var startedAt: MonotonicTime
    private var tried = UserSet()
    /// The last full round.
    package private(set) var last: Duration?

    package init(now: MonotonicTime) { startedAt = now }

    /// Takes in that a user was tried, and is not parked.
    /// - Parameters:
    ///   - users: in the list.
    ///   - failing: of them, how many fail or are parked.
    ///   - parked: of those, how many are left alone for a day; asked for only where it matters, since
    ///     it takes a walk through all failing users.
    /// - Returns: how long the round took that ends with this user; nil when it goes on.
    package mutating func tried(
        _ user: UserNumber, users: Int, failing: Int, parked: () -> Int, now: MonotonicTime
    ) -> Duration? {
        guard tried.insert(user), tried.count + failing >= users,
            tried.count + parked() >= users
        else { return nil }
        let took = now - startedAt
        last = took
        begin(now: now)
        return took
    }

    /// Begins another round: the list is another one.
    package mutating func begin(now: MonotonicTime) {
        startedAt = now
        tried = UserSet()
    }
}
