import ChatModel

// What pulls found about their users is written in batches. Pulls come in the order of freshness, not of the
// users, so in a large mirror nearly each of them concerns another page of the database; to write them one by
// one, or even in batches of a minute, would cost pages where some bytes are enough. So a batch is appended
// to a list of recent pulls, and the list is folded into the table of all users part by part, each part once
// it is worth its pages. A crash costs what was not written: some users are pulled earlier than needed.

/// What is to be stored of a pull apart from its content.
package struct PullNote: Hashable, Sendable {
    package let user: UserNumber
    package let at: WallTime
    package let evidence: Evidence
    /// Of the pull.
    package let calls: Int
    /// A hint has come about the user at some time.
    package let hasHints: Bool

    package init(
        user: UserNumber, at: WallTime, evidence: Evidence, calls: Int, hasHints: Bool = false
    ) {
        self.hasHints = hasHints
        self.user = user
        self.at = at
        self.evidence = evidence
        self.calls = calls
    }

    /// Users are kept in slices of this many.
    package static let slice: UserNumber = 32_768

    /// The slice that the user is in.
    package var slice: Int { Int(user / Self.slice) }
}

/// Notes to be written together, and the slices whose recent pulls become part of the table of all users.
package struct PullBatch: Sendable {
    /// By time, then by user.
    package let notes: [PullNote]
    package let folded: Set<Int>

    package init(notes: [PullNote], folded: Set<Int> = []) {
        self.notes = notes.sorted { ($0.at, $0.user) < ($1.at, $1.user) }
        self.folded = folded
    }
}

/// Pulls that are to be written, and when. A value without a clock.
package struct PullLedger: Sendable {
    private var notes: [UserNumber: PullNote] = [:]
    private var oldest: MonotonicTime?
    private var nextSlice = 0
    /// Users whose part of the table may be written.
    private var credit = 0
    /// The highest number of a user so far.
    private var highest: UserNumber = 0

    /// How long a note waits: not so long that a copy that is kept fresh could look stale.
    private var patience = longest
    private static let longest = Duration.seconds(60)
    private static let shortest = Duration.seconds(1)
    /// Of the greatest age that a copy may have.
    private static let hundredth = 100

    /// The table's pages hold about 170 users; a page for every 85 pulls is as much as their own notes take.
    private static let usersForANote = 2

    package init() {}

    package var isEmpty: Bool { notes.isEmpty }

    /// Takes in how old a copy may become.
    package mutating func set(maxStaleness: Duration) {
        patience = min(Self.longest, max(Self.shortest, maxStaleness / Self.hundredth))
    }

    /// Takes in a pull; an earlier one of the same user is forgotten.
    package mutating func add(_ note: PullNote, now: MonotonicTime) {
        notes[note.user] = note
        highest = max(highest, note.user)
        oldest = oldest ?? now
    }

    /// Whether the notes have waited long enough.
    package func isDue(now: MonotonicTime) -> Bool { oldest.map { now - $0 >= patience } ?? false }

    /// The note of one user, if there is one.
    package mutating func take(_ user: UserNumber) -> PullBatch? {
        notes.removeValue(forKey: user).map { PullBatch(notes: [$0]) }
    }

    /// All notes, and the slices to be folded with them.
    package mutating func takeAll() -> PullBatch {
        defer {
            notes = [:]
            oldest = nil
        }
        return PullBatch(notes: Array(notes.values), folded: slicesToFold())
    }

    /// Slices in turn, as many as the notes are worth.
    private mutating func slicesToFold() -> Set<Int> {
        let slices = Int(highest / PullNote.slice) + 1
        let users = min(Int(PullNote.slice), Int(highest))
        credit = min(credit + notes.count * Self.usersForANote, slices * users)
        var folded: Set<Int> = []
        while users > 0, credit >= users, folded.count < slices {
            credit -= users
            folded.insert(nextSlice % slices)
            nextSlice = (nextSlice + 1) % slices
        }
        return folded
    }
}
