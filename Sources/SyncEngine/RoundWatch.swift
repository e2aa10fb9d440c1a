import ChatModel
import SyncRules

/// Measures full rounds: how long it takes until every user was tried once more.
struct RoundWatch: Sendable {
    private var startedAt: MonotonicTime
    private var tried = UserSet()
    /// The last full round.
    private(set) var last: Duration?

    init(now: MonotonicTime) { startedAt = now }

    /// Takes in that a user was tried.
    /// - Parameters:
    ///   - users: in the list.
    ///   - parked: of them, how many are left alone for a day; asked for only where it matters.
    /// - Returns: how long the round took that ends with this user; nil when it goes on.
    mutating func tried(
        _ user: UserNumber, users: Int, parked: () -> Int, now: MonotonicTime
    ) -> Duration? {
        guard tried.insert(user), tried.count + Self.fewest(users) >= users,
            tried.count >= users - parked()
        else { return nil }
        let took = now - startedAt
        last = took
        begin(now: now)
        return took
    }

    /// Begins another round: the list is another one.
    mutating func begin(now: MonotonicTime) {
        startedAt = now
        tried = UserSet()
    }

    /// Before so many are left nobody asks for the parked ones, which takes a walk through all failing
    /// users.
    private static func fewest(_ users: Int) -> Int { users / 10 + 1 }
}
