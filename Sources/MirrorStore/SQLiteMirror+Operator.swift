import ChatModel
import GRDB
import SyncRules

// What operators do about edits: cancel or retry them.

/// Which edits an operator means.
package struct EditSelection: Sendable {
    /// nil: all that the rest allows.
    package var ids: [EditID]?
    package var user: UserID?
    package var states: [EditState]
    package var reason: EditReason?
    /// Not those rejected for this.
    package var exceptReason: EditReason?
    /// Queued before this.
    package var queuedBefore: WallTime?

    package init(
        ids: [EditID]? = nil, user: UserID? = nil, states: [EditState], reason: EditReason? = nil,
        queuedBefore: WallTime? = nil
    ) {
        self.ids = ids
        self.user = user
        self.states = states
        self.reason = reason
        self.queuedBefore = queuedBefore
    }

    /// A condition on the view's or the table's columns, and its arguments.
    func condition(userColumn: String) -> (sql: String, arguments: StatementArguments) {
        var parts = ["edit.state IN (\(states.map { "'\($0.rawValue)'" }.joined(separator: ", ")))"]
        var arguments = StatementArguments()
        if let ids {
            parts.append("edit.id IN (\(ids.map(\.description).joined(separator: ", ")))")
        }
        if let user {
            parts.append("\(userColumn) = ?")
            arguments += [user.string]
        }
        if let reason { parts.append("edit.reason = '\(reason.rawValue)'") }
        if let exceptReason { parts.append("edit.reason IS NOT '\(exceptReason.rawValue)'") }
        if let queuedBefore {
            parts.append("edit.queued_at < ?")
            arguments += [queuedBefore.milliseconds]
        }
        return (parts.joined(separator: " AND "), arguments)
    }
}

extension SQLiteMirror {
    /// Takes edits back that are queued or rejected; nothing is sent for them any more.
    /// - Returns: those it was, in their order.
    package func cancelEdits(_ selection: EditSelection, at time: WallTime) throws(StoreFailure)
        -> [EditID]
    {
        try change(selection, allowed: [.queued, .rejected]) { database, edit in
            try database.cachedStatement(
                sql: """
                    UPDATE edit SET state = 'cancelled', settled = 1, reason = 'withdrawn',
                        problem = NULL, code = NULL, behind = NULL, updated_at = ? WHERE id = ?
                    """
            ).execute(arguments: [time.milliseconds, edit])
        }
    }

    /// Queues rejected edits once more.
    /// - Parameter force: over a conflict: what the cloud was found to have is what the edit stands
    ///   on now.
    /// - Returns: those it was, in their order.
    package func retryEdits(_ selection: EditSelection, force: Bool, at time: WallTime)
        throws(StoreFailure) -> [EditID]
    {
        try change(selection, allowed: [.rejected]) { database, edit in
            try database.cachedStatement(
                sql: """
                    UPDATE edit SET state = 'queued', reason = NULL, code = NULL, problem = NULL,
                        behind = NULL, failures = 0, alone = 0,
                        base = CASE WHEN ? THEN coalesce(conflict_theirs, base) ELSE base END,
                        updated_at = ? WHERE id = ?
                    """
            ).execute(arguments: [force, time.milliseconds, edit])
            try database.cachedStatement(
                sql: """
                    UPDATE edit_item SET code = NULL, problem = NULL WHERE edit = ? AND code <> 0
                    """
            ).execute(arguments: [edit])
        }
    }

    /// Open and rejected edits of the groups that these edits were to create.
    package func dependents(of edits: [EditID]) throws(StoreFailure) -> [EditID] {
        try readNow { database in
            let statement = try database.cachedStatement(
                sql: """
                    SELECT later.id FROM edit AS maker
                    JOIN edit AS later ON later.user = maker.user AND later.settled = 0
                        AND later.group_id = -maker.id
                    WHERE maker.id = ? AND maker.op = 'create' AND maker.made IS NULL
                    ORDER BY later.id
                    """)
            return try edits.flatMap { edit in
                try Int64.fetchAll(statement, arguments: [edit.number]).map { EditID($0) }
            }
        }
    }

    private func change(
        _ selection: EditSelection, allowed: [EditState],
        _ body: (Database, Int64) throws -> Void
    ) throws(StoreFailure) -> [EditID] {
        var selection = selection
        selection.states = selection.states.filter(allowed.contains)
        let (sql, arguments) = selection.condition(userColumn: "user.name")
        return try writeNow { database in
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT edit.id, edit.user FROM edit JOIN user ON user.id = edit.user
                    WHERE \(sql) ORDER BY edit.id
                    """, arguments: arguments)
            for row in rows { try body(database, row[0]) }
            let users = Set(rows.map { $0[1] as Int64 }).sorted()
            for user in users {
                try PendingRows.refresh(of: user, in: database)
                try database.execute(
                    sql: "INSERT INTO outbox_news (user) VALUES (?)", arguments: [user])
            }
            return rows.map { EditID($0[0]) }
        }
    }
}
