import ChatModel
import SyncRules

/// Where the mirror lives, as the engine sees it. One process writes; any number read. What a
/// method has returned from is durable: it survives a power cut. A method that throws has changed
/// nothing and may be called again.
package protocol MirrorStore: Sendable {
    /// Every user the mirror knows, in no particular order. `each` must not call the store.
    func readUsers(_ each: (StoredUser) -> Void) throws(StoreFailure)

    /// Pulls that are newer than what `readUsers` gives, those of a user in the order of time. `each` must not
    /// call the store.
    func readRecentPulls(_ each: (PullNote) -> Void) throws(StoreFailure)

    /// What an earlier process learned from hints; nil where there was none.
    func learnedPresence() throws(StoreFailure) -> PresenceRecord?

    /// How many conversations of each of some users have changed since `time`; users without any are missing.
    func recentChanges(of users: ClosedRange<UserNumber>, since time: WallTime)
        async throws(StoreFailure) -> [UserNumber: Int]

    /// Adds users under numbers that no user had before, or puts known ones (back) into the list.
    func list(_ users: [(number: UserNumber, id: UserID)], at: WallTime) throws(StoreFailure)

    /// Marks users as no longer in the list; everything about them stays.
    func unlist(_ users: [UserNumber], at: WallTime) throws(StoreFailure)

    /// What the mirror holds of a user; empty for one that was never pulled.
    func snapshot(of user: UserNumber) async throws(StoreFailure) -> Snapshot

    /// Writes all entries in one transaction, or none.
    @discardableResult
    func commit(_ entries: [StoreEntry]) async throws(StoreFailure) -> CommitReport

    /// True when another process has written since the last call (or since the store was opened).
    func wasWrittenByOthers() async throws(StoreFailure) -> Bool

    /// Requests that are not finished, oldest first.
    func openRequests() async throws(StoreFailure) -> [ResyncRequest]

    /// The listed users whose deletions are held, with what operators decided about them.
    func holds() async throws(StoreFailure) -> [UserNumber: Hold]

    /// A user's edits that are open or rejected, in the order of queueing.
    func unsettledEdits(of user: UserNumber) async throws(StoreFailure) -> [Edit]

    /// Users with open edits; for one with an edit in doubt, since when nothing of it is under way any
    /// more in this process or an earlier one. What an earlier one left without an answer is recorded
    /// as such, with `time`.
    func usersWithOpenEdits(at time: WallTime) async throws(StoreFailure) -> [UserNumber: WallTime?]

    /// Users for whom commands have changed something in the outbox since the one of this number.
    func outboxChanges(after number: Int64) async throws(StoreFailure) -> (
        users: [UserNumber], last: Int64
    )

    /// Edits that are not settled, in numbers.
    func outboxTotals() async throws(StoreFailure) -> OutboxTotals

    /// Removes some settled edits and changes that are older than `time`, oldest first, and
    /// what the daemon has taken in of `outboxChanges`. Open and rejected edits stay whatever their age.
    /// - Returns: how many were removed; call again until it is none.
    func prune(before time: WallTime, changesUpTo revision: Int64) async throws(StoreFailure) -> Int
}

/// What is known of a user at start.
package struct StoredUser: Sendable {
    package let number: UserNumber
    package let id: UserID
    package let isListed: Bool
    package let pulledAt: WallTime?
    /// Of the listing that the mirror equals.
    package let digest: Digest?
    package let failures: Int
    package let retryAt: WallTime?
    package let isParked: Bool
    /// Deletions that wait for an operator, decided or not; nil without.
    package let hold: Hold?
    /// Of how often the user changes; nil when it is not known.
    package let evidence: Evidence?
    /// Of the last pull.
    package let calls: Int
    /// A hint has come about the user at some time.
    package let hasHints: Bool
}
