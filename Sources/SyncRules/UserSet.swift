/// A set of users: one bit for each number.
package struct UserSet: Sendable {
    private var words: [UInt64] = []
    package private(set) var count = 0

    package init() {}

    package var isEmpty: Bool { count == 0 }

    /// Whether the user is in the set.
    package func contains(_ user: UserNumber) -> Bool {
        let word = Int(user / 64)
        return word < words.count && words[word] & bit(user) != 0
    }

    /// True when the user was not in it.
    @discardableResult
    package mutating func insert(_ user: UserNumber) -> Bool {
        let word = Int(user / 64)
        while words.count <= word { words.append(0) }
        guard words[word] & bit(user) == 0 else { return false }
        words[word] |= bit(user)
        count += 1
        return true
    }

    /// True when the user was in it.
    @discardableResult
    package mutating func remove(_ user: UserNumber) -> Bool {
        guard contains(user) else { return false }
        words[Int(user / 64)] &= ~bit(user)
        count -= 1
        return true
    }

    private func bit(_ user: UserNumber) -> UInt64 { 1 << UInt64(user % 64) }
}
