import ChatModel
import MirrorStore
import SyncRules
import Synchronization

/// A real store, with somebody who looks at each commit before and after it.
package final class HookedStore: MirrorStore {
    private let inner: any MirrorStore
    private let before: @Sendable ([StoreEntry]) throws(StoreFailure) -> Void
    private let after: @Sendable ([StoreEntry]) -> Void
    private let beforeLooking: @Sendable () throws(StoreFailure) -> Void
    private let afterListing: @Sendable () -> Void
    private let beforeEdits: @Sendable () throws(StoreFailure) -> Void

    /// - Parameters:
    ///   - before: may let the commit fail.
    ///   - after: sees what has been committed.
    ///   - beforeLooking: may let a look at requests, decisions and the outbox fail.
    ///   - beforeEdits: may let the reading of a user's edits fail.
    ///   - afterListing: a pass has listed its user and is about to read the mirror.
    package init(
        _ inner: any MirrorStore,
        before: @escaping @Sendable ([StoreEntry]) throws(StoreFailure) -> Void = { _ in },
        after: @escaping @Sendable ([StoreEntry]) -> Void = { _ in },
        beforeLooking: @escaping @Sendable () throws(StoreFailure) -> Void = {},
        afterListing: @escaping @Sendable () -> Void = {},
        beforeEdits: @escaping @Sendable () throws(StoreFailure) -> Void = {}
    ) {
        self.inner = inner
        self.before = before
        self.after = after
        self.beforeLooking = beforeLooking
        self.afterListing = afterListing
        self.beforeEdits = beforeEdits
    }

    /// A store whose next commits fail.
    package static func failing(
        _ inner: any MirrorStore, failures: Int, kind: StoreFailure.Kind = .passing
    ) -> HookedStore {
        let left = Counter(failures)
        return HookedStore(inner) { _ throws(StoreFailure) in
            if left.takeOne() {
                throw StoreFailure(kind: kind, problem: "the test says no", advice: "")
            }
        }
    }

    private final class Counter: Sendable {
        private let left: Mutex<Int>

        init(_ count: Int) { left = Mutex(count) }

        func takeOne() -> Bool {
            left.withLock { left in
                defer { left = max(0, left - 1) }
                return left > 0
            }
        }
    }

    package func commit(_ entries: [StoreEntry]) async throws(StoreFailure) -> CommitReport {
        try before(entries)
        let report = try await inner.commit(entries)
        after(entries)
        return report
    }

    package func readUsers(_ each: (StoredUser) -> Void) throws(StoreFailure) {
        try inner.readUsers(each)
    }

    package func readRecentPulls(_ each: (PullNote) -> Void) throws(StoreFailure) {
        try inner.readRecentPulls(each)
    }

    package func learnedPresence() throws(StoreFailure) -> PresenceRecord? {
        try inner.learnedPresence()
    }

    package func recentChanges(of users: ClosedRange<UserNumber>, since time: WallTime)
        async throws(StoreFailure) -> [UserNumber: Int]
    {
        try beforeLooking()
        return try await inner.recentChanges(of: users, since: time)
    }

    package func list(_ users: [(number: UserNumber, id: UserID)], at time: WallTime)
        throws(StoreFailure)
    {
        try inner.list(users, at: time)
    }

    package func unlist(_ users: [UserNumber], at time: WallTime) throws(StoreFailure) {
        try inner.unlist(users, at: time)
    }

    package func snapshot(of user: UserNumber) async throws(StoreFailure) -> Snapshot {
        afterListing()
        return try await inner.snapshot(of: user)
    }

    package func wasWrittenByOthers() async throws(StoreFailure) -> Bool {
        try await inner.wasWrittenByOthers()
    }

    package func openRequests() async throws(StoreFailure) -> [ResyncRequest] {
        try beforeLooking()
        return try await inner.openRequests()
    }

    package func holds() async throws(StoreFailure) -> [UserNumber: Hold] {
        try beforeLooking()
        return try await inner.holds()
    }

    package func unsettledEdits(of user: UserNumber) async throws(StoreFailure) -> [Edit] {
        try beforeEdits()
        return try await inner.unsettledEdits(of: user)
    }

    package func usersWithOpenEdits(at time: WallTime) async throws(StoreFailure) -> [UserNumber:
        WallTime?]
    {
        try beforeLooking()
        return try await inner.usersWithOpenEdits(at: time)
    }

    package func outboxChanges(after number: Int64) async throws(StoreFailure) -> (
        users: [UserNumber], last: Int64
    ) {
        try beforeLooking()
        return try await inner.outboxChanges(after: number)
    }

    package func outboxTotals() async throws(StoreFailure) -> OutboxTotals {
        try await inner.outboxTotals()
    }

    package func prune(before time: WallTime, changesUpTo revision: Int64)
        async throws(StoreFailure) -> Int
    {
        try await inner.prune(before: time, changesUpTo: revision)
    }
}
