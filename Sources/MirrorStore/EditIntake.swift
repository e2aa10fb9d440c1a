import ChatModel
import GRDB
import SyncRules

// Where edits are accepted: any number in one transaction, each checked against the mirror with the
// earlier ones applied. The daemon need not run; what this has returned from is durable.

/// What is asked for: an operation whose group is named, not numbered.
package struct EditOrder: Sendable {
    package let user: UserID
    /// The caller's own; an order with the same key again changes nothing.
    package let key: String?
    package let operation: EditOperation

    package init(user: UserID, key: String?, operation: EditOperation) {
        self.user = user
        self.key = key
        self.operation = operation
    }
}

/// An order that was accepted, now or before.
package struct AcceptedEdit: Hashable, Sendable {
    package let id: EditID
    /// False when the key was known: nothing was queued.
    package let isNew: Bool
    /// Where it stands.
    package let state: EditState
}

/// Accepts orders within one transaction.
package final class EditIntake {
    /// One user within the transaction. An object, so that an edit changes what is there and copies nothing.
    private final class Intake {
        let isPulled: Bool
        let mirror: Draft
        var pending: EditReplay

        init(isPulled: Bool, mirror: Draft, pending: EditReplay) {
            (self.isPulled, self.mirror, self.pending) = (isPulled, mirror, pending)
        }
    }

    private let database: Database
    private let time: WallTime
    private let nameBytes: Int
    private var intakes: [Int64: Intake] = [:]
    private var changed: Set<Int64> = []
    private var size = 0
    /// The first edit of this transaction; the number of its batch.
    package private(set) var first: EditID?

    /// Conversations kept in memory during an import: some tens of megabytes.
    private static let most = 100_000
    static let longestKey = 200

    fileprivate init(_ database: Database, at time: WallTime, nameBytes: Int) {
        self.nameBytes = nameBytes
        self.database = database
        self.time = time
    }

    /// Accepts an order.
    /// - Throws: an `EditFault` when the order cannot be accepted, another error when the database fails.
    package func add(_ order: EditOrder) throws -> AcceptedEdit {
        let user = try number(of: order.user)
        if let known = try known(order, user) { return known }
        let session = try session(of: user)
        let fault = order.operation.fault(nameBytes: nameBytes) { id in
            session.mirror.contains(id) || session.pending.draft.contains(id)
        }
        if let fault { throw fault }
        var (operation, base) = (order.operation, ExactText?.none)
        if session.isPulled {
            do {
                (operation, base) = try EditCheck(
                    mirror: session.mirror, pending: session.pending.draft
                )
                .accept(operation)
            } catch {
                throw try cause(of: error, operation, user)
            }
        } else {
            operation = operation.resolved(on: session.pending.draft)
        }
        let edit = try operation.insert(
            of: user, key: order.key, base: base, at: time, in: database)
        first = first ?? edit
        size += operation.conversations.count
        session.pending.replay(Edit(id: edit, operation: operation, base: base))
        changed.insert(user)
        return AcceptedEdit(id: edit, isNew: true, state: .queued)
    }

    /// Writes what readers of the pending views and the daemon need to know.
    fileprivate func finish(isBatch: Bool) throws {
        for user in intakes.keys { try write(user) }
        if isBatch, let first {
            // No other transaction queues meanwhile.
            try database.execute(
                sql: "UPDATE edit SET batch = ? WHERE id >= ?",
                arguments: [first.number, first.number])
        }
        let news = try database.cachedStatement(sql: "INSERT INTO outbox_news (user) VALUES (?)")
        for user in changed.sorted() { try news.execute(arguments: [user]) }
    }

    /// A group that is missing because the edit that would have created it was rejected.
    private func cause(of fault: EditFault, _ operation: EditOperation, _ user: Int64) throws
        -> EditFault
    {
        guard let name = operation.group?.name else { return fault }
        let maker = try Edit.unsettled(of: user, in: database).last { edit in
            edit.state == .rejected && edit.operation.createdName == name
        }
        guard let maker else { return fault }
        return EditFault(
            "the group '\(name)' was to be created by edit \(maker.id), which was rejected",
            advice: "'groupmirror outbox show \(maker.id)' shows why: retry it or cancel it first",
            missing: .group)
    }

    private func number(of user: UserID) throws -> Int64 {
        let row = try Row.fetchOne(
            database.cachedStatement(sql: "SELECT id, listed FROM user WHERE name = ?"),
            arguments: [user.string])
        guard let row, row[1] as Bool else {
            throw EditFault(
                "'\(user)' is not in the list of users",
                advice: "add it to users.file; a running daemon takes the list over on reload",
                missing: .user)
        }
        return row[0]
    }

    private func known(_ order: EditOrder, _ user: Int64) throws -> AcceptedEdit? {
        guard let key = order.key else { return nil }
        guard (1...Self.longestKey).contains(key.utf8.count) else {
            throw EditFault("a key has 1 to \(Self.longestKey) bytes")
        }
        guard !key.utf8.contains(0) else {
            throw EditFault("a key cannot contain U+0000: the database could not hold it")
        }
        guard
            let row = try Row.fetchOne(
                database.cachedStatement(sql: "SELECT * FROM edit WHERE key = ?"),
                arguments: [key])
        else { return nil }
        let items = try Row.fetchAll(
            database.cachedStatement(
                sql: """
                    SELECT edit, type, peer, code, problem FROM edit_item WHERE edit = ?
                    ORDER BY position
                    """), arguments: [row["id"] as Int64]
        ).map(EditItemRow.init)
        let edit = try Edit(row, items: items)
        guard row["user"] as Int64 == user, edit.operation.asAsked == order.operation else {
            throw EditFault(
                first.map { edit.id >= $0 } ?? false
                    ? "the key '\(key)' is given twice, for different things"
                    : "the key '\(key)' belongs to edit \(edit.id), which asks for something else",
                advice: "give each edit a key of its own")
        }
        return AcceptedEdit(id: edit.id, isNew: false, state: edit.state)
    }

    private func session(of user: Int64) throws -> Intake {
        if let session = intakes[user] { return session }
        if size >= Self.most {
            for user in intakes.keys { try write(user) }
            (intakes, size) = ([:], 0)
        }
        let isPulled =
            try Bool.fetchOne(
                database.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM pull WHERE user = ?)"),
                arguments: [user]) ?? false
        let mirror = Draft(try Snapshot.stored(of: user, in: database))
        let edits = try Edit.unsettled(of: user, in: database).filter(\.state.isOpen)
        let session = Intake(
            isPulled: isPulled, mirror: mirror, pending: .preview(edits, on: mirror))
        intakes[user] = session
        size += 20 + mirror.count + session.pending.draft.count
        return session
    }

    private func write(_ user: Int64) throws {
        guard changed.contains(user), let session = intakes[user] else { return }
        try PendingRows.write(
            of: user, mirror: session.mirror.snapshot, pending: session.pending.draft.snapshot,
            in: database)
    }
}

extension EditOperation {
    /// With the number of its group where the queue knows it: a user that was never pulled may have
    /// groups that only the queue creates.
    fileprivate func resolved(on pending: Draft) -> EditOperation {
        guard let group else { return self }
        return on(GroupReference(id: pending.group(named: group.name), name: group.name))
    }
}

extension SQLiteMirror {
    /// Accepts whatever `body` adds, all of it or, when it throws, nothing.
    /// - Parameters:
    ///   - nameBytes: how long the name of a new group may be.
    ///   - isBatch: whether the edits belong together.
    package func queue<Value>(
        at time: WallTime, nameBytes: Int = EditOperation.longestName, isBatch: Bool = false,
        _ body: (EditIntake) throws -> Value
    ) throws -> Value {
        do {
            return try database.write { database in
                let queue = EditIntake(database, at: time, nameBytes: nameBytes)
                let value = try body(queue)
                try queue.finish(isBatch: isBatch)
                return value
            }
        } catch let error as DatabaseError {
            throw StoreFailure(error, path: path)
        }
    }
}
