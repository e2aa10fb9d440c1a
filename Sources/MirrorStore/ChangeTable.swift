import ChatModel
import GRDB
import SyncRules

// The table change: what has happened to the mirror, numbered without gaps.

extension SnapshotDiff {
    /// Records each change, with the edit that it goes back to.
    func record(
        of user: UserNumber, at time: WallTime, _ origins: [Change: EditID], to database: Database
    ) throws {
        let insert = try database.cachedStatement(
            sql: """
                INSERT INTO change
                    (at, user, kind, group_id, group_name, type, peer, before, after, edit)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """)
        for change in changes {
            let values = change.values
            try insert.execute(arguments: [
                time.milliseconds, Int64(user), change.kind.rawValue, change.group?.id.number,
                change.group?.name.string, change.conversation?.kind.rawValue,
                change.conversation?.peer.string, values?.before, values?.after,
                origins[change]?.number,
            ])
        }
    }
}

extension Database {
    /// Removes changes from before a time, the oldest numbers first and not all at once.
    /// - Returns: how many were removed.
    func pruneChanges(before time: WallTime) throws -> Int {
        // Times do not quite rise with the numbers: what stays must have no holes.
        try execute(
            sql: """
                WITH oldest AS (SELECT seq, at FROM change ORDER BY seq LIMIT 5000)
                DELETE FROM change WHERE seq < coalesce(
                    (SELECT min(seq) FROM oldest WHERE at >= ?),
                    (SELECT max(seq) + 1 FROM oldest))
                """, arguments: [time.milliseconds])
        return rowsChanged
    }
}
