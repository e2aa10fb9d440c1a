import ChatModel
import GRDB
import SyncRules

// The tables conversation_group and conversation: what the mirror holds of a user. The groups of a conversation
// stand in its row: one row a conversation to write and read.

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
    /// The numbers as the column holds them: a JSON list.
    static func written(_ groups: [GroupID]) -> String {
        "[" + groups.map(\.description).joined(separator: ",") + "]"
    }

    /// The groups that a column names.
    static func read(_ text: String) -> [GroupID] {
        text.dropFirst().dropLast().split(separator: ",").compactMap {
            Int64($0).map { GroupID($0) }
        }
    }
}

extension SnapshotDiff {
    /// Writes what differs into the tables of groups and conversations.
    func writeMirror(of user: UserNumber, to database: Database) throws {
        try writeGroups(of: user, to: database)
        try writeConversations(of: user, to: database)
    }

    private func writeGroups(of user: UserNumber, to database: Database) throws {
        for change in changes {
            switch change {
            case .groupCreated(let group), .groupRenamed(let group, _):
                try database.cachedStatement(
                    sql: """
                        INSERT INTO conversation_group (user, id, name) VALUES (?, ?, ?)
                        ON CONFLICT (user, id) DO UPDATE SET name = excluded.name
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
                ON CONFLICT (user, type, peer) DO UPDATE SET group_ids = excluded.group_ids,
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
}
