import ChatModel

// The cloud announces no change of conversation groups, but it reports to an app's backend who logs in and out, and a
// person edits only while online. So hints say when a second is worth how much: while online, offline, or not
// known. They move pulls to better moments and are evidence of nothing else (Schedule+Hints has the policy).

/// Something that was said of a user. It may be false, late, doubled or never come.
package enum Hint: String, CaseIterable, Sendable {
    case online, offline
    /// The user has just changed something.
    case changed
}

/// What hints have said of the users, and what has been learned from them.
struct Presence: Sendable {
    /// Where a user is.
    enum State: UInt8, Sendable {
        /// No hint yet, or none that still counts.
        case unknown
        case offline, online
    }

    /// What is kept of a user.
    struct Slot: Sendable {
        /// When its newest hint of this kind happened.
        var since = PullTime.never
        /// When it is said to have changed something that was not pulled since.
        var changedAt = PullTime.never
        /// Seconds of visits that have ended since its last pull.
        private var endedVisits: Float = 0
        var state = State.unknown
        /// Visits since its last pull: 0, 1, or 2 for more.
        var visits: UInt8 = 0
        /// A hint has come from it at some time.
        var isKnown = false

        var online: Double {
            get { Double(endedVisits) }
            set { endedVisits = Float(newValue) }
        }
    }

    private var slots: [Slot] = [Slot()]
    /// Everyone who has a turn by the last pull, since the queues are in another order.
    private var byPull = UserLists(count: 1)
    var learned: LearnedPresence

    /// - Parameter now: since when it is known who is online.
    init(now: MonotonicTime) { learned = LearnedPresence(now: now) }

    mutating func grow(to user: UserNumber) {
        while slots.count <= Int(user) { slots.append(Slot()) }
        byPull.grow(to: user)
    }

    subscript(user: UserNumber) -> Slot {
        get { Int(user) < slots.count ? slots[Int(user)] : Slot() }
        set {
            grow(to: user)
            slots[Int(user)] = newValue
        }
    }

    /// Where users are is not known any more.
    mutating func forgetEveryone(now: MonotonicTime) {
        for place in slots.indices { slots[place].forget() }
        learned.everyoneUnknown(now: now)
    }

    // MARK: By the last pull

    /// Pulled longest ago; 0 for no user.
    var oldest: UserNumber { byPull.first(of: 0) }

    mutating func enter(_ user: UserNumber, isAfter: (UserNumber) -> Bool) {
        grow(to: user)
        byPull.insert(user, into: 0, isAfter: isAfter)
    }

    mutating func leave(_ user: UserNumber) { byPull.unlink(user, from: 0) }
}

extension Presence.Slot {
    /// Seconds online and offline from a pull until a moment.
    func seconds(since pull: PullTime, until now: MonotonicTime) -> (
        online: Double, offline: Double
    ) {
        let span = max(0, (now - pull.time).inSeconds)
        var online = self.online
        if state == .online { online += max(0, (now - max(since, pull).time).inSeconds) }
        online = min(online, span)
        return (online, span - online)
    }

    /// Of these seconds, those after a moment of the last visit, or of no visit.
    func seconds(
        since pull: PullTime, until now: MonotonicTime, after moment: MonotonicTime
    ) -> (online: Double, offline: Double) {
        let span = max(0, (now - moment).inSeconds)
        var after = 0.0
        switch state {
        case .unknown: break
        case .online:
            after = max(0, (now - max(since.time, moment)).inSeconds)
            if moment < since.time { after += min(online, (since.time - moment).inSeconds) }
        case .offline:
            after = min(online, max(0, (since.time - moment).inSeconds))
        }
        after = min(after, span)
        return (after, span - after)
    }

    /// Where the user is, is not known any more.
    mutating func forget() {
        (state, online, visits, changedAt) = (.unknown, 0, 0, .never)
    }

