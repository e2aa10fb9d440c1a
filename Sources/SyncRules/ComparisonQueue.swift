import ChatModel
import DequeModule

/// Users who are to be compared, in their order, and those who are being compared. A user is never
/// compared and pulled at the same time.
package struct ComparisonQueue: Sendable {
    private var waiting: Deque<UserNumber> = []
    private var running: Set<UserNumber> = []
    private var secondLooks = SecondLooks()
    /// Users and comparisons take turns, so that comparing every user does not keep the mirror from being
    /// made.
    package private(set) var isTurn = false

    package init() {}

    package var count: Int { waiting.count }
    package var isEmpty: Bool { waiting.isEmpty }

    /// Whether the user is being compared.
    package func isRunning(_ user: UserNumber) -> Bool { running.contains(user) }

    /// Puts a user at the end of the queue.
    package mutating func add(_ user: UserNumber) { waiting.append(user) }

    /// Forgets users whom no request wants compared any more.
    package mutating func keep(where isWanted: (UserNumber) -> Bool) {
        waiting.removeAll { !isWanted($0) }
        secondLooks.keep(where: isWanted)
    }

    /// Whether a user can be compared now.
    /// - Parameter isBusy: whether a pass is working on the user.
    package func hasNext(isBusy: (UserNumber) -> Bool) -> Bool { next(isBusy) != nil }

    /// Takes the first user whom no pass is working on.
    package mutating func takeNext(isBusy: (UserNumber) -> Bool) -> UserNumber? {
        guard let index = next(isBusy) else { return nil }
        let user = waiting.remove(at: index)
        running.insert(user)
        isTurn = false
        return user
    }

    private func next(_ isBusy: (UserNumber) -> Bool) -> Int? {
        waiting.firstIndex { !isBusy($0) && !running.contains($0) }
    }

    /// A user was pulled: it is a comparison's turn.
    package mutating func userWasTaken() { isTurn = true }

    /// The comparison ended before it found anything out.
    /// - Parameter isToBeRepeated: it was not tried.
    package mutating func failed(_ user: UserNumber, isToBeRepeated: Bool) {
        running.remove(user)
        if isToBeRepeated { waiting.append(user) }
    }

    /// Takes in what a comparison found.
    /// - Returns: the differences that count; nil when a second look decides.
    package mutating func found(_ changes: [Change], of user: UserNumber, now: MonotonicTime)
        -> [Change]?
    {
        running.remove(user)
        return secondLooks.take(changes, of: user, now: now)
    }

    /// Puts users into the queue whose second look is due.
    package mutating func addSecondLooks(now: MonotonicTime) {
        if !secondLooks.isEmpty { waiting.append(contentsOf: secondLooks.takeDue(now: now)) }
    }
}
