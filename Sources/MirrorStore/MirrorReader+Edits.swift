import ChatModel
import GRDB
import SyncRules

// Questions about many edits at once: how many are settled, and what would take back what they changed.

/// Edits by what became of them.
package struct EditCounts: Hashable, Sendable {
    package var byState: [EditState: Int] = [:]
    /// Of the queued ones: those that wait behind a rejected one.
    package var waiting = 0

    package init() {}

    package var total: Int { byState.values.reduce(0, +) }
    package var rejected: Int { byState[.rejected] ?? 0 }
    /// Something is still going to happen to so many without an operator.
    package var open: Int { (byState[.queued] ?? 0) + (byState[.sending] ?? 0) - waiting }
}

/// What would take back what edits of a user have changed.
package struct UserUndo: Sendable {
    package let user: UserID
    package let undo: Undo
    /// Edits that are open: what they will change is not known yet.
    package let open: [EditID]
}

extension MirrorReader {
    /// How many of the edits stand where. Edits that were removed because of their age are not counted.
    package func count(_ selection: EditSelection) throws(StoreFailure) -> EditCounts {
        let (sql, arguments) = selection.condition(userColumn: "user.name")
        return try read { database in
            var counts = EditCounts()
            let rows = try Row.fetchCursor(
                database,
                sql: """
                    SELECT edit.state, count(*),
                        sum(CASE WHEN edit.state = 'queued' AND edit.behind IS NOT NULL THEN 1 ELSE 0 END)
                    FROM edit JOIN user ON user.id = edit.user WHERE \(sql) GROUP BY edit.state
                    """, arguments: arguments)
            while let row = try rows.next() {
                guard let state = EditState(rawValue: row[0]) else { continue }
                counts.byState[state, default: 0] += row[1]
                counts.waiting += row[2] as Int? ?? 0
            }
            return counts
        }
    }

    /// Whose edits they are, by user; with how many.
    package func owners(of selection: EditSelection) throws(StoreFailure) -> [(
        user: UserID, edits: Int
    )] {
        let (sql, arguments) = selection.condition(userColumn: "user.name")
        return try read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT user.name, count(*) FROM edit JOIN user ON user.id = edit.user
                    WHERE \(sql) GROUP BY user.name ORDER BY user.name
                    """, arguments: arguments
            ).map { (UserID(checkedBytes: ($0[0] as String).utf8), $0[1]) }
        }
    }

    /// What would take back what the edits have changed, by user.
    package func undo(_ selection: EditSelection) throws(StoreFailure) -> [UserUndo] {
        let (sql, arguments) = selection.condition(userColumn: "user.name")
        return try read { database in
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT edit.user, user.name, edit.id, edit.state
                    FROM edit JOIN user ON user.id = edit.user WHERE \(sql) ORDER BY edit.id
                    """, arguments: arguments)
            return try Dictionary(grouping: rows, by: { $0[0] as Int64 }).map { user, rows in
                let open = rows.filter { EditState(rawValue: $0[3])?.isOpen ?? false }
                let edits = Set(rows.map { $0[2] as Int64 })
                return UserUndo(
                    user: UserID(checkedBytes: (rows[0][1] as String).utf8),
                    undo: Undo(
                        try Change.recorded(of: user, by: edits, in: database),
                        on: Draft(try Snapshot.pending(of: user, in: database))),
                    open: open.map { EditID($0[2]) })
            }.sorted { $0.user < $1.user }
        }
    }
}

extension Change {
    /// The changes of a user that the record ascribes to the edits, ascending.
    fileprivate static func recorded(of user: Int64, by edits: Set<Int64>, in database: Database)
        throws -> [Change]
    {
        var changes: [Change] = []
        let rows = try Row.fetchCursor(
            database.cachedStatement(
                sql: """
                    SELECT edit, kind, group_id, group_name, type, peer, before, after FROM change
                    WHERE user = ? AND edit IS NOT NULL ORDER BY seq
                    """), arguments: [user])
        while let row = try rows.next() {
            guard edits.contains(row[0]) else { continue }
            let change = Change(
                kind: row["kind"], groupID: row["group_id"], groupName: row["group_name"],
                type: row["type"], peer: row["peer"], before: row["before"], after: row["after"])
            guard let change else {
                throw DatabaseError(
                    resultCode: .SQLITE_CORRUPT,
                    message: "a change of edit \(row[0] as Int64) makes no sense")
            }
            changes.append(change)
        }
        return changes
    }
}