    /// Whether a change at a moment was made in the last visit, by what is known; two seconds are for clocks.
    func hasInLastVisit(_ moment: MonotonicTime) -> Bool {
        let grace = Duration.seconds(2)
        let begin = since.time - grace
        switch state {
        case .online: return moment >= begin
        case .offline:
            return moment >= begin - .seconds(online) && moment <= since.time + grace
        case .unknown: return false
        }
    }
}

/// How much more happens while users are online, learned from all of them together.
struct LearnedPresence: Sendable {
    /// Changes that pulls found, made while online and while not.
    private var changesOnline = 0.0
    private var changesOffline = 0.0
    /// Seconds that known users spent so.
    private var secondsOnline = 0.0
    private var secondsOffline = 0.0
    private var visits = 0.0
    private var secondsOfVisits = 0.0
    /// Of the users who were said to have changed something, how many had.
    private(set) var truthOfChanged = 0.9
    /// Of the ends of visits lately, those whose begin was not heard of.
    private(set) var endsWithoutBegin = 0.0
    private var usersOnline = 0
    private var usersOffline = 0
    private var heardAt: MonotonicTime?
    private var hints = 0.0
    private var meanGap = 0.0
    private var doubted = 0
    private var countedAt: MonotonicTime
    private var reckonedAt: MonotonicTime

    /// What a second online and a second offline weigh, on average 1.
    private(set) var online = 1.0
    private(set) var offline = 1.0

    /// Seconds in which what was learned comes to count half.
    private static let halfLife = 7 * 86_400.0
    private static let reckoning = Duration.seconds(60)
    /// Changes and visits that are assumed, so that few of them decide nothing.
    private static let assumed = 20.0
    private static let mostRatio = 1000.0

    init(now: MonotonicTime) {
        countedAt = now
        reckonedAt = now
    }

    /// What outlives the process.
    var record: PresenceRecord {
        PresenceRecord(
            changesOnline: changesOnline, changesOffline: changesOffline,
            secondsOnline: secondsOnline, secondsOffline: secondsOffline, visits: visits,
            secondsOfVisits: secondsOfVisits, truthOfChanged: truthOfChanged)
    }

    /// Takes up what an earlier process had learned.
    mutating func restore(_ record: PresenceRecord) {
        (changesOnline, changesOffline) = (record.changesOnline, record.changesOffline)
        (secondsOnline, secondsOffline) = (record.secondsOnline, record.secondsOffline)
        (visits, secondsOfVisits) = (record.visits, record.secondsOfVisits)
        truthOfChanged = record.truthOfChanged
        weigh()
    }

    /// The share of the seconds that known users are online.
    var shareOnline: Double {
        let all = secondsOnline + secondsOffline
        return all > 0 ? secondsOnline / all : 0
    }

    /// Seconds of a visit.
    var meanVisit: Double { visits > 0 ? secondsOfVisits / visits : 0 }

    /// Seconds between two visits.
    /// - Parameter most: what is assumed at first, and never exceeded.
    func meanAbsence(most: Double) -> Double {
        min((secondsOffline + Self.assumed * most) / (visits + Self.assumed), most)
    }

    func weight(of state: Presence.State) -> Double {
        switch state {
        case .unknown: 1
        case .offline: offline
        case .online: online
        }
    }

    func weighed(_ seconds: (online: Double, offline: Double)) -> Double {
        online * seconds.online + offline * seconds.offline
    }

    // MARK: Learning

    /// A user is in another state from now on.
    mutating func move(from old: Presence.State, to new: Presence.State, now: MonotonicTime) {
        count(now: now)
        usersOnline += (new == .online ? 1 : 0) - (old == .online ? 1 : 0)
        usersOffline += (new == .offline ? 1 : 0) - (old == .offline ? 1 : 0)
    }

    /// A user has left the list.
    mutating func leave(_ state: Presence.State) {
        usersOnline -= state == .online ? 1 : 0
        usersOffline -= state == .offline ? 1 : 0
    }

