import Foundation
import ChatModel
import GRDB
import SyncRules

// One pull at a time: reading what the mirror holds of a user, and writing what a pass found.

extension SQLiteMirror {
    package func snapshot(of user: UserNumber) async throws(StoreFailure) -> Snapshot {
        try await read { database in try Snapshot.stored(of: Int64(user), in: database) }
    }

    @discardableResult
    package func commit(_ entries: [StoreEntry]) async throws(StoreFailure) -> CommitReport {
        try await write { database in
            var report = CommitReport()
            // By user: whether the mirror with open edits applied has become another one, beyond
            // what its own edits have made of it.
            var touched: [UserNumber: Bool] = [:]
            for entry in entries {
                try entry.write(to: database, &report)
                guard let (user, isOther) = entry.pendingChange else { continue }
                touched[user] = touched[user] ?? false || isOther
            }
            for (user, isOther) in touched.sorted(by: { $0.key < $1.key }) {
                if try isOther || !Edit.exist(openOf: Int64(user), in: database) {
                    try PendingRows.refresh(of: Int64(user), in: database)
                }
            }
            return report
        }
    }
}

extension Snapshot {
    /// Two queries, both along the primary key.
    static func stored(of user: Int64, in database: Database) throws -> Snapshot {
        let groups = try Row.fetchCursor(
            database.cachedStatement(
                sql: "SELECT id, name FROM conversation_group WHERE user = ?"), arguments: [user])
        let conversations = try Row.fetchCursor(
            database.cachedStatement(
                sql: """
                    SELECT type, peer, group_ids, standard_mark, custom_mark, updated_at
                    FROM conversation WHERE user = ?
                    """), arguments: [user])
        return Snapshot(
            groups: try Array(
                groups.map { ConversationGroup(id: GroupID($0[0]), name: ExactText($0[1])) }),
            conversations: try Array(conversations.map(Conversation.init(row:))))
    }
}

extension Conversation {
    fileprivate init(row: Row) throws {
        guard let kind = ConversationID.Kind(rawValue: row[0]) else {
            throw DatabaseError(
                resultCode: .SQLITE_CORRUPT, message: "a conversation has the type \(row[0] as Int)"
            )
        }
        self.init(
            id: ConversationID(kind, ExactText(row[1])), groups: GroupList.read(row[2]),
            standardMark: StandardMark(bits: UInt64(bitPattern: row[3] as Int64)),
            customMark: ExactText(row[4]), updatedAt: row[5])
    }
}

/// Group ids as the JSON array of a conversation's row: `[1,3]`.
enum GroupList {
    static func written(_ groups: [GroupID]) -> String {
        "[" + groups.map(\.description).joined(separator: ",") + "]"
    }

    static func read(_ text: String) -> [GroupID] {
        text.dropFirst().dropLast().split(separator: ",").compactMap {
            Int64($0).map { GroupID($0) }
        }
    }
}

extension StoreEntry {
    /// The user whose mirror or edits it changes, and whether that changes the mirror with open
    /// edits applied: an edit that has taken effect is in it already.
    fileprivate var pendingChange: (user: UserNumber, isOther: Bool)? {
        switch self {
        case .pulled(let pulled): pulled.diff.isEmpty ? nil : (pulled.user, true)
        case .pushed(let pushed): (pushed.user, false)
        case .outbox(let update): (update.user, update.changesPending)
        case .unchanged, .failed, .progress, .result, .daemon: nil
        }
    }

    fileprivate func write(to database: Database, _ report: inout CommitReport) throws {
        switch self {
        case .unchanged(let user, let time):
            try notePull(of: user, at: time, in: database)
            try forgetTrouble(of: user, in: database)
        case .pulled(let pulled): try pulled.write(to: database)
        case .pushed(let pushed): try pushed.write(to: database)
        case .outbox(let update): try update.write(to: database, &report)
        case .failed(let user, let trouble): try trouble.write(of: user, to: database)
        case .progress(let progress): try progress.write(to: database)
        case .result(let request, let user, let result):
            try result.write(of: user, request: request, to: database)
        case .daemon(let state): try state.write(to: database)
        }
    }
}

