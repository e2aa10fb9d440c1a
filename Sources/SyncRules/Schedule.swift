import ChatModel

// Which user to pull next: whoever's copy is expected to be the stalest, for each call that the pull costs
// (StalenessClass), by what is known of how often the user changes (Evidence). With exceptions: users who
// were asked for go first; no user waits longer than the limit; users who have just changed something are
// looked at once more (FollowUps); users never pulled go before those that were, but do not starve them;
// a user whose pass failed, or that is parked, stays away until its time and is then next, but all of those
// together get no more calls than all the others.
//
// Here is who is in the schedule and what becomes of a user after its pass; Schedule+Turns has the choice.

/// The choice of the next user. A value without a clock; its owner is one actor.
package struct Schedule: Sendable {
    /// How a pass ended, as far as the next one is concerned.
    package enum Outcome: Hashable, Sendable {
        case pulled(PullFinding)
        /// The caller's back-off: not before `retryAt`.
        case failed(retryAt: MonotonicTime)
        /// Nothing was tried: the user keeps its place.
        case notTried
    }

    /// No user should go unpulled for longer, as far as the call budget allows.
    package var maxStaleness: Duration

    /// No user has its turn in the rotation sooner after its last pull.
    package var minInterval: Duration

    /// The calls that the budget allows, for the length of a sweep; 0 when that is not known.
    package var callsPerSecond = 0.0

    /// The cloud's times have whole seconds, so a second pull within one can hardly see more than
    /// the first.
    package static let shortestInterval = Duration.seconds(1)

    var queues = UserQueues()
    var waiting = WaitingUsers()
    var followUps = FollowUps()
    var prices = PriceWatch()
    /// What hints have said; nil as long as there was none.
    var presence: Presence?
    var hintedCalls = ShareOfCalls(0.7)
    var newInARow = 0
    /// Users taken at their limit since the last new one among them.
    var overdueSinceNew = 0
    /// By how many calls users back from a back-off are ahead of the others.
    var callsAhead = 0
    package private(set) var count = 0
    /// Calls that one pull of every user takes.
    private var callsOfAll = 0

    package init(maxStaleness: Duration, minInterval: Duration = shortestInterval) {
        self.maxStaleness = maxStaleness
        self.minInterval = minInterval
    }

    // MARK: Who is in it

    /// Room for `count` users at once; saves the growing.
    package mutating func reserve(_ count: Int) { queues.reserve(count) }

    /// A user that has never been pulled, or one that comes back.
    package mutating func add(_ user: UserNumber) {
        queues.grow(to: user)
        switch queues[user].place {
        case .none:
            enter(user)
            queues.append(user, to: .new)
        case .takenAndRemoved:
            // It came back while its pass was still running.
            enter(user)
            queues.put(user, at: .takenAndAsked)
        default: break
        }
    }

    /// Users pulled earlier, in the order of their last pull.
    package mutating func restore(_ rows: some Sequence<PulledEarlier>) {
        for row in rows where remember(row) {
            enter(row.user)
            queue(row.user)
        }
    }

    /// Takes in what is known of a user who has no turn.
    /// - Returns: false when it has.
    @discardableResult
    package mutating func remember(_ row: PulledEarlier) -> Bool {
        queues.grow(to: row.user)
        guard queues[row.user].place == .none else { return false }
        // What this process has seen itself may not be stored yet.
        guard queues[row.user].pulledAt < PullTime(row.lastPull) else { return true }
        queues[row.user].pulledAt = PullTime(row.lastPull)
        queues[row.user].evidence = row.evidence
        queues[row.user].calls = UInt8(clamping: max(1, row.calls))
        return true
    }

    /// Takes in what the mirror shows of a user whose evidence was lost. It has its effect from the next pull
    /// on: the user keeps its place until then.
    /// - Parameter recent: conversations that have changed within seven days.
    package mutating func assume(recent: Int, of user: UserNumber) {
        guard contains(user), queues[user].pulledAt != .never, queues[user].evidence == .prior
        else { return }
        queues[user].evidence = Evidence(recent: recent)
    }

    /// What is known of a user that an earlier process pulled.
    package struct PulledEarlier: Sendable {
        package let user: UserNumber
        package let lastPull: MonotonicTime
        package let evidence: Evidence
        package let calls: Int

        /// - Parameter calls: of that pull.
        package init(
            user: UserNumber, lastPull: MonotonicTime, evidence: Evidence = .prior, calls: Int = 1
        ) {
            self.user = user
            self.lastPull = lastPull
            self.evidence = evidence
            self.calls = calls
        }
    }

    /// The user is not pulled any more. One whose pass is running leaves when that finishes.
    package mutating func remove(_ user: UserNumber) {
        guard contains(user) else { return }
        count -= 1
        callsOfAll -= Int(queues[user].calls)
        forgetPresence(of: user)
        if isTaken(user) { queues.put(user, at: .takenAndRemoved) } else { unlink(user) }
    }

    /// Whether the user has its turn.
    package func contains(_ user: UserNumber) -> Bool {
        guard queues.knows(user) else { return false }
        let place = queues[user].place
        return place != .none && place != .takenAndRemoved
    }

    /// The user is asked for: it is next, even if it is waiting for its time. One whose pass
    /// is running is pulled once more, since that pass may have looked already.
    /// - Parameter urgently: before all others that were only asked for: there is something to be
    ///   sent.
    package mutating func nudge(_ user: UserNumber, urgently: Bool = false) {
        guard contains(user) else { return }
        switch queues[user].place {
        case .taken, .takenAndAsked:
            queues.put(user, at: urgently ? .takenAndUrgent : .takenAndAsked)
        case .urgent, .takenAndUrgent: break
        case .asked where !urgently: break
        default:
            unlink(user)
            queues.append(user, to: urgently ? .urgent : .asked)
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
        wait(user, until: time, urgently: urgently)
    }

    /// The user has just changed something, as was heard and not seen: it is looked at again soon.
    package mutating func changed(_ user: UserNumber, now: MonotonicTime) {
        if contains(user) { bookLook(at: user, now: now) }
    }

    private mutating func bookLook(at user: UserNumber, now: MonotonicTime) {
        followUps.book(
            user, pulledAt: queues[user].pulledAt, price: prices.mean, interval: minInterval,
            now: now)
    }

    /// True while a pass of the user is running.
    package func isTaken(_ user: UserNumber) -> Bool {
        guard queues.knows(user) else { return false }
        switch queues[user].place {
        case .taken, .takenAndAsked, .takenAndUrgent, .takenAndRemoved: return true
        default: return false
        }
    }

    private func isAsked(_ user: UserNumber) -> Bool {
        let place = queues[user].place
        return place == .asked || place == .urgent
    }

    // MARK: After a pass

    /// Gives a taken user back. `at` is when its pull was sent: what changed later has not been
    /// seen. `calls`: how many its pull made.
    package mutating func finish(
        _ user: UserNumber, at time: MonotonicTime, outcome: Outcome, calls: Int
    ) {
        precondition(isTaken(user), "user \(user) was finished without having been taken")
        let place = queues[user].place
        queues.put(user, at: .none)
        count(calls, of: user, outcome)
        if case .pulled(let finding) = outcome {
            pulled(user, at: time, finding, calls: calls, isListed: place != .takenAndRemoved)
        }
        switch (place, outcome) {
        case (.takenAndRemoved, _): break
        case (.takenAndAsked, _): queues.append(user, to: .asked)
        case (.takenAndUrgent, _): queues.append(user, to: .urgent)
        case (_, .pulled): queue(user)
        case (_, .failed(let retryAt)): wait(user, until: retryAt, urgently: false)
        case (_, .notTried):
            if queues[user].pulledAt == .never {
                queues.prepend(user, to: .new)
            } else {
                queue(user)
            }
        }
    }

    private mutating func pulled(
        _ user: UserNumber, at time: MonotonicTime, _ finding: PullFinding, calls: Int,
        isListed: Bool
    ) {
        let last = queues[user].pulledAt
        let span = last == .never ? 0 : max(0, (time - last.time).inSeconds)
        if last != .never, presence != nil {
            learn(of: user, finding, after: span, at: time)
        } else {
            queues[user].evidence = queues[user].evidence.adding(finding, after: span)
        }
        queues[user].pulledAt = PullTime(time)
        let cost = UInt8(clamping: max(1, calls))
        if isListed { callsOfAll += Int(cost) - Int(queues[user].calls) }
        queues[user].calls = cost
        if case .changed(let age?) = finding, age < FollowUps.window {
            bookLook(at: user, now: time)
        }
    }

    /// The first call of a pass was counted when its user was taken.
    private mutating func count(_ calls: Int, of user: UserNumber, _ outcome: Outcome) {
        let marks = queues[user].marks
        let more = max(0, calls - 1)
        callsAhead += marks.contains(.isReturning) ? more : -min(more, callsAhead)
        followUps.count(calls: more, ofLook: marks.contains(.isLook))
        hintedCalls.count(more, ofIts: marks.contains(.isHinted))
        if marks.contains(.isLook), case .pulled(let finding) = outcome {
            followUps.learn(found: finding != .unchanged)
        }
        queues[user].marks.subtract([.isReturning, .isLook, .isHinted])
    }

    // MARK: What is known

    /// When the user was last pulled; nil when never.
    package func lastPull(of user: UserNumber) -> MonotonicTime? {
        guard queues.knows(user), queues[user].pulledAt != .never else { return nil }
        return queues[user].pulledAt.time
    }

    /// What is known of how often the user changes, and the calls of its last pull; nil when it was never
    /// pulled.
    package func knowledge(of user: UserNumber) -> (evidence: Evidence, calls: Int)? {
        guard queues.knows(user), queues[user].pulledAt != .never else { return nil }
        return (queues[user].evidence, Int(queues[user].calls))
    }

    /// The chance that the copy of a user who was pulled lacks a change.
    package func chanceOfStaleness(of user: UserNumber, now: MonotonicTime) -> Double {
        let slot = queues[user]
        let span = Double(max(0, now.nanoseconds - slot.pulledAt.time.nanoseconds)) / 1e9
        return SyncRules.chanceOfStaleness(rate: slot.evidence.rate, after: span)
    }

    /// The expected staleness in seconds, for each call, at which users are pulled now.
    package var price: Double { prices.mean }

    /// Of the second looks lately, how many found a change.
    package var hitRateOfLooks: Double { followUps.hitRate }

    /// How long one pull of every user takes with all the calls that there are.
    package var sweep: Duration {
        callsPerSecond > 0 ? .seconds(Double(callsOfAll) / callsPerSecond) : .zero
    }

    /// Sweeps that must fit into the limit: with fewer, there would be no choice left.
    private static let sweepsOfTheLimit = 1.25

    /// No user goes unpulled for longer: `maxStaleness`, or more where the calls do not suffice.
    package var limit: Duration { max(maxStaleness, sweep * Self.sweepsOfTheLimit) }

    /// Memory that the schedule needs for each user: what is kept of it, what hints have said of it, and its links in
    /// two lists.
    package static let bytesForAUser =
        MemoryLayout<UserQueues.Slot>.stride + MemoryLayout<Presence.Slot>.stride
        + 4 * MemoryLayout<UserNumber>.stride

    // MARK: Within

    private mutating func enter(_ user: UserNumber) {
        count += 1
        callsOfAll += Int(queues[user].calls)
    }

    /// Puts a user who was pulled, and is in no queue, into that of its class.
    mutating func queue(_ user: UserNumber) {
        let (turn, start) = turn(of: user)
        queues[user].countsFrom = start
        let place = UserQueues.Place(turn)
        if place.isHinted {
            queues.append(user, to: place)
        } else {
            queues.insert(user, into: place)
        }
        enterByPull(user)
    }

    private mutating func wait(_ user: UserNumber, until time: MonotonicTime, urgently: Bool) {
        queues.append(user, to: .waiting)
        if urgently {
            queues[user].marks.insert(.isUrgentThen)
        } else {
            queues[user].marks.remove(.isUrgentThen)
        }
        waiting.insert(time, user)
    }

    mutating func unlink(_ user: UserNumber) {
        if queues[user].place == .waiting { waiting.forget(user) }
        if queues[user].place.isClass { presence?.leave(user) }
        queues.unlink(user)
    }
}
