import ChatModel
import MirrorStore
import SyncRules
import Synchronization

/// A real store whose next commits fail.
package final class FailingStore: MirrorStore {
    private let inner: SQLiteMirror
    private let left: Mutex<Int>
    private let failure: StoreFailure

    package init(_ inner: SQLiteMirror, failures: Int, kind: StoreFailure.Kind = .passing) {
        self.inner = inner
        left = Mutex(failures)
        failure = StoreFailure(kind: kind, problem: "the test says no", advice: "")
    }

    package func commit(_ entries: [StoreEntry]) async throws(StoreFailure) -> CommitReport {
        let mustFail = left.withLock { left in
            guard left > 0 else { return false }
            left -= 1
            return true
        }
        if mustFail { throw failure }
        return try await inner.commit(entries)
    }

    package func readUsers(_ each: (StoredUser) -> Void) throws(StoreFailure) {
        try inner.readUsers(each)
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
        try await inner.snapshot(of: user)
    }

    package func wasWrittenByOthers() async throws(StoreFailure) -> Bool {
        try await inner.wasWrittenByOthers()
    }

    package func openRequests() async throws(StoreFailure) -> [Request] {
        try await inner.openRequests()
    }

    package func heldDecisions() async throws(StoreFailure) -> [UserNumber: HeldDecision?] {
        try await inner.heldDecisions()
    }

    package func unsettledEdits(of user: UserNumber) async throws(StoreFailure) -> [Edit] {
        try await inner.unsettledEdits(of: user)
    }

    package func usersWithOpenEdits() throws(StoreFailure) -> [UserNumber: WallTime?] {
        try inner.usersWithOpenEdits()
    }

    package func outboxNews(after number: Int64) async throws(StoreFailure) -> (
        users: [UserNumber], last: Int64
    ) {
        try await inner.outboxNews(after: number)
    }

    package func outboxTotals() async throws(StoreFailure) -> OutboxTotals {
        try await inner.outboxTotals()
    }

    package func prune(before time: WallTime, news: Int64) async throws(StoreFailure) -> Int {
        try await inner.prune(before: time, news: news)
    }

    package func setMaxStaleness(_ span: Duration) throws(StoreFailure) {
        try inner.setMaxStaleness(span)
    }

    package func wasEverAccepted() throws(StoreFailure) -> Bool { try inner.wasEverAccepted() }

    package func close() throws(StoreFailure) { try inner.close() }
}
