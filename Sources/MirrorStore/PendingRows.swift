import ChatModel
import GRDB
import SyncRules

// The mirror with open edits applied, kept as what differs from the mirror: rows of two tables, for
// users with open edits alone. They are made again in every transaction that changes what they say,
// so no reader ever sees a user's mirror or edits without them. An edit that takes effect changes
// nothing about them: what it wanted stood there already.

/// The pending rows of one user.
enum PendingRows {
    /// Makes them again where the user has open edits, or had.
    static func refresh(of user: Int64, in database: Database) throws {
        let edits = try Edit.unsettled(of: user, in: database).filter(\.state.isOpen)
        guard try !edits.isEmpty || exist(of: user, in: database) else { return }
        let mirror = try Snapshot.stored(of: user, in: database)
        let pending = EditReplay.preview(edits, on: Draft(mirror)).draft
        try write(of: user, mirror: mirror, pending: pending.snapshot, in: database)
    }

    /// Replaces them by what leads from `mirror` to `pending`.
    static func write(
        of user: Int64, mirror: Snapshot, pending: Snapshot, in database: Database
    ) throws {
        try database.cachedStatement(sql: "DELETE FROM pending_group WHERE user = ?")
            .execute(arguments: [user])
        try database.cachedStatement(sql: "DELETE FROM pending_conversation WHERE user = ?")
            .execute(arguments: [user])
        let difference = SnapshotDiff(from: mirror, to: pending)
        for change in difference.changes {
            switch change {
            case .groupCreated(let group), .groupRenamed(let group, _):
                try write(group.id, group.name.string, of: user, in: database)
            case .groupDeleted(let group):
                try write(group.id, nil, of: user, in: database)
            case .conversationAdded, .conversationRemoved, .standardMarkChanged,
                .customMarkChanged:
                break
            }
        }
        for conversation in difference.written {
            try write(conversation, isGone: false, of: user, in: database)
        }
        for conversation in difference.vanished {
            try write(conversation, isGone: true, of: user, in: database)
        }
    }

    private static func exist(of user: Int64, in database: Database) throws -> Bool {
        try Bool.fetchOne(
            database.cachedStatement(
                sql: """
                    SELECT EXISTS (SELECT 1 FROM pending_group WHERE user = ?)
                        OR EXISTS (SELECT 1 FROM pending_conversation WHERE user = ?)
                    """), arguments: [user, user]) ?? false
    }

    private static func write(
        _ group: GroupID, _ name: String?, of user: Int64, in database: Database
    ) throws {
        try database.cachedStatement(
            sql: "INSERT INTO pending_group (user, id, name) VALUES (?, ?, ?)"
        ).execute(arguments: [user, group.number, name])
    }

    private static func write(
        _ conversation: Conversation, isGone: Bool, of user: Int64, in database: Database
    ) throws {
        try database.cachedStatement(
            sql: """
                INSERT INTO pending_conversation
                    (user, type, peer, gone, group_ids, standard_mark, custom_mark, updated_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            user, conversation.id.kind.rawValue, conversation.id.peer.string, isGone,
            GroupList.written(conversation.groups),
            Int64(bitPattern: conversation.standardMark.bits), conversation.customMark.string,
            conversation.updatedAt,
        ])
    }
}
