import ChatModel
import GRDB
import SyncRules

// The table change: what has happened to the mirror, numbered without gaps.

extension SnapshotDiff {
    /// Records each change, with the edit that it goes back to.
    func record(
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

extension Change {
    /// From the columns of a row; nil where they make no sense, or are of a marker.
    init?(
        kind: String, groupID: Int64?, groupName: String?, type: Int?, peer: String?,
        before: String?, after: String?
    ) {
        let group = groupID.map {
            ConversationGroup(id: GroupID($0), name: ExactText(groupName ?? ""))
        }
        let id = type.flatMap(ConversationID.Kind.init).map {
            ConversationID($0, ExactText(peer ?? ""))
        }
        let (before, after) = (before ?? "", after ?? "")
        switch (Change.Kind(rawValue: kind), group, id) {
        case (.groupCreated, let group?, _): self = .groupCreated(group)
        case (.groupRenamed, let group?, _): self = .groupRenamed(group, from: ExactText(before))
        case (.groupDeleted, let group?, _): self = .groupDeleted(group)
        case (.conversationAdded, let group?, let id?): self = .conversationAdded(id, to: group)
        case (.conversationRemoved, let group?, let id?):
            self = .conversationRemoved(id, from: group)
        case (.standardMarkChanged, _, let id?):
            guard let old = UInt64(before), let new = UInt64(after) else { return nil }
            self = .standardMarkChanged(
                id, from: StandardMark(bits: old), to: StandardMark(bits: new))
        case (.customMarkChanged, _, let id?):
            self = .customMarkChanged(id, from: ExactText(before), to: ExactText(after))
        default: return nil
        }
    }
}

extension MirrorReader.ChangeRow {
    /// What it records; nil for a marker.
    package var change: Change? {
        Change(
            kind: kind, groupID: groupID, groupName: groupName, type: type, peer: peer,
            before: before, after: after)
    }
}

extension Database {
    /// Removes changes from before a time, the oldest numbers first and not all at once.
    /// - Returns: how many were removed.
    func pruneChanges(before time: WallTime) throws -> Int {
        // Times do not quite rise with the numbers: what stays must have no holes.
        try execute(
            sql: """
                WITH oldest AS (SELECT seq, at FROM change ORDER BY seq LIMIT 5000)
                DELETE FROM change WHERE seq < coalesce(
                    (SELECT min(seq) FROM oldest WHERE at >= ?),
                    (SELECT max(seq) + 1 FROM oldest))
                """, arguments: [time.milliseconds])
        return rowsChanged
    }
}