/// - Returns: whether the user was never pulled before.
@discardableResult
private func notePull(of user: UserNumber, at time: WallTime, in database: Database) throws -> Bool
{
    try database.cachedStatement(sql: "UPDATE pull SET at = ?2 WHERE user = ?1")
        .execute(arguments: [Int64(user), time.milliseconds])
    guard database.changesCount == 0 else { return false }
    try database.cachedStatement(sql: "INSERT INTO pull (user, at) VALUES (?, ?)")
        .execute(arguments: [Int64(user), time.milliseconds])
    return true
}

private func forgetTrouble(of user: UserNumber, in database: Database) throws {
    try database.cachedStatement(sql: "DELETE FROM trouble WHERE user = ?")
        .execute(arguments: [Int64(user)])
}

extension PulledUser {
    fileprivate func write(to database: Database) throws {
        let isFirst = try notePull(of: user, at: at, in: database)
        try forgetTrouble(of: user, in: database)
        try writeDigest(to: database)
        try writeHeld(to: database)
        try writeSkipped(to: database)
        try diff.write(of: user, at: at, origins, to: database)
        if isFirst { try Edit.base(onMirrorOf: Int64(user), in: database) }
    }

    private func writeDigest(to database: Database) throws {
        if let digest {
            try database.cachedStatement(
                sql: """
                    INSERT INTO listing (user, digest) VALUES (?, ?)
                    ON CONFLICT DO UPDATE SET digest = excluded.digest
                    """
            ).execute(arguments: [Int64(user), Data(digest.bytes)])
        } else {
            try database.cachedStatement(sql: "DELETE FROM listing WHERE user = ?")
                .execute(arguments: [Int64(user)])
        }
    }

    private func writeHeld(to database: Database) throws {
        guard let held else {
            try database.cachedStatement(sql: "DELETE FROM held WHERE user = ?")
                .execute(arguments: [Int64(user)])
            return
        }
        try database.cachedStatement(
            sql: """
                INSERT INTO held (user, since, groups, conversations) VALUES (?, ?, ?, ?)
                ON CONFLICT DO UPDATE
                SET groups = excluded.groups, conversations = excluded.conversations
                """
        ).execute(arguments: [Int64(user), at.milliseconds, held.groups, held.conversations])
    }

    private func writeSkipped(to database: Database) throws {
        guard skipped > 0 else {
            return try database.cachedStatement(sql: "DELETE FROM skipped WHERE user = ?")
                .execute(arguments: [Int64(user)])
        }
        try database.cachedStatement(
            sql: """
                INSERT INTO skipped (user, conversations) VALUES (?, ?)
                ON CONFLICT DO UPDATE SET conversations = excluded.conversations
                """
        ).execute(arguments: [Int64(user), skipped])
    }
}

extension PushedUser {
    fileprivate func write(to database: Database) throws {
        try database.cachedStatement(sql: "DELETE FROM listing WHERE user = ?")
            .execute(arguments: [Int64(user)])
        try diff.write(of: user, at: at, origins, to: database)
    }
}

extension SnapshotDiff {
    fileprivate func write(
        of user: UserNumber, at time: WallTime, _ origins: [Change: EditID], to database: Database
    ) throws {
        try writeGroups(of: user, to: database)
        try writeConversations(of: user, to: database)
        try writeChanges(of: user, at: time, origins, to: database)
        for change in changes where origins[change] != nil {
            try change.moveBases(of: user, in: database)
        }
    }

