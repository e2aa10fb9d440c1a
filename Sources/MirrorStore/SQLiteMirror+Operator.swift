import ChatModel
import GRDB
import SyncRules

// What operators do about edits: cancel or retry them.

/// Which edits an operator means.
package struct EditSelection: Sendable {
    /// nil: all that the rest allows.
    package var ids: [EditID]?
    package var user: UserID?
    /// Those whose key fits this pattern of `*`, `?` and `[...]`.
    package var key: String?
    /// Those of the import whose first edit has this number.
    package var batch: Int64?
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

    /// Exactly these edits. So many numbers go into one question to the database.
    package static func numbered(_ ids: [EditID]) -> [EditSelection] {
        stride(from: 0, to: ids.count, by: mostNumbers).map { start in
            EditSelection(
                ids: Array(ids[start..<min(start + mostNumbers, ids.count)]),
                states: EditState.allCases)
        }
    }

    private static let mostNumbers = 10_000

    /// Those of them that are open.
    package var onlyOpen: EditSelection {
        var selection = self
        selection.states = states.filter(\.isOpen)
        return selection
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
        if let key {
            parts.append(SQLiteDoor.fits("edit.key"))
            arguments += [key]
        }
        if let batch {
            parts.append("edit.batch = ?")
            arguments += [batch]
        }
        if let reason { parts.append("edit.reason = '\(reason.rawValue)'") }
        if let exceptReason {
            parts.append("(edit.reason IS NULL OR edit.reason <> '\(exceptReason.rawValue)')")
        }
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
        try change(selection) { $0.cancelled(at: time) }
    }

    /// Queues rejected edits once more.
    /// - Parameter force: over a conflict: what the cloud was found to have is what the edit stands
    ///   on now.
    /// - Returns: those it was, in their order.
    package func retryEdits(_ selection: EditSelection, force: Bool, at time: WallTime)
        throws(StoreFailure) -> [EditID]
    {
        try change(selection) { $0.retried(force: force, at: time) }
    }

    /// Open and rejected edits of the groups that these edits were to create.
    package func dependents(of edits: [EditID]) throws(StoreFailure) -> [EditID] {
        try readNow { database in
            let statement = try database.cachedStatement(
                sql: """
                    SELECT later.id FROM edit AS maker
                    JOIN edit AS later ON later.user = maker.user AND later.settled = 0
                        AND later.group_id = -maker.id
                    WHERE maker.id = ? AND maker.op IN ('create', 'ensure') AND maker.made IS NULL
                    ORDER BY later.id
                    """)
            return try edits.flatMap { edit in
                try Int64.fetchAll(statement, arguments: [edit.number]).map { EditID($0) }
            }
        }
    }

    /// Saves what `body` makes of the edits that are meant; nil leaves one as it is.
    private func change(_ selection: EditSelection, _ body: (Edit) -> Edit?) throws(StoreFailure)
        -> [EditID]
    {
        let (sql, arguments) = selection.condition(userColumn: "user.name")
        return try writeNow { database in
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT edit.user, edit.id FROM edit JOIN user ON user.id = edit.user
                    WHERE edit.settled = 0 AND \(sql)
                    """, arguments: arguments)
            var changed: [EditID] = []
            for (user, meant) in Dictionary(grouping: rows, by: { $0[0] as Int64 }) {
                let ids = Set(meant.map { EditID($0[1]) })
                let before = changed.count
                try Edit.update(unsettledOf: user, in: database) { edit in
                    guard ids.contains(edit.id), let new = body(edit) else { return edit }
                    changed.append(edit.id)
                    return new
                }
                guard changed.count > before else { continue }
                try PendingRows.refresh(of: user, in: database)
                try database.cachedStatement(sql: "INSERT INTO outbox_news (user) VALUES (?)")
                    .execute(arguments: [user])
            }
            return changed.sorted()
        }
    }
}
