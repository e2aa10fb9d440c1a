import ChatModel
import GRDB
import SyncRules

// The tables edit, edit_item and edit_call: edits as rows, both ways, and the calls that were made for them.
// What becomes of an edit is decided in SyncRules; here it is read and saved whole.

extension Edit {
    /// Open and rejected edits of a user, ascending.
    static func unsettled(of user: Int64, in database: Database) throws -> [Edit] {
        let rows = try Row.fetchAll(
            database.cachedStatement(
                sql: "SELECT * FROM edit WHERE user = ? AND settled = 0 ORDER BY id"),
            arguments: [user])
        guard !rows.isEmpty else { return [] }
        let items = try Row.fetchCursor(
            database.cachedStatement(
                sql: """
                    SELECT item.edit, item.type, item.peer, item.code, item.problem
                    FROM edit JOIN edit_item AS item ON item.edit = edit.id
                    WHERE edit.user = ? AND edit.settled = 0 ORDER BY item.edit, item.position
                    """), arguments: [user])
        var byEdit: [Int64: [EditItemRow]] = [:]
        while let row = try items.next() {
            byEdit[row[0], default: []].append(try EditItemRow(row))
        }
        return try rows.map { row in try Edit(row, items: byEdit[row["id"], default: []]) }
    }

    /// Whether the user has an open edit.
    static func exist(openOf user: Int64, in database: Database) throws -> Bool {
        try Bool.fetchOne(
            database.cachedStatement(
                sql: """
                    SELECT EXISTS (SELECT 1 FROM edit
                        WHERE user = ? AND settled = 0 AND state <> 'rejected')
                    """), arguments: [user]) ?? false
    }

    /// Takes the user's unsettled edits forward by `body`, and saves those that it changes.
    static func update(
        unsettledOf user: Int64, in database: Database, _ body: (Edit) throws -> Edit
    ) throws {
        for edit in try unsettled(of: user, in: database) {
            try body(edit).save(over: edit, in: database)
        }
    }

    /// Writes the edit over the row that it was read from.
    /// - Parameter old: what was read.
    func save(over old: Edit, in database: Database) throws {
        guard self != old else { return }
        try database.cachedStatement(
            sql: """
                UPDATE edit SET group_id = ?, base = ?, conflict_base = ?, conflict_theirs = ?,
                    state = ?, settled = ?, reason = ?, code = ?, problem = ?, behind = ?, made = ?,
                    attempts = ?, failures = ?, alone = ?, updated_at = coalesce(?, updated_at)
                WHERE id = ?
                """
        ).execute(arguments: [
            operation.group?.id?.number, base?.string, conflict?.base.string,
            conflict?.theirs.string, state.rawValue, state.isSettled, reason?.rawValue, code,
            problem, blockedBy?.number, createdGroup?.number, attempts, failures, sentSeparately,
            updatedAt?.milliseconds, id.number,
        ])
        let update = try database.cachedStatement(
            sql:
                "UPDATE edit_item SET code = ?, problem = ? WHERE edit = ? AND type = ? AND peer = ?"
        )
        for conversation in operation.conversations {
            let (was, item) = (
                EditItemRow(conversation, of: old), EditItemRow(conversation, of: self)
            )
            guard item != was else { continue }
            try update.execute(arguments: [
                item.code, item.problem, id.number, conversation.kind.rawValue,
                conversation.peer.string,
            ])
        }
    }

    init(_ row: Row, items: [EditItemRow]) throws {
        guard let state = EditState(rawValue: row["state"]),
            let operation = EditOperation(row, items.map(\.id))
        else {
            throw DatabaseError(
                resultCode: .SQLITE_CORRUPT, message: "edit \(row["id"] as Int64) makes no sense")
        }
        self.init(
            id: EditID(row["id"]), operation: operation,
            base: (row["base"] as String?).map { ExactText($0) }, state: state,
            failures: row["failures"], sentSeparately: row["alone"])
        for item in items { item.tell(&self) }
        createdGroup = (row["made"] as Int64?).map { GroupID($0) }
        blockedBy = (row["behind"] as Int64?).map { EditID($0) }
        reason = (row["reason"] as String?).flatMap(EditReason.init)
        code = row["code"]
        problem = row["problem"]
        if let base = row["conflict_base"] as String?,
            let theirs = row["conflict_theirs"] as String?
        {
            conflict = EditConflict(base: ExactText(base), theirs: ExactText(theirs))
        }
        attempts = row["attempts"]
        queuedAt = WallTime(milliseconds: row["queued_at"])
        updatedAt = WallTime(milliseconds: row["updated_at"])
    }
}

