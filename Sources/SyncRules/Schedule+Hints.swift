import ChatModel

// What hints do. A person edits only while online, so a second online weighs more than one offline, by as much as
// pulls have found; on average a second weighs 1, and a user of whom nothing is known is as without hints. Who has
// gone offline since its last pull is best pulled now: nothing more will happen until its next visit. A hint books
// a pull and is evidence of nothing: no user goes unpulled for longer than the limit, whatever is said.

extension Schedule {
    /// Takes in that something happened to a user; what is old, doubled or of no use is dropped. Constant time; only
    /// the first hint of all sorts the users by their last pull.
    /// - Parameter event: when it happened, by this schedule's clock; one of the future counts as now.
    /// - Returns: false when it was dropped.
    @discardableResult
    package mutating func hint(
        _ user: UserNumber, _ kind: Hint, at event: MonotonicTime, now: MonotonicTime
    ) -> Bool {
        guard contains(user) else { return false }
        if presence == nil { beginPresence(now: now) }
        presence?.learned.heard(now: now)
        let event = min(event, now)
        if kind == .changed { return wasChanged(user, at: event) }
        guard let old = presence?[user], PullTime(event) > old.since else { return false }
        if kind == .online {
            cameOnline(user, old, at: event, now: now)
        } else {
            wentOffline(user, old, at: event, now: now)
        }
        return true
    }

    /// Half of the limit is the longest that a user is expected to stay away.
    var expectedAbsence: Double {
        let most = limit.inSeconds / 2
        return presence?.learned.meanAbsence(most: most) ?? most
    }

    // MARK: The three hints

    private mutating func cameOnline(
        _ user: UserNumber, _ old: Presence.Slot, at event: MonotonicTime, now: MonotonicTime
    ) {
        var slot = old
        let from = max(old.since, queues[user].pulledAt)
        if old.state == .online {
            // The end of a visit was lost.
            slot.online += presence?.learned.credit(upTo: (event - from.time).inSeconds) ?? 0
        }
        (slot.since, slot.state, slot.isKnown) = (PullTime(event), .online, true)
        slot.visits = min(2, slot.visits + 1)
        presence?[user] = slot
        presence?.learned.move(from: old.state, to: .online, now: now)
        if case .quiet? = queues[user].place.turnClass { requeue(user) }
    }

    private mutating func wentOffline(
        _ user: UserNumber, _ old: Presence.Slot, at event: MonotonicTime, now: MonotonicTime
    ) {
        var slot = old
        let from = max(old.since, queues[user].pulledAt)
        let span = max(0, (event - from.time).inSeconds)
        if old.state == .online {
            slot.online += span
            presence?.learned.visitEnded(seconds: (event - old.since.time).inSeconds)
        } else {
            // The begin of a visit was lost.
            let credit = presence?.learned.credit(upTo: span) ?? 0
            slot.online += credit
            slot.visits = min(2, slot.visits + 1)
            if old.state == .offline { presence?.learned.credited(credit) }
            presence?.learned.visitEnded(seconds: nil)
        }
        (slot.since, slot.state, slot.isKnown) = (PullTime(event), .offline, true)
        presence?[user] = slot
        presence?.learned.move(from: old.state, to: .offline, now: now)
        guard let place = queues[user].place.turnClass else { return }
        guard case .visited(let waits) = place else { return requeue(user) }
        // It keeps the time from which it has waited.
        let start = queues[user].countsFrom
        guard case .visited(let own) = turn(of: user).turn, own != waits else { return }
        requeue(user, start: start)
    }

    private mutating func wasChanged(_ user: UserNumber, at event: MonotonicTime) -> Bool {
        guard let old = presence?[user], PullTime(event) > queues[user].pulledAt,
            old.changedAt == .never, presence?.learned.mayBelieveChanged() == true
        else { return false }
        presence?[user].changedAt = PullTime(event)
        presence?[user].isKnown = true
        guard let place = queues[user].place.turnClass else { return true }
        if case .visited(let waits) = place, case .visited(let own) = turn(of: user).turn,
            waits.isAsHigh(as: own)
        {
            return true
        }
        requeue(user)
        return true
    }

    private mutating func requeue(_ user: UserNumber, start: PullTime? = nil) {
        let (turn, from) = turn(of: user)
        queues.unlink(user)
        queues[user].countsFrom = start ?? from
        // Hints come nearly in the order of their times; to look for the place of each would take too long.
        queues.append(user, to: UserQueues.Place(turn))
    }

    // MARK: The place of a user

    /// The class in which a user has its turn, and since when its value has grown.
    func turn(of user: UserNumber) -> (turn: TurnClass, start: PullTime) {
        let slot = queues[user]
        let (last, calls, rate) = (slot.pulledAt, Int(slot.calls), slot.evidence.rate)
        guard let presence else { return (.quiet(StalenessClass(rate: rate, calls: calls)), last) }
        let own = presence[user]
        if own.changedAt != .never {
            let chance = ChanceClass(chance: presence.learned.truthOfChanged, calls: calls)
            return (.visited(chance), max(last, own.changedAt))
        }
        // Of the time before a restart it is only known that it weighs 1.
        let isRestored = own.state == .offline && own.since == .never
        let weight = isRestored ? 1 : presence.learned.weight(of: own.state)
        let steady = StalenessClass(rate: rate * weight, calls: calls)
        switch own.state {
        case .online: return (.online(steady), max(own.since, last))
        case .offline where own.since > last && own.online > 0:
            let seconds = own.seconds(since: last, until: own.since.time)
            let unseen = rate * presence.learned.weighed(seconds)
            let middle = own.since.time - .seconds(own.online / 2)
            return (
                .visited(ChanceClass(chance: unseen / (1 + unseen), calls: calls)),
                max(last, PullTime(middle))
            )
        case .offline, .unknown: return (.quiet(steady), last)
        }
    }

