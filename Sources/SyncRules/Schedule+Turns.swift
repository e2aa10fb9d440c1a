import ChatModel

// Whose turn it is: users with edits to be sent, users asked for, users back from a back-off, those at the
// limit, second looks, new users, and then whoever's copy is expected to be the stalest.

extension Schedule {
    /// What `take` returns.
    package enum Turn: Hashable, Sendable {
        case user(UserNumber)
        /// No user is due before this time.
        case wait(until: MonotonicTime)
        /// No user is due until one is added, nudged or finished.
        case idle
    }

    /// Of ten users taken while both wait, nine are new ones.
    private static let turnsOfTheNew = 9
    /// Turns of users at the limit for one of a new user; and where their limit is over.
    private static let turnsOfTheOverdue = 99
    private static let turnsOfTheLate = 9

    /// Takes the next user. It belongs to the caller until `finish`.
    package mutating func take(now: MonotonicTime) -> Turn {
        wake(now: now)
        advancePresence(to: now)
        if let user = queues.popFirst(in: .urgent) ?? queues.popFirst(in: .asked) {
            return taken(user)
        }
        if callsAhead == 0, let user = queues.popFirst(in: .returning) {
            callsAhead += 1
            return taken(user, marks: .isReturning)
        }
        let turn = takeOther(now: now)
        if case .user = turn {
            callsAhead -= min(callsAhead, 1)
        } else if queues.count(in: .returning) > 0 {
            // No other user is due.
            callsAhead = 0
            return take(now: now)
        }
        return turn
    }

    /// Takes in the time: users who waited for it are due.
    package mutating func advance(to now: MonotonicTime) { wake(now: now) }

    private mutating func takeOther(now: MonotonicTime) -> Turn {
        let heads = Heads(of: self, now: now)
        if let user = heads.overdue { return takeOverdue(user, now: now) }
        let look = followUps.next(now: now) { [queues] user, time in
            queues[user].pulledAt == time && queues[user].place.isClass
        }
        if let look, followUps.mayLook || heads.best == nil {
            followUps.take()
            return takeFromQueue(look, marks: .isLook)
        }
        if newInARow < Self.turnsOfTheNew || heads.best == nil,
            let user = queues.popFirst(in: .new)
        {
            newInARow += 1
            return taken(user)
        }
        if let (best, value, isHinted) = heads.choice(mayBeHinted: hintedCalls.isLeft) {
            newInARow = 0
            prices.add(value)
            return takeFromQueue(best, marks: isHinted ? .isHinted : [])
        }
        let next = [heads.nextDue, followUps.nextDue, waiting.first?.time].compactMap(\.self).min()
        return next.map(Turn.wait) ?? .idle
    }

    /// Users at the limit come before new ones, so that it holds; but where pulls take longer than the limit of calls
    /// lets one think, they would do so for ever. So every hundredth turn is a new user's, which costs less than what
    /// is left of the limit; and every tenth where the limit does not hold anyway.
    private mutating func takeOverdue(_ user: UserNumber, now: MonotonicTime) -> Turn {
        let isLate = now - queues[user].pulledAt.time > limit
        overdueSinceNew += 1
        if overdueSinceNew > (isLate ? Self.turnsOfTheLate : Self.turnsOfTheOverdue),
            let new = queues.popFirst(in: .new)
        {
            overdueSinceNew = 0
            return taken(new)
        }
        return takeFromQueue(user)
    }

    private mutating func takeFromQueue(_ user: UserNumber, marks: UserQueues.Marks = []) -> Turn {
        unlink(user)
        return taken(user, marks: marks)
    }

    private mutating func taken(_ user: UserNumber, marks: UserQueues.Marks = []) -> Turn {
        queues.put(user, at: .taken)
        queues[user].marks.formUnion(marks)
        followUps.count(calls: 1, ofLook: marks.contains(.isLook))
        hintedCalls.count(1, ofIts: marks.contains(.isHinted))
        return .user(user)
    }

    /// Puts users whose time has come back into the queues.
    private mutating func wake(now: MonotonicTime) {
        while let first = waiting.first, first.time <= now {
            waiting.removeFirst()
            guard waiting.isCurrent(first) else { continue }
            unlink(first.user)
            let isUrgent = queues[first.user].marks.contains(.isUrgentThen)
            queues.append(first.user, to: isUrgent ? .urgent : .returning)
        }
    }

