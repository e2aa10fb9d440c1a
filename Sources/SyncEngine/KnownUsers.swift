import ChatModel
import MirrorStore
import SyncRules

// At the start the list of users (a file of up to millions of lines) is compared with what the mirror knows.
// Both are read as streams; kept are the table of ids and some bytes a user.

/// Every user the mirror knows and which of them are in the list.
package struct KnownUsers: Sendable {
    package private(set) var roster = UserIDTable()
    package private(set) var listed = UserSet()
    /// By user number: of the listing that the mirror equals, or `Digest.none`.
    package private(set) var digests: [Digest] = [.none]
    /// By user number: when it was last pulled; zero when never.
    package private(set) var pulledAt: [WallTime] = [WallTime(milliseconds: 0)]
    /// By user number: what is known of how often it changes, and the calls of its last pull.
    private(set) var evidence: [Evidence] = [.prior]
    private(set) var calls: [UInt8] = [1]
    /// Users about whom there were hints, and what was learned from all of those.
    private(set) var hinted = UserSet()
    private(set) var presence: PresenceRecord?
    /// Whether the evidence of a listed user who was pulled is not known.
    private(set) var lacksEvidence = false
    package private(set) var troubles: [UserNumber: Remembered] = [:]
    package private(set) var holds: [UserNumber: Hold] = [:]
    private var stored = UserSet()
    private var counts = ListCounts()

    /// A failure that an earlier run left.
    package struct Remembered: Sendable {
        let failures: Int
        let isParked: Bool
        let retryAt: WallTime

        /// When the back-off is over: by a calendar that may have been set since, so never longer
        /// than the longest back-off.
        func retry(wall: WallTime, now: MonotonicTime) -> MonotonicTime {
            let longest =
                isParked ? BackOff.parked : BackOff.longest(afterFailures: max(1, failures))
            return now + min(max(.zero, retryAt - wall), longest)
        }
    }

    /// What reading the list came to.
    package struct ListCounts: Sendable, Equatable {
        package var users = 0
        package var added = 0
        package var removed = 0
        package var repeated = 0
        package var unusual = 0
        /// Users that the list had before.
        package var before = 0
        /// New ids that differ from ones that left only by quotes, commas or case.
        package var likenesses = 0
        /// The first of them: the new id and the one that left.
        package var likeness: Likeness?

        /// Two ids that may be meant to be one.
        package struct Likeness: Sendable, Equatable {
            let new: UserID
            let old: UserID
        }

        package init(
            users: Int = 0, added: Int = 0, removed: Int = 0, repeated: Int = 0, unusual: Int = 0,
            before: Int = 0
        ) {
            self.before = before
            self.users = users
            self.added = added
            self.removed = removed
            self.repeated = repeated
            self.unusual = unusual
        }
    }

    /// Users written to the store at once.
    private static let batch = 20_000

    /// How many users the list had when it was read last, by an earlier process perhaps.
    package var listedBefore: Int { stored.count }

    /// Reads what the store knows.
    package init(reading store: any MirrorStore) throws {
        var listedBefore = UserSet()
        try store.readUsers { user in
            roster.add(user.id.string.utf8, as: user.number)
            reserve(user.number)
            if user.isListed { listedBefore.insert(user.number) }
            if let digest = user.digest { digests[Int(user.number)] = digest }
            if let time = user.pulledAt {
                enter(
                    PullNote(
                        user: user.number, at: time, evidence: user.evidence ?? .prior,
                        calls: user.calls, hasHints: user.hasHints))
                if user.isListed, user.evidence == nil { lacksEvidence = true }
            }
            if let retryAt = user.retryAt {
                troubles[user.number] = Remembered(
                    failures: user.failures, isParked: user.isParked, retryAt: retryAt)
            }
            holds[user.number] = user.hold
        }
        stored = listedBefore
        try store.readRecentPulls { enter($0) }
        presence = try store.learnedPresence()
    }

    /// Takes in a pull. Its time may be older than one that is known; what it says of the user is not.
    private mutating func enter(_ pull: PullNote) {
        let place = Int(pull.user)
        guard place < pulledAt.count else { return }
        pulledAt[place] = max(pull.at, pulledAt[place])
        evidence[place] = pull.evidence
        calls[place] = UInt8(clamping: max(1, pull.calls))
        if pull.hasHints { hinted.insert(pull.user) }
    }

    /// Makes the list the one that `read` gives, in the store too: new users get numbers, those
    /// that are gone are marked. `read` calls its argument with the bytes of each id, each already
    /// found to be a valid one.
    package mutating func relist(
        in store: any MirrorStore, at time: WallTime,
        _ read: ((ArraySlice<UInt8>) -> Void) throws -> Void
    ) throws -> ListCounts {
        counts = ListCounts()
        let before = stored.count
        listed = UserSet()
        var added: [UserNumber] = []
        try read { id in
            let number = roster.number(of: id) ?? enter(id)
            guard listed.insert(number) else {
                counts.repeated += 1
                return
            }
            if !UserID.isUsual(id) { counts.unusual += 1 }
            if !stored.contains(number) { added.append(number) }
        }
        let removed = (1...max(1, roster.highest)).filter {
            stored.contains($0) && !listed.contains($0)
        }
        for start in stride(from: 0, to: added.count, by: Self.batch) {
            let part = added[start..<min(start + Self.batch, added.count)]
            try store.list(part.map { ($0, roster.id(of: $0)) }, at: time)
        }
        if !removed.isEmpty { try store.unlist(removed, at: time) }
        stored = listed
        counts.users = listed.count
        counts.added = added.count
        counts.removed = removed.count
        counts.before = before
        compare(added, removed)
        return counts
    }

    /// A script that begins to write quotes, or another case, turns all users into other ones.
    private mutating func compare(_ added: [UserNumber], _ removed: [UserNumber]) {
        guard !added.isEmpty, !removed.isEmpty else { return }
        let gone = Dictionary(
            removed.prefix(Self.batch).map { (roster.id(of: $0).bareForm, $0) },
            uniquingKeysWith: { first, _ in first })
        for user in added {
            let new = roster.id(of: user)
            // A list whose ids lose their quotes again is corrected, not doubtful.
            guard let old = gone[new.bareForm],
                new.string.utf8.count >= roster.id(of: old).string.utf8.count
            else { continue }
            counts.likenesses += 1
            guard counts.likeness == nil else { continue }
            counts.likeness = ListCounts.Likeness(
                new: new, old: roster.id(of: old))
        }
    }

    private mutating func enter(_ id: ArraySlice<UInt8>) -> UserNumber {
        let number = roster.highest + 1
        roster.add(id, as: number)
        reserve(number)
        return number
    }

    private mutating func reserve(_ number: UserNumber) {
        while digests.count <= Int(number) {
            digests.append(.none)
            pulledAt.append(WallTime(milliseconds: 0))
            evidence.append(.prior)
            calls.append(1)
        }
    }
}