    /// Takes a user into the order of the last pulls.
    mutating func enterByPull(_ user: UserNumber) {
        guard presence != nil else { return }
        let time = queues[user].pulledAt
        presence?.enter(user) { [queues] in queues[$0].pulledAt > time }
    }

    // MARK: After a pull

    /// Learns what a pull says about the user and about all of them.
    /// - Parameter span: seconds since the pull before.
    mutating func learn(
        of user: UserNumber, _ finding: PullFinding, after span: Double, at time: MonotonicTime
    ) {
        guard var slot = presence?[user], let learned = presence?.learned else { return }
        let last = queues[user].pulledAt
        let whole =
            slot.state == .unknown
            ? span : learned.weighed(slot.seconds(since: last, until: time))
        let watched: Double
        switch finding {
        case .unchanged: watched = whole
        case .changed(nil): watched = whole / 2
        case .changed(let age?):
            let moment = max(last.time, min(time, time - age))
            watched =
                slot.state == .unknown
                ? (time - moment).inSeconds
                : learned.weighed(slot.seconds(since: last, until: time, after: moment))
            if slot.state != .unknown {
                presence?.learned.found(
                    changeInVisit: slot.visits > 1 || slot.hasInLastVisit(moment))
            }
        }
        queues[user].evidence = queues[user].evidence.adding(
            finding, after: span, watched: watched)
        if slot.changedAt != .never, slot.changedAt <= PullTime(time) {
            presence?.learned.said(truth: finding != .unchanged)
            slot.changedAt = .never
        }
        forgetVisits(before: time, &slot)
        if slot.state == .offline, slot.since == .never { slot.since = PullTime(time) }
        if slot.state == .online, time - slot.since.time > Self.longestVisit {
            presence?.learned.move(from: .online, to: .unknown, now: time)
            slot.state = .unknown
        }
        presence?[user] = slot
    }

    /// A device that never logs out, or a lost end.
    private static let longestVisit = Duration.seconds(3600)

    /// What lies after the sending of a pull has not been seen.
    private func forgetVisits(before time: MonotonicTime, _ slot: inout Presence.Slot) {
        slot.online = min(slot.online, max(0, (slot.since.time - time).inSeconds))
        slot.visits = slot.online > 0 || slot.since.time > time ? 1 : 0
    }

    /// The user has left the list.
    mutating func forgetPresence(of user: UserNumber) {
        guard let slot = presence?[user], slot.isKnown else { return }
        presence?.learned.leave(slot.state)
        presence?[user] = Presence.Slot()
    }

    // MARK: Over a restart

    /// What was learned from all hints together; nil where there was none.
    package var presenceRecord: PresenceRecord? { presence?.learned.record }

    /// Whether a hint has come about the user at some time.
    package func hasHints(about user: UserNumber) -> Bool { presence?[user].isKnown ?? false }

    /// Takes up what an earlier process had learned, once its users are restored. The hints of the time between
    /// are lost, so the seconds until now weigh 1 for everyone.
    /// - Parameter users: about whom there have been hints.
    package mutating func restorePresence(
        _ record: PresenceRecord, of users: some Sequence<UserNumber>, now: MonotonicTime
    ) {
        beginPresence(now: now)
        presence?.learned.restore(record)
        let share = presence?.learned.shareOnline ?? 0
        for user in users where contains(user) {
            let span = max(0, (now - queues[user].pulledAt.time).inSeconds)
            presence?[user].isKnown = true
            presence?[user].state = .offline
            presence?[user].online = span * share
            presence?.learned.move(from: .unknown, to: .offline, now: now)
        }
    }

    // MARK: The source

    /// The first hint of all.
    private mutating func beginPresence(now: MonotonicTime) {
        presence = Presence(now: now)
        for user in usersByPull() { enterByPull(user) }
    }

    /// Takes in the time: what was learned is computed again, and a source that says nothing any more is
    /// dead: where its users are is not known then.
    mutating func advancePresence(to now: MonotonicTime) {
        guard presence?.learned.advance(to: now) == true,
            presence?.learned.isSilent(now: now) == true
        else { return }
        presence?.forgetEveryone(now: now)
        let users = usersByPull()
        for user in users { unlink(user) }
        for user in users { queue(user) }
    }

    /// Users who wait for their turn, in the order of their last pull.
    private func usersByPull() -> [UserNumber] {
        (1...max(1, queues.highest)).filter { queues.knows($0) && queues[$0].place.isClass }
            .sorted { (queues[$0].pulledAt, $0) < (queues[$1].pulledAt, $1) }
    }
}
