import ChatModel

// Which user to pull next. Round robin in the order of the last pull, with three exceptions: users
// who were asked for go first; users never pulled go before those that were, but do not starve
// them; a user whose pass failed, or that is parked, stays away until its time and is then next,
// but all of those together get no more calls than all the others. Every operation
// takes constant time, except for waiting users, who are in a heap; a user costs 20 bytes.

/// A user's number in the mirror: positive, never given twice, dense enough to index arrays.
package typealias UserNumber = UInt32

/// The choice of the next user. A value without a clock; its owner is one actor.
package struct Schedule: Sendable {
    /// How a pass ended, as far as the next one is concerned.
    package enum Outcome: Hashable, Sendable {
        case pulled
        /// The caller's back-off: not before `retryAt`.
        case failed(retryAt: MonotonicTime)
        /// Nothing was tried: the user keeps its place.
        case notTried
    }

    /// What `take` returns.
    package enum Turn: Hashable, Sendable {
        case user(UserNumber)
        /// No user is due before this time.
        case wait(until: MonotonicTime)
        /// No user is due until one is added, nudged or finished.
        case idle
    }

    /// No user should go unpulled for longer, as far as the call budget allows.
    package var maxStaleness: Duration

    /// No user has its turn in the rotation sooner after its last pull.
    package var minInterval: Duration

    /// The cloud's times have whole seconds, so a second pull within one can hardly see more than
    /// the first.
    package static let shortestInterval = Duration.seconds(1)

    /// Of ten users taken while both wait, one is a new one even if others are overdue.
    private static let turnsOfTheOverdue = 9

    private var lists: [List: Ends] = [:]
    private var users: [Slot] = []
    private var lastPull: [MonotonicTime] = []
    private var waiting = WaitingUsers()
    private var overdueInARow = 0
    /// By how many calls users back from a back-off are ahead of the others.
    private var callsAhead = 0
    package private(set) var count = 0

    /// Where a user waits.
    private enum List: UInt8, Sendable {
        case none, taken, takenAndAsked, takenAndUrgent, takenAndRemoved, urgent, asked
        case returning, new, rotation, waiting
    }

    /// First and last of a list.
    private struct Ends: Sendable {
        var head: UserNumber = 0
        var tail: UserNumber = 0
        var count = 0
    }

    /// A user's links within its list; 0 is no user.
    private struct Slot: Sendable {
        var next: UserNumber = 0
        var previous: UserNumber = 0
        var list = List.none
        var wasPulled = false
        /// It was taken because its back-off was over.
        var isReturning = false
        /// There is something to be sent once its time comes.
        var isUrgentThen = false
    }

    package init(maxStaleness: Duration, minInterval: Duration = shortestInterval) {
        self.maxStaleness = maxStaleness
        self.minInterval = minInterval
    }

    // MARK: Who is in it

    /// Room for `count` users at once; saves the growing.
    package mutating func reserve(_ count: Int) {
        // The numbers of users begin with 1.
        let places = count + 1
        users.reserveCapacity(places)
        lastPull.reserveCapacity(places)
    }

    /// A user that has never been pulled.
    package mutating func add(_ user: UserNumber) {
        grow(to: user)
        switch users[Int(user)].list {
        case .none: count += 1
        case .takenAndRemoved:
            // It came back while its pass was still running.
            users[Int(user)].list = .takenAndAsked
            count += 1
            return
        default: return
        }
        link(user, into: users[Int(user)].wasPulled ? .rotation : .new)
    }

    /// Users pulled earlier, in the order of their last pull.
    package mutating func restore(
        _ rows: some Sequence<(user: UserNumber, lastPull: MonotonicTime)>
    ) {
        for row in rows {
            grow(to: row.user)
            guard users[Int(row.user)].list == .none else { continue }
            users[Int(row.user)].wasPulled = true
            lastPull[Int(row.user)] = row.lastPull
            link(row.user, into: .rotation)
            count += 1
        }
    }

    /// The user is not pulled any more. One whose pass is running leaves when that finishes.
    package mutating func remove(_ user: UserNumber) {
        guard contains(user) else { return }
        count -= 1
        switch users[Int(user)].list {
        case .taken, .takenAndAsked, .takenAndUrgent: users[Int(user)].list = .takenAndRemoved
        default: unlink(user)
        }
    }

    /// Whether the user has its turn.
    package func contains(_ user: UserNumber) -> Bool {
        guard Int(user) < users.count else { return false }
        switch users[Int(user)].list {
        case .none, .takenAndRemoved: return false
        default: return true
        }
    }

    /// The user is asked for: it is next, even if it is waiting for its time. One whose pass
    /// is running is pulled once more, since that pass may have looked already.
    /// - Parameter urgently: before all others that were only asked for: there is something to be
    ///   sent.
    package mutating func nudge(_ user: UserNumber, urgently: Bool = false) {
        guard contains(user) else { return }
        switch users[Int(user)].list {
        case .taken, .takenAndAsked:
            users[Int(user)].list = urgently ? .takenAndUrgent : .takenAndAsked
        case .urgent, .takenAndUrgent: break
        case .asked where !urgently: break
        default:
            unlink(user)
            link(user, into: urgently ? .urgent : .asked)
        }
    }

    /// The user stays away until `time`. One whose pass is running, or that was asked for, is
    /// left alone.
    /// - Parameter urgently: then it goes before all others: there is something to be sent.
    package mutating func postpone(
        _ user: UserNumber, until time: MonotonicTime, urgently: Bool = false
    ) {
        guard contains(user), !isTaken(user), !isAsked(user) else { return }
        unlink(user)
        link(user, into: .waiting)
        users[Int(user)].isUrgentThen = urgently
        waiting.insert(time, user)
    }

    /// True while a pass of the user is running.
    package func isTaken(_ user: UserNumber) -> Bool {
        guard Int(user) < users.count else { return false }
        switch users[Int(user)].list {
        case .taken, .takenAndAsked, .takenAndUrgent, .takenAndRemoved: return true
        default: return false
        }
    }

    private func isAsked(_ user: UserNumber) -> Bool {
        let list = users[Int(user)].list
        return list == .asked || list == .urgent
    }

    // MARK: Whose turn it is

    /// True when a user was asked for who has not been taken yet.
    package var hasAsked: Bool {
        hasUrgent || lists[.asked, default: Ends()].count > 0
    }

    /// Takes in the time: users who waited for it are due.
    package mutating func advance(to now: MonotonicTime) { wake(now: now) }

    /// True when a user has something to be sent.
    package var hasUrgent: Bool { lists[.urgent, default: Ends()].count > 0 }

    /// How many users can be taken at once, whatever their last pull: those with edits to be sent,
    /// asked for, back from a failure, or new.
    package var backlog: Int {
        [List.urgent, .asked, .returning, .new].reduce(0) { $0 + lists[$1, default: Ends()].count }
    }

    /// How many wait for the end of a back-off.
    package var waitingCount: Int { lists[.waiting, default: Ends()].count }

    /// When `take` will have a user, if nothing happens until then: a time not after `now` when it
    /// has one already, nil when it never will.
    package func nextDue(now: MonotonicTime) -> MonotonicTime? {
        if backlog > 0 { return now }
        let oldest = lists[.rotation, default: Ends()].head
        let rotation = oldest == 0 ? nil : lastPull[Int(oldest)] + minInterval
        return [rotation, waiting.first?.time].compactMap(\.self).min()
    }

    /// Takes the next user. It belongs to the caller until `finish`.
    package mutating func take(now: MonotonicTime) -> Turn {
        wake(now: now)
        if let user = popFirst(.urgent) ?? popFirst(.asked) { return taken(user) }
        if callsAhead == 0, let user = popFirst(.returning) {
            callsAhead += 1
            users[Int(user)].isReturning = true
            return taken(user)
        }
        let turn = takeOther(now: now)
        if case .user = turn {
            callsAhead -= min(callsAhead, 1)
        } else if lists[.returning, default: Ends()].count > 0 {
            // No other user is due.
            callsAhead = 0
            return take(now: now)
        }
        return turn
    }

    /// Takes a new user or the one pulled longest ago.
    private mutating func takeOther(now: MonotonicTime) -> Turn {
        let oldest = lists[.rotation, default: Ends()].head
        let newcomer = lists[.new, default: Ends()].head
        if newcomer != 0, oldest == 0 || !isOverdue(oldest, now: now) || isNewcomersTurn {
            overdueInARow = 0
            _ = popFirst(.new)
            return taken(newcomer)
        }
        guard oldest != 0 else { return waiting.first.map { .wait(until: $0.time) } ?? .idle }
        let due = lastPull[Int(oldest)] + minInterval
        if due > now { return .wait(until: min(due, waiting.first?.time ?? due)) }
        if newcomer != 0 { overdueInARow += 1 }
        _ = popFirst(.rotation)
        return taken(oldest)
    }

    /// Gives a taken user back. `at` is when its pull was sent: what changed later has not been
    /// seen. `calls`: how many its pass made.
    package mutating func finish(
        _ user: UserNumber, at time: MonotonicTime, outcome: Outcome, calls: Int
    ) {
        let list = users[Int(user)].list
        precondition(
            isTaken(user),
            "user \(user) was finished without having been taken")
        users[Int(user)].list = .none
        count(calls, of: user)
        if outcome == .pulled {
            users[Int(user)].wasPulled = true
            lastPull[Int(user)] = time
        }
        if list == .takenAndRemoved { return }
        if list == .takenAndAsked { return link(user, into: .asked) }
        if list == .takenAndUrgent { return link(user, into: .urgent) }
        switch outcome {
        case .pulled: link(user, into: .rotation)
        case .failed(let retryAt):
            link(user, into: .waiting)
            users[Int(user)].isUrgentThen = false
            waiting.insert(retryAt, user)
        case .notTried:
            link(user, into: users[Int(user)].wasPulled ? .rotation : .new, atFront: true)
        }
    }

    /// When the user was last pulled; nil when never.
    package func lastPull(of user: UserNumber) -> MonotonicTime? {
        Int(user) < users.count && users[Int(user)].wasPulled ? lastPull[Int(user)] : nil
    }

    // MARK: Within

    private var isNewcomersTurn: Bool { overdueInARow >= Self.turnsOfTheOverdue }

    private func isOverdue(_ user: UserNumber, now: MonotonicTime) -> Bool {
        // Two hundredths are for the calls that must come before it.
        now - lastPull[Int(user)] > maxStaleness * 98 / 100
    }

    /// The first call of a pass was counted when its user was taken.
    private mutating func count(_ calls: Int, of user: UserNumber) {
        let more = max(0, calls - 1)
        callsAhead += users[Int(user)].isReturning ? more : -min(more, callsAhead)
        users[Int(user)].isReturning = false
    }

    private mutating func taken(_ user: UserNumber) -> Turn {
        users[Int(user)].list = .taken
        return .user(user)
    }

    /// Puts users whose time has come back into the queues.
    private mutating func wake(now: MonotonicTime) {
        while let first = waiting.first, first.time <= now {
            waiting.removeFirst()
            guard waiting.isCurrent(first) else { continue }
            unlink(first.user)
            link(first.user, into: users[Int(first.user)].isUrgentThen ? .urgent : .returning)
        }
    }

    private mutating func grow(to user: UserNumber) {
        precondition(user > 0, "0 is no user's number")
        while users.count <= Int(user) {
            users.append(Slot())
            lastPull.append(.zero)
        }
    }

    private mutating func link(_ user: UserNumber, into list: List, atFront: Bool = false) {
        var ends = lists[list, default: Ends()]
        users[Int(user)].list = list
        users[Int(user)].previous = atFront ? 0 : ends.tail
        users[Int(user)].next = atFront ? ends.head : 0
        let (before, after) = (users[Int(user)].previous, users[Int(user)].next)
        if before == 0 { ends.head = user } else { users[Int(before)].next = user }
        if after == 0 { ends.tail = user } else { users[Int(after)].previous = user }
        ends.count += 1
        lists[list] = ends
    }

    private mutating func unlink(_ user: UserNumber) {
        let slot = users[Int(user)]
        var ends = lists[slot.list, default: Ends()]
        if slot.previous == 0 {
            ends.head = slot.next
        } else {
            users[Int(slot.previous)].next = slot.next
        }
        if slot.next == 0 {
            ends.tail = slot.previous
        } else {
            users[Int(slot.next)].previous = slot.previous
        }
        ends.count -= 1
        lists[slot.list] = ends
        users[Int(user)].list = .none
        if slot.list == .waiting { waiting.forget(user) }
    }

    private mutating func popFirst(_ list: List) -> UserNumber? {
        let head = lists[list, default: Ends()].head
        guard head != 0 else { return nil }
        unlink(head)
        return head
    }
}