extension KnownUsers.ListCounts {
    /// What looks as if the list had been written wrongly.
    package var doubts: [(problem: String, advice: String)] {
        var doubts: [(problem: String, advice: String)] = []
        if removed > 2, removed * 2 > before {
            doubts.append(
                (
                    "\(removed) of the \(before) users that were in the list have left it",
                    "if that is wrong, write the list again and reload; their mirror is kept"
                ))
        }
        if let likeness {
            doubts.append(
                (
                    "\(likenesses) new ids differ from ids that left only by quotes, commas or case: "
                        + "'\(likeness.new)' for '\(likeness.old)'",
                    "one id a line, without quotes or commas; ids are case-sensitive"
                ))
        }
        return doubts
    }
}

extension UserID {
    /// Without quotes and commas, in lower case.
    fileprivate var bareForm: String {
        string.filter { !"\"',`".contains($0) }.lowercased()
    }
}

extension Digest {
    /// Of no listing: what SHA-256 never gives in practice.
    static let none = Digest(words: (0, 0, 0, 0))
}

extension Schedule {
    /// Enters the listed users of a book: those never pulled as new ones, the others in the order
    /// of their last pull.
    mutating func fill(from book: KnownUsers, wall: WallTime, now: MonotonicTime) {
        reserve(Int(book.roster.highest))
        var pulled: [(at: WallTime, user: UserNumber)] = []
        for user in 1...max(1, book.roster.highest) where book.listed.contains(user) {
            let time = book.pulledAt[Int(user)]
            if time.milliseconds == 0 { add(user) } else { pulled.append((time, user)) }
        }
        pulled.sort { ($0.at, $0.user) < ($1.at, $1.user) }
        restore(pulled.lazy.compactMap { book.pull(of: $0.user, wall: wall, now: now) })
        if let presence = book.presence {
            let hinted = (1...max(1, book.roster.highest)).lazy.filter(book.hinted.contains)
            restorePresence(presence, of: hinted, now: now)
        }
        for (user, trouble) in book.troubles where contains(user) {
            postpone(user, until: trouble.retry(wall: wall, now: now))
        }
    }

    /// Takes in what the book knows of users who have no turn.
    mutating func remember(_ book: KnownUsers, wall: WallTime, now: MonotonicTime) {
        reserve(Int(book.roster.highest))
        for user in 1...max(1, book.roster.highest) where !contains(user) {
            if let pull = book.pull(of: user, wall: wall, now: now) { remember(pull) }
        }
    }
}

extension KnownUsers {
    /// The last pull of a user; nil when it was never pulled.
    fileprivate func pull(of user: UserNumber, wall: WallTime, now: MonotonicTime)
        -> Schedule.PulledEarlier?
    {
        guard Int(user) < pulledAt.count, pulledAt[Int(user)].milliseconds != 0 else { return nil }
        let time = pulledAt[Int(user)]
        return Schedule.PulledEarlier(
            // A pull that lies in the future was written by a clock that has been set back: it counts as
            // just made.
            user: user, lastPull: now + min(.zero, time - wall), evidence: evidence[Int(user)],
            calls: Int(calls[Int(user)]))
    }
}
