import ChatModel
import GRDB
import SyncRules

// The daemon's side of the outbox: what is open, and what has become of it.

extension SQLiteMirror {
    package func unsettledEdits(of user: UserNumber) async throws(StoreFailure) -> [Edit] {
        try await read { database in try Edit.unsettled(of: Int64(user), in: database) }
    }

    package func usersWithOpenEdits(at time: WallTime) async throws(StoreFailure)
        -> [UserNumber: WallTime?]
    {
        let users = try await usersWithOpenEdits()
        let isInDoubt = users.values.contains { $0 != nil }
        guard isInDoubt, try await takeOverLostCalls(at: time) else { return users }
        return try await usersWithOpenEdits()
    }

    private func usersWithOpenEdits() async throws(StoreFailure) -> [UserNumber: WallTime?] {
        try await read { database in
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT user, max(CASE WHEN state = 'sending' THEN updated_at END)
                    FROM edit WHERE settled = 0 AND state IN ('queued', 'sending') GROUP BY user
                    """)
            return Dictionary(
                uniqueKeysWithValues: rows.map { row in
                    (
                        UserNumber(row[0] as Int64),
                        (row[1] as Int64?).map(WallTime.init(milliseconds:))
                    )
                })
        }
    }

    /// Calls whose end was not recorded: their process is gone. When they left is not known, for
    /// after they were decided they may have waited for their turn.
    /// - Returns: whether there were any.
    private func takeOverLostCalls(at time: WallTime) async throws(StoreFailure) -> Bool {
        try await write { database in
            let lost = try Row.fetchAll(
                database,
                sql: """
                    SELECT user, id FROM edit WHERE state = 'sending' AND settled = 0
                        AND attempts > (SELECT count(*) FROM edit_call WHERE edit_call.edit = edit.id)
                    """)
            for (user, edits) in Dictionary(grouping: lost, by: { $0[0] as Int64 }) {
                let ids = Set(edits.map { EditID($0[1]) })
                for id in ids.sorted() {
                    try database.recordCall(
                        of: id.number, at: time, "unknown",
                        .inDoubt(code: nil, problem: "the program ended before the answer came"))
                }
                try Edit.update(unsettledOf: user, in: database) { edit in
                    ids.contains(edit.id) ? edit.inDoubt(at: time) : edit
                }
            }
            return !lost.isEmpty
        }
    }

    package func outboxChanges(after number: Int64) async throws(StoreFailure) -> (
        users: [UserNumber], last: Int64
    ) {
        try await read { database in
            let rows = try Row.fetchAll(
                database.cachedStatement(
                    sql: "SELECT number, user FROM outbox_news WHERE number > ? ORDER BY number"),
                arguments: [number])
            return (
                rows.map { UserNumber($0[1] as Int64) }, rows.last.map { $0[0] } ?? number
            )
        }
    }

    package func outboxTotals() async throws(StoreFailure) -> OutboxTotals {
        try await read { database in try OutboxTotals.read(database) }
    }

    package func prune(before time: WallTime, changesUpTo revision: Int64)
        async throws(StoreFailure) -> Int
    {
        try await write { database in
            try database.execute(
                sql: "DELETE FROM outbox_news WHERE number <= ?", arguments: [revision])
            // A few at a time: passes want to write too.
            try database.execute(
                sql: """
                    DELETE FROM edit WHERE id IN (
                        SELECT id FROM edit WHERE settled = 1 AND updated_at < ? LIMIT 2000)
                    """, arguments: [time.milliseconds])
            let edits = database.rowsChanged
            return try edits + database.pruneChanges(before: time)
        }
    }
}

extension OutboxTotals {
    static func read(_ database: Database) throws -> OutboxTotals {
        var totals = OutboxTotals()
        let rows = try Row.fetchCursor(
            database.cachedStatement(
                sql: """
                    SELECT state, count(*), min(queued_at), count(behind) FROM edit
                    WHERE settled = 0 GROUP BY state
                    """))
        while let row = try rows.next() {
            switch EditState(rawValue: row[0]) {
            case .rejected: totals.rejected = row[1]
            case .sending:
                totals.sending = row[1]
                fallthrough
            case .queued:
                totals.open += row[1] as Int
                totals.waiting += row[3] as Int
                let oldest = WallTime(milliseconds: row[2])
                totals.oldest = totals.oldest.map { min($0, oldest) } ?? oldest
            case .applied, .satisfied, .cancelled, nil: break
            }
        }
        return totals
    }
}