/// One conversation of an edit, and what became of it.
struct EditItemRow: Equatable {
    let id: ConversationID
    /// 0 when it was done; else the code with which the cloud refused it for good.
    let code: Int?
    /// The words of a refusal, for good or not.
    let problem: String?

    /// From the columns edit, type, peer, code, problem.
    init(_ row: Row) throws {
        guard let kind = ConversationID.Kind(rawValue: row[1]) else {
            throw DatabaseError(
                resultCode: .SQLITE_CORRUPT,
                message: "an edit names a conversation of the type \(row[1] as Int)")
        }
        id = ConversationID(kind, ExactText(row[2]))
        code = row[3]
        problem = row[4]
    }

    init(_ id: ConversationID, of edit: Edit) {
        self.id = id
        let refusal = edit.refused[id]
        code = refusal?.code ?? (edit.done.contains(id) ? 0 : nil)
        problem = refusal?.words ?? edit.passing[id]
    }

    fileprivate func tell(_ edit: inout Edit) {
        switch code {
        case nil: edit.passing[id] = problem
        case 0: edit.done.insert(id)
        case .some(let code): edit.refused[id] = Refusal(code: code, words: problem ?? "")
        }
    }
}

extension EditOperation {
    fileprivate init?(_ row: Row, _ ids: [ConversationID]) {
        let name = ExactText(row["group_name"] as String? ?? "")
        let group = GroupReference(
            id: (row["group_id"] as Int64?).map { GroupID($0) }, name: name)
        let newName = ExactText(row["new_name"] as String? ?? "")
        switch Kind(rawValue: row["op"]) {
        case .create: self = .create(name: name, ids)
        case .ensure: self = .ensure(name: name, ids)
        case .rename: self = .rename(group, to: newName)
        case .delete: self = .delete(group)
        case .add: self = .add(ids, to: group)
        case .remove: self = .remove(ids, from: group)
        case .mark:
            guard let id = ids.first else { return nil }
            self = .mark(
                id,
                MarkEdit(
                    set: StandardMark(bits: UInt64(bitPattern: row["set_bits"])),
                    clear: StandardMark(bits: UInt64(bitPattern: row["clear_bits"])),
                    custom: (row["custom"] as String?).map { ExactText($0) }))
        case nil: return nil
        }
    }

    /// The same operation with its group named and not numbered: as it was asked for.
    var asAsked: EditOperation {
        group.map { on(GroupReference(id: nil, name: $0.name)) } ?? self
    }

    /// Writes a new edit and returns its number.
    func insert(
        of user: Int64, key: String?, base: ExactText?, at time: WallTime, in database: Database
    ) throws -> EditID {
        var name = group?.name
        var newName: ExactText?
        var marks = MarkEdit()
        switch self {
        case .create(let created, _), .ensure(let created, _): name = created
        case .rename(_, let renamed): newName = renamed
        case .mark(_, let marked): marks = marked
        case .delete, .add, .remove: break
        }
        try database.cachedStatement(
            sql: """
                INSERT INTO edit (user, key, op, group_id, group_name, new_name, set_bits,
                    clear_bits, custom, base, queued_at, updated_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            user, key, kind.rawValue, group?.id?.number, name?.string, newName?.string,
            Int64(bitPattern: marks.set.bits), Int64(bitPattern: marks.clear.bits),
            marks.custom?.string, base?.string, time.milliseconds, time.milliseconds,
        ])
        let edit = EditID(database.lastID)
        let insert = try database.cachedStatement(
            sql: "INSERT INTO edit_item (edit, position, type, peer) VALUES (?, ?, ?, ?)")
        for (position, id) in conversations.enumerated() {
            try insert.execute(arguments: [
                edit.number, position, id.kind.rawValue, id.peer.string,
            ])
        }
        return edit
    }
}

extension Database {
    /// Adds a call that has ended to the story of an edit.
    func recordCall(
        of edit: Int64, at time: WallTime, _ command: String, _ outcome: EndedPush.Outcome
    ) throws {
        let number = try Int64.fetchOne(
            cachedStatement(sql: "SELECT max(number) FROM edit_call WHERE edit = ?"),
            arguments: [edit])
        try cachedStatement(
            sql: """
                INSERT INTO edit_call (edit, number, at, command, outcome, code, problem)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            edit, (number ?? 0) + 1, time.milliseconds, command, outcome.word, outcome.code,
            outcome.problem,
        ])
    }
}
