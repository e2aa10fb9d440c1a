import ChatModel
import SyncRules

/// Comparisons that found a difference, which counts only when it is still there some seconds later:
/// what other clients change while users are compared is no drift.
struct SecondLooks: Sendable {
    private struct Look: Sendable {
        let found: Set<Change>
        let due: MonotonicTime
        var isAsked = false
    }

    /// A daemon has pulled the user by then, and the cloud's times have moved on.
    static let pause = Duration.seconds(3)

    private var looks: [UserNumber: Look] = [:]

    /// Takes in what a comparison found.
    /// - Returns: the differences that count; nil when a second look has to tell.
    mutating func take(_ changes: [Change], of user: UserNumber, now: MonotonicTime) -> [Change]? {
        if let look = looks.removeValue(forKey: user) {
            return changes.filter(look.found.contains)
        }
        if changes.isEmpty { return [] }
        looks[user] = Look(found: Set(changes), due: now + Self.pause)
        return nil
    }

    /// The users to be compared once more now, each once.
    mutating func takeDue(now: MonotonicTime) -> [UserNumber] {
        let due = looks.filter { !$0.value.isAsked && $0.value.due <= now }.keys.sorted()
        for user in due { looks[user]?.isAsked = true }
        return due
    }

    /// Forgets the users that nobody wants compared any more.
    mutating func keep(where isWanted: (UserNumber) -> Bool) {
        looks = looks.filter { isWanted($0.key) }
    }

    var isEmpty: Bool { looks.isEmpty }
}
