import ChatModel

/// Comparisons that found a difference, which counts only when it is still there some seconds later:
/// what other clients change while users are compared is no drift.
package struct SecondLooks: Sendable {
    /// A listing that waits to be seen again.
    private struct Look: Sendable {
        let found: Set<Change>
        let due: MonotonicTime
        var isAsked = false
    }

    /// A daemon has pulled the user by then, and the cloud's times have moved on.
    package static let pause = Duration.seconds(3)

    private var looks: [UserNumber: Look] = [:]

    package init() {}

    /// Takes in what a comparison found.
    /// - Returns: the differences that count; nil when a second look decides.
    package mutating func take(_ changes: [Change], of user: UserNumber, now: MonotonicTime)
        -> [Change]?
    {
        if let look = looks.removeValue(forKey: user) {
            return changes.filter(look.found.contains)
        }
        if changes.isEmpty { return [] }
        looks[user] = Look(found: Set(changes), due: now + Self.pause)
        return nil
    }

    /// The users to be compared once more now, each once.
    package mutating func takeDue(now: MonotonicTime) -> [UserNumber] {
        let due = looks.filter { !$0.value.isAsked && $0.value.due <= now }.keys.sorted()
        for user in due { looks[user]?.isAsked = true }
        return due
    }

    /// Forgets users whom no request wants compared any more.
    package mutating func keep(where isWanted: (UserNumber) -> Bool) {
        looks = looks.filter { isWanted($0.key) }
    }

    package var isEmpty: Bool { looks.isEmpty }
}
