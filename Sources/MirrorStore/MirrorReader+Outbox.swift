import ChatModel
import GRDB
import SyncRules

// The outbox as the commands show it, and the mirror with open edits applied.

extension MirrorReader {
    /// One row of the view `edits`.
    package struct EditRow: Sendable {
        package let id: Int64
        package let key: String?
        package let user: String
        package let operation: String
        package let groupName: String?
        package let newName: String?
        /// A JSON list of `{"type":1,"peer":"bob"}`, as an import has it.
        package let conversations: String
        /// The first of them, as commands write it.
        package let first: String?
        package let count: Int
        package let set: StandardMark
        package let clear: StandardMark
        package let custom: String?
        package let state: EditState
        package let reason: String?
        package let code: Int?
        package let problem: String?
        package let blockedBy: Int64?
        package let base: String?
        package let theirs: String?
        package let attempts: Int
        package let queuedAt: String
        package let updatedAt: String
        /// Of an imported edit the number of the import's first one.
        package let batch: Int64?
    }

    /// One conversation of an edit, and what became of it.
    package struct EditItem: Sendable {
        package let conversation: String
        /// nil: nothing known yet; 0: done.
        package let code: Int?
        package let problem: String?
    }

    /// One call that was made for an edit.
    package struct EditCall: Sendable {
        package let at: String
        package let command: String
        /// `done`, `refused` or `in_doubt`.
        package let outcome: String
        package let code: Int?
        package let problem: String?
    }

    /// Edits in the order of queueing, one at a time.
    package func edits(_ selection: EditSelection, _ each: (EditRow) throws -> Void)
        throws(StoreFailure)
    {
        let (sql, arguments) = selection.condition(userColumn: "shown.user")
        try read { database in
            let rows = try Row.fetchCursor(
                database,
                sql: """
                    SELECT shown.*,
                        (SELECT CASE type WHEN 1 THEN 'user:' ELSE 'chatgroup:' END || peer
                            FROM edit_item WHERE edit = shown.id AND position = 0) AS first,
                        (SELECT count(*) FROM edit_item WHERE edit = shown.id) AS count
                    FROM edit JOIN (\(Schema.edits)) AS shown ON shown.id = edit.id
                    WHERE \(sql) ORDER BY edit.id
                    """, arguments: arguments)
            while let row = try rows.next() { try each(try EditRow(row)) }
        }
    }

    /// The conversations of an edit, each with what became of it.
    package func items(of edit: Int64) throws(StoreFailure) -> [EditItem] {
        try read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT edit, type, peer, code, problem FROM edit_item WHERE edit = ?
                    ORDER BY position
                    """, arguments: [edit]
            ).map { row in
                EditItem(
                    conversation: try EditItemRow(row).id.description, code: row["code"],
                    problem: row["problem"])
            }
        }
    }

    /// The calls that were made for an edit, in their order.
    package func calls(of edit: Int64) throws(StoreFailure) -> [EditCall] {
        try read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT \(Schema.written("at")) AS at, command, outcome, code, problem
                    FROM edit_call WHERE edit = ? ORDER BY number
                    """, arguments: [edit]
            ).map {
                try EditCall(
                    at: $0.moment("at"), command: $0["command"], outcome: $0["outcome"],
                    code: $0["code"],
                    problem: $0["problem"])
            }
        }
    }

    /// The outbox in numbers.
    package func outboxTotals() throws(StoreFailure) -> OutboxTotals {
        try read { try OutboxTotals.read($0) }
    }

    /// How many edits of users in the list are open, without those that wait behind a rejected one.
    package func unsentEdits() throws(StoreFailure) -> Int {
        try read {
            try Int.fetchOne(
                $0,
                sql: """
                    SELECT count(*) FROM edit JOIN user ON user.id = edit.user AND user.listed = 1
                    WHERE settled = 0 AND state IN ('queued', 'sending') AND behind IS NULL
                    """) ?? 0
        }
    }
}

extension MirrorReader.EditRow {
    fileprivate init(_ row: Row) throws {
        guard let state = EditState(rawValue: row["state"]) else {
            throw DatabaseError(
                resultCode: .SQLITE_CORRUPT,
                message: "an edit is in the state \(row["state"] as String)")
        }
        self.init(
            id: row["id"], key: row["key"], user: row["user"], operation: row["op"],
            groupName: row["group_name"], newName: row["new_name"],
            conversations: row["conversations"], first: row["first"], count: row["count"],
            set: StandardMark(bits: UInt64(bitPattern: row["set_bits"])),
            clear: StandardMark(bits: UInt64(bitPattern: row["clear_bits"])),
            custom: row["custom"], state: state, reason: row["reason"], code: row["code"],
            problem: row["problem"], blockedBy: row["behind"], base: row["base"],
            theirs: row["theirs"], attempts: row["attempts"], queuedAt: try row.moment("queued_at"),
            updatedAt: try row.moment("updated_at"), batch: row["batch"])
    }
}

extension Snapshot {
    /// What a user's mirror is with open edits applied.
    static func pending(of user: Int64, in database: Database) throws -> Snapshot {
        let edits = try Edit.unsettled(of: user, in: database).filter(\.state.isOpen)
        return EditReplay.preview(edits, on: Draft(try stored(of: user, in: database))).draft
            .snapshot
    }
}