    /// A visit has ended whose begin was heard of, or not.
    mutating func visitEnded(seconds: Double?) {
        endsWithoutBegin += ((seconds == nil ? 1 : 0) - endsWithoutBegin) * 0.001
        guard let seconds else { return }
        visits += 1
        secondsOfVisits += seconds
    }

    /// The seconds of a visit of which only one end was heard of, at most.
    func credit(upTo seconds: Double) -> Double {
        endsWithoutBegin > 0.5 ? 0 : min(meanVisit, max(0, seconds))
    }

    /// Seconds that counted as offline were part of a visit.
    mutating func credited(_ seconds: Double) {
        secondsOnline += seconds
        secondsOffline = max(0, secondsOffline - seconds)
    }

    mutating func found(changeInVisit: Bool) {
        if changeInVisit { changesOnline += 1 } else { changesOffline += 1 }
    }

    /// Takes in whether a user had changed something, as was said of it.
    mutating func said(truth isTrue: Bool) {
        truthOfChanged += ((isTrue ? 1 : 0) - truthOfChanged) * 0.002
    }

    /// A hint has come.
    mutating func heard(now: MonotonicTime) {
        if let before = heardAt {
            hints = min(hints + 1, 1000)
            meanGap += ((now - before).inSeconds - meanGap) / hints
        }
        heardAt = now
    }

    /// Whether hints have stopped coming.
    func isSilent(now: MonotonicTime) -> Bool {
        guard let heardAt, usersOnline + usersOffline > 0 else { return false }
        return (now - heardAt).inSeconds > max(900, 200 * meanGap)
    }

    /// Where users are is not known any more.
    mutating func everyoneUnknown(now: MonotonicTime) {
        count(now: now)
        (usersOnline, usersOffline) = (0, 0)
    }

    /// Whether to believe that a user has changed something: where hardly any had, every twentieth.
    mutating func mayBelieveChanged() -> Bool {
        guard truthOfChanged < 0.2 else { return true }
        doubted = (doubted + 1) % 20
        return doubted == 0
    }

    /// Takes in the time; once a minute the weights are computed again from all that was learned.
    /// - Returns: whether a minute has passed.
    mutating func advance(to now: MonotonicTime) -> Bool {
        guard now - reckonedAt >= Self.reckoning else { return false }
        count(now: now)
        // Nearly a power of one half, without a library's help.
        let kept = 1 / (1 + 0.693 * (now - reckonedAt).inSeconds / Self.halfLife)
        reckonedAt = now
        for place in [
            \Self.changesOnline, \.changesOffline, \.secondsOnline, \.secondsOffline, \.visits,
            \.secondsOfVisits,
        ] { self[keyPath: place] *= kept }
        weigh()
        return true
    }

    private mutating func weigh() {
        guard secondsOnline > 0, secondsOffline > 0 else { return }
        let share = shareOnline
        let often = (changesOnline + Self.assumed * share) / secondsOnline
        let seldom = (changesOffline + Self.assumed * (1 - share)) / secondsOffline
        let ratio = min(max(often / seldom, 1), Self.mostRatio)
        offline = 1 / (share * ratio + 1 - share)
        online = ratio * offline
    }

    private mutating func count(now: MonotonicTime) {
        let span = max(0, (now - countedAt).inSeconds)
        secondsOnline += Double(usersOnline) * span
        secondsOffline += Double(usersOffline) * span
        countedAt = now
    }
}

/// What was learned from all hints together, as far as it outlives the process. Where anybody is, does not.
package struct PresenceRecord: Hashable, Sendable, Codable {
    let changesOnline: Double
    let changesOffline: Double
    let secondsOnline: Double
    let secondsOffline: Double
    let visits: Double
    let secondsOfVisits: Double
    let truthOfChanged: Double

    /// Whether it can be: a damaged one says nothing.
    package var makesSense: Bool {
        [
            changesOnline, changesOffline, secondsOnline, secondsOffline, visits, secondsOfVisits,
            truthOfChanged,
        ].allSatisfy { $0.isFinite && $0 >= 0 } && truthOfChanged <= 1
    }
}
