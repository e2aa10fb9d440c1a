import ChatModel
import EventLog
import SyncRules

/// The users as the engine knows them: their ids, and of which listing each one's mirror is.
struct EngineUsers: Sendable {
    private var ids: UserIDTable
    /// The list, for a run whose schedule does not hold every user.
    let listedAtStart: UserSet
    /// By user number: of the listing that the mirror equals.
    private var digests: [Digest]
    /// Listed users with a digest: those whose mirror holds something, except for some at work.
    private var mirrored: Int
    /// Users whose last listing had conversations of an unknown type, and how many.
    private var skipped: [UserNumber: Int] = [:]

    init(_ book: KnownUsers) {
        ids = book.roster
        listedAtStart = book.listed
        digests = book.digests
        mirrored = Self.mirrored(book.digests, book.listed)
    }

    /// The highest number; numbers begin with 1.
    var highest: UserNumber { ids.highest }

    func id(of user: UserNumber) -> UserID { ids.id(of: user) }

    func number(of user: UserID) -> UserNumber? { ids.number(of: Array(user.string.utf8)) }

    /// `.none` when the mirror is not known to equal a listing.
    func digest(of user: UserNumber) -> Digest { digests[Int(user)] }

    /// Other users whose mirror holds something, as far as it has a digest.
    func others(than user: UserNumber) -> Int {
        mirrored - (digests[Int(user)] == .none ? 0 : 1)
    }

    /// Keeps the digest of the listing that the mirror equals.
    mutating func remember(_ digest: Digest, of user: UserNumber, isListed: Bool) {
        if isListed {
            mirrored += (digest == .none ? 0 : 1) - (digests[Int(user)] == .none ? 0 : 1)
        }
        digests[Int(user)] = digest
    }

    /// Takes in how many conversations of a listing were left out.
    /// - Returns: whether it is another number than before, and not none.
    mutating func noteSkipped(_ count: Int, of user: UserNumber) -> Bool {
        guard skipped[user, default: 0] != count else { return false }
        skipped[user] = count == 0 ? nil : count
        return count > 0
    }

    /// Takes over another list.
    mutating func reload(_ book: KnownUsers) {
        ids = book.roster
        while digests.count <= Int(ids.highest) { digests.append(.none) }
        mirrored = Self.mirrored(digests, book.listed)
    }

    private static func mirrored(_ digests: [Digest], _ listed: UserSet) -> Int {
        digests.indices.count { digests[$0] != .none && listed.contains(UserNumber($0)) }
    }
}

/// What the engine knows about the writes of other processes.
struct OtherProcesses: Sendable {
    /// They have written something that was not read yet.
    var mustLook = true
    /// What an earlier process left in the outbox has been read.
    var isOutboxOpen = false
    /// The last change of the outbox by a command that was read.
    var outboxRevision: Int64 = 0
}

/// What passes came to, since the start.
struct PassTotals: Sendable {
    private(set) var passes = 0
    private(set) var unchanged = 0
    private(set) var changes = 0
    private(set) var editsApplied = 0
    private(set) var editsRejected = 0
    /// How long passes took.
    private(set) var took = Histogram()

    /// Counts a pass.
    mutating func add(_ outcome: PassOutcome, took span: Duration) {
        passes += 1
        took.add(span)
        switch outcome {
        case .unchanged: unchanged += 1
        case .changed(let summary): changes += summary.changes
        case .compared, .failed, .storeFailed: break
        }
    }

    /// Counts what became of a pass's edits.
    mutating func add(_ push: PushSummary) {
        editsApplied += push.settled[.applied, default: 0] + push.settled[.satisfied, default: 0]
        editsRejected += push.rejected.count
    }
}