    // MARK: What is due

    /// True when a user was asked for who has not been taken yet.
    package var hasAsked: Bool { hasUrgent || queues.count(in: .asked) > 0 }

    /// True when a user has something to be sent.
    package var hasUrgent: Bool { queues.count(in: .urgent) > 0 }

    /// How many users can be taken at once, whatever their last pull: those with edits to be sent,
    /// asked for, back from a failure, or new.
    package var backlog: Int {
        [UserQueues.Place.urgent, .asked, .returning, .new].reduce(0) { $0 + queues.count(in: $1) }
    }

    /// How many wait for the end of a back-off.
    package var waitingCount: Int { queues.count(in: .waiting) }

    /// When `take` will have a user, if nothing happens until then: a time not after `now` when it
    /// has one already, nil when it never will.
    package func nextDue(now: MonotonicTime) -> MonotonicTime? {
        if backlog > 0 { return now }
        let heads = Heads(of: self, now: now)
        if heads.best != nil || heads.overdue != nil { return now }
        return [heads.nextDue, followUps.nextDue, waiting.first?.time].compactMap(\.self).min()
    }
}

/// The first users of all classes, compared.
struct Heads {
    /// A user, and what its pull brings for each call.
    private struct Candidate {
        let user: UserNumber
        let value: Double

        /// Equal values have one order, whatever that of the queues.
        func isBetter(than other: Candidate?) -> Bool {
            guard let other else { return true }
            return value > other.value || value == other.value && user < other.user
        }
    }

    /// Pulled longest ago, if that is too long ago.
    private(set) var overdue: UserNumber?
    /// The best of those that are due: without a hint, and because of hints.
    private var quiet: Candidate?
    private var hinted: Candidate?
    /// When the first of those that are not due will be.
    private(set) var nextDue: MonotonicTime?

    /// Of the limit: the rest is for the calls that must come before.
    static let hundredthsOfTheLimit = 98

    /// Whether anyone is due.
    var best: UserNumber? { (quiet ?? hinted)?.user }

    /// The best one.
    /// - Parameter mayBeHinted: users whom only hints make the best may be taken.
    func choice(mayBeHinted: Bool) -> (user: UserNumber, value: Double, isHinted: Bool)? {
        if let hinted, quiet == nil || mayBeHinted, hinted.isBetter(than: quiet) {
            return (hinted.user, hinted.value, true)
        }
        return quiet.map { ($0.user, $0.value, false) }
    }

    init(of schedule: Schedule, now: MonotonicTime) {
        let interval = schedule.minInterval
        var oldest = now - schedule.limit * Self.hundredthsOfTheLimit / 100
        let latest = now - interval
        let absence = schedule.expectedAbsence
        for place in schedule.queues.classes {
            let user = schedule.queues.first(in: place)
            let slot = schedule.queues[user]
            let last = slot.pulledAt.time
            guard last <= latest else {
                let due = last + interval
                nextDue = min(nextDue ?? due, due)
                continue
            }
            if last < oldest {
                oldest = last
                overdue = user
            }
            let span = Double(max(0, now.nanoseconds - slot.countsFrom.time.nanoseconds)) / 1e9
            switch place.turnClass {
            case .quiet(let own):
                let candidate = Candidate(user: user, value: own.value(after: span))
                if candidate.isBetter(than: quiet) { quiet = candidate }
            case .online(let own):
                let candidate = Candidate(user: user, value: own.value(after: span))
                if candidate.isBetter(than: hinted) { hinted = candidate }
            case .visited(let own):
                let candidate = Candidate(
                    user: user, value: own.value(after: span, absence: absence))
                if candidate.isBetter(than: hinted) { hinted = candidate }
            case nil: break
            }
        }
        if let first = schedule.presence?.oldest, first != 0,
            schedule.queues[first].pulledAt.time < oldest
        {
            overdue = first
        }
    }
}

/// The expected staleness at which users are pulled: what a call buys.
struct PriceWatch: Sendable {
    private var seen = 0
    /// Seconds, of the pulls lately.
    private(set) var mean = 0.0

    /// As many pulls as count.
    private static let memory = 1000

    mutating func add(_ value: Double) {
        seen = min(seen + 1, Self.memory)
        mean += (value - mean) / Double(seen)
    }
}
