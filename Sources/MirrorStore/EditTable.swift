import ChatModel
import GRDB
import SyncRules

// The tables edit and edit_item: edits as rows, both ways. What passes decide about them is written in
// EditTable+Decisions.

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

    /// A custom mark that was queued before the mirror had anything of its user stands on what the
    /// first pull has found: what another client does later is a conflict for it too.
    static func base(onMirrorOf user: Int64, in database: Database) throws {
        try database.cachedStatement(
            sql: """
                UPDATE edit SET base = coalesce((SELECT custom_mark
                    FROM edit_item AS item JOIN conversation ON conversation.user = edit.user
                        AND conversation.type = item.type AND conversation.peer = item.peer
                    WHERE item.edit = edit.id), '')
                WHERE user = ? AND settled = 0 AND custom IS NOT NULL AND base IS NULL
                """
        ).execute(arguments: [user])
    }

    init(_ row: Row, items: [EditItemRow]) throws {
        guard let state = EditState(rawValue: row["state"]),
            let operation = EditOperation(row, items.map(\.id))
        else {
            throw DatabaseError(
                resultCode: .SQLITE_CORRUPT, message: "edit \(row["id"] as Int64) makes no sense")
        }
        let refused = items.compactMap { item in item.refusal.map { (item.id, $0) } }
        self.init(
            id: EditID(row["id"]), operation: operation,
            base: (row["base"] as String?).map { ExactText($0) }, state: state,
            refused: Dictionary(uniqueKeysWithValues: refused), failures: row["failures"],
            sentSeparately: row["alone"])
        done = Set(items.filter(\.isDone).map(\.id))
        createdGroup = (row["made"] as Int64?).map { GroupID($0) }
        blockedBy = (row["behind"] as Int64?).map { EditID($0) }
        queuedAt = WallTime(milliseconds: row["queued_at"])
    }
}

/// One conversation of an edit.
struct EditItemRow {
    let id: ConversationID
    let isDone: Bool
    /// For good.
    let refusal: Refusal?

    /// From the columns edit, type, peer, code, problem.
    init(_ row: Row) throws {
        guard let kind = ConversationID.Kind(rawValue: row[1]) else {
            throw DatabaseError(
                resultCode: .SQLITE_CORRUPT,
                message: "an edit names a conversation of the type \(row[1] as Int)")
        }
        id = ConversationID(kind, ExactText(row[2]))
        let code: Int? = row[3]
        isDone = code == 0
        refusal = code.flatMap { $0 == 0 ? nil : Refusal(code: $0, words: row[4] ?? "") }
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
        case .create(let created, _): name = created
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
        let edit = EditID(database.lastInsertedRowID)
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