    private func writeGroups(of user: UserNumber, to database: Database) throws {
        for change in changes {
            switch change {
            case .groupCreated(let group), .groupRenamed(let group, _):
                try database.cachedStatement(
                    sql: """
                        INSERT INTO conversation_group (user, id, name) VALUES (?, ?, ?)
                        ON CONFLICT DO UPDATE SET name = excluded.name
                        """
                ).execute(arguments: [Int64(user), group.id.number, group.name.string])
            case .groupDeleted(let group):
                try database.cachedStatement(
                    sql: "DELETE FROM conversation_group WHERE user = ? AND id = ?"
                ).execute(arguments: [Int64(user), group.id.number])
            case .conversationAdded, .conversationRemoved, .standardMarkChanged,
                .customMarkChanged:
                break
            }
        }
    }

    private func writeConversations(of user: UserNumber, to database: Database) throws {
        let upsert = try database.cachedStatement(
            sql: """
                INSERT INTO conversation
                    (user, type, peer, group_ids, standard_mark, custom_mark, updated_at)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET group_ids = excluded.group_ids,
                    standard_mark = excluded.standard_mark, custom_mark = excluded.custom_mark,
                    updated_at = excluded.updated_at
                """)
        for conversation in written {
            try upsert.execute(arguments: [
                Int64(user), conversation.id.kind.rawValue, conversation.id.peer.string,
                GroupList.written(conversation.groups),
                Int64(bitPattern: conversation.standardMark.bits), conversation.customMark.string,
                conversation.updatedAt,
            ])
        }
        let delete = try database.cachedStatement(
            sql: "DELETE FROM conversation WHERE user = ? AND type = ? AND peer = ?")
        for conversation in vanished {
            try delete.execute(arguments: [
                Int64(user), conversation.id.kind.rawValue, conversation.id.peer.string,
            ])
        }
    }

    private func writeChanges(
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

extension UserFailure {
    fileprivate func write(of user: UserNumber, to database: Database) throws {
        try database.cachedStatement(
            sql: """
                INSERT INTO trouble
                    (user, kind, code, problem, failures, since, at, retry_at, parked)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET kind = excluded.kind, code = excluded.code,
                    problem = excluded.problem, failures = excluded.failures, at = excluded.at,
                    retry_at = excluded.retry_at, parked = excluded.parked
                """
        ).execute(arguments: [
            Int64(user), kind, code, problem, failures, at.milliseconds, at.milliseconds,
            retryAt.milliseconds, isParked,
        ])
    }
}

extension DaemonState {
    fileprivate func write(to database: Database) throws {
        try database.cachedStatement(
            sql: """
                INSERT OR REPLACE INTO daemon
                    (id, version, pid, started_at, at, cloud, cloud_code, cloud_problem,
                    calls_per_second, allowed, calls, throttled, passes, changes)
                VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            version, pid, startedAt.milliseconds, at.milliseconds, cloud, cloudCode, cloudProblem,
            callsPerSecond, allowed, calls, throttled, passes, changes,
        ])
    }
}

extension Change {
    /// A change of our own moves what later edits stand on: one that was queued while the call was
    /// under way stands on what the mirror had then, and would take our own write for another
    /// else's.
    fileprivate func moveBases(of user: UserNumber, in database: Database) throws {
        switch self {
        case .groupRenamed(let group, let before):
            try database.cachedStatement(
                sql: """
                    UPDATE edit SET base = ? WHERE user = ? AND settled = 0 AND op = 'rename'
                        AND group_id = ? AND base = ?
                    """
            ).execute(arguments: [
                group.name.string, Int64(user), group.id.number, before.string,
            ])
        case .customMarkChanged(let id, let before, let after):
            try database.cachedStatement(
                sql: """
                    UPDATE edit SET base = ? WHERE user = ? AND settled = 0 AND op = 'mark'
                        AND custom IS NOT NULL AND base = ? AND EXISTS (
                            SELECT 1 FROM edit_item AS item
                            WHERE item.edit = edit.id AND item.type = ? AND item.peer = ?)
                    """
            ).execute(arguments: [
                after.string, Int64(user), before.string, id.kind.rawValue, id.peer.string,
            ])
        case .groupCreated, .groupDeleted, .conversationAdded, .conversationRemoved,
            .standardMarkChanged:
            break
        }
    }
}
