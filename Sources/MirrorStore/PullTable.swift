import ChatModel
import Foundation
import GRDB
import SyncRules

// The tables pull and recent_pull: when each user was pulled last, and what is known of how often it changes.
// A pull stands in recent_pull until its slice is folded into pull (PullLedger says when). A pull that changed
// the mirror is in pull at once, with its time only: of two rows of a user the later time counts, and the
// evidence of the recent one.

extension SQLiteMirror {
    package func readRecentPulls(_ each: (PullNote) -> Void) throws(StoreFailure) {
        try readNow { database in
            let rows = try Row.fetchCursor(
                database,
                sql: """
                    SELECT user, at, changes, watched, calls, hints FROM recent_pull
                    ORDER BY slice, at
                    """)
            while let row = try rows.next() {
                if let note = PullNote(row) { each(note) }
            }
        }
    }

    package func learnedPresence() throws(StoreFailure) -> PresenceRecord? {
        let text = try readNow { database in
            try String.fetchOne(
                database, sql: "SELECT value FROM setting WHERE name = 'presence'")
        }
        let record = text.flatMap {
            try? JSONDecoder().decode(PresenceRecord.self, from: Data($0.utf8))
        }
        return record.flatMap { $0.makesSense ? $0 : nil }
    }

    package func recentChanges(
        of users: ClosedRange<UserNumber>, since time: WallTime
    ) async throws(StoreFailure) -> [UserNumber: Int] {
        try await read { database in
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT user, count(*) FROM conversation
                    WHERE user BETWEEN ? AND ? AND updated_at >= ? GROUP BY user
                    """,
                arguments: [Int64(users.lowerBound), Int64(users.upperBound), time.seconds])
            return Dictionary(
                uniqueKeysWithValues: rows.map { (UserNumber($0[0] as Int64), $0[1]) })
        }
    }
}

extension PresenceRecord {
    /// Writes it into the table setting.
    func write(to database: Database) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        try database.set("presence", to: String(decoding: encoder.encode(self), as: UTF8.self))
    }
}

extension PullBatch {
    /// Folds the slices, and writes the notes: those of folded slices into the table of all users.
    func write(to database: Database) throws {
        for slice in folded.sorted() { try PullBatch.fold(slice, in: database) }
        for note in notes {
            if folded.contains(note.slice) {
                try note.write(into: "pull (", [], to: database)
            } else {
                try note.write(into: "recent_pull (slice, ", [note.slice], to: database)
            }
        }
    }

    private static func fold(_ slice: Int, in database: Database) throws {
        try database.cachedStatement(
            sql: """
                INSERT INTO pull (user, at, changes, watched, calls, hints)
                SELECT user, at, changes, watched, calls, hints FROM recent_pull
                WHERE slice = ? ORDER BY user, at
                \(PullNote.overOlder)
                """
        ).execute(arguments: [slice])
        try database.cachedStatement(sql: "DELETE FROM recent_pull WHERE slice = ?")
            .execute(arguments: [slice])
    }
}

extension PullNote {
    /// From the columns user, at, changes, watched and calls; nil where they make no sense.
    fileprivate init?(_ row: Row) {
        guard let user = UserNumber(exactly: row[0] as Int64), user > 0,
            let evidence = Evidence(row, from: 2)
        else { return nil }
        self.init(
            user: user, at: WallTime(milliseconds: row[1]), evidence: evidence, calls: row[4] ?? 1,
            hasHints: row[5])
    }

    fileprivate static let overOlder = """
        ON CONFLICT (user) DO UPDATE SET
            at = CASE WHEN excluded.at > pull.at THEN excluded.at ELSE pull.at END,
            changes = excluded.changes, watched = excluded.watched, calls = excluded.calls,
            hints = excluded.hints
        """

    fileprivate func write(into table: String, _ place: [Int], to database: Database) throws {
        let isRecent = !place.isEmpty
        try database.cachedStatement(
            sql: """
                INSERT INTO \(table)user, at, changes, watched, calls, hints)
                VALUES (\(isRecent ? "?, " : "")?, ?, ?, ?, ?, ?)
                \(isRecent ? "ON CONFLICT DO NOTHING" : PullNote.overOlder)
                """
        ).execute(
            arguments: StatementArguments(place)
                + [
                    Int64(user), at.milliseconds, evidence.thousandths, evidence.seconds, calls,
                    hasHints,
                ])
    }
}

extension Evidence {
    fileprivate var thousandths: Int64 { Int64((Double(changes) * 1000).rounded()) }
    fileprivate var seconds: Int64 { Int64(Double(watched).rounded()) }

    /// From the columns changes and watched; nil where a pull is older than they are.
    init?(_ row: Row, from column: Int) {
        guard let thousandths = row[column] as Int64?, let seconds = row[column + 1] as Int64?,
            thousandths > 0, seconds > 0
        else { return nil }
        self.init(changes: Float(Double(thousandths) / 1000), watched: Float(seconds))
    }
}

/// - Returns: whether the user was never pulled before.
@discardableResult
func notePull(of user: UserNumber, at time: WallTime, in database: Database) throws -> Bool {
    try database.cachedStatement(sql: "UPDATE pull SET at = ? WHERE user = ?")
        .execute(arguments: [time.milliseconds, Int64(user)])
    guard database.rowsChanged == 0 else { return false }
    try database.cachedStatement(sql: "INSERT INTO pull (user, at) VALUES (?, ?)")
        .execute(arguments: [Int64(user), time.milliseconds])
    return true
}

/// The pulls that are not yet in the table of all users: by user, when.
struct RecentPulls {
    private let times: [Int64: Int64]

    init(_ database: Database) throws {
        let rows = try Row.fetchCursor(
            database, sql: "SELECT user, max(at) FROM recent_pull GROUP BY user")
        var times: [Int64: Int64] = [:]
        while let row = try rows.next() { times[row[0]] = row[1] }
        self.times = times
    }

    /// When the user was pulled last.
    /// - Parameter folded: by the table of all users.
    func lastPull(of user: Int64, folded: Int64?) -> WallTime? {
        [folded, times[user]].compactMap(\.self).max().map(WallTime.init(milliseconds:))
    }
}

extension MirrorReader {
    /// The last pull of a user, and what was known then of how often it changes; nil when it was never pulled,
    /// or by an older version.
    package func lastPull(of user: UserID) throws(StoreFailure) -> PullNote? {
        try read { database in
            let row = try Row.fetchOne(
                database,
                sql: """
                    SELECT user, at, changes, watched, calls, hints FROM (
                        SELECT user, at, changes, watched, calls, hints FROM pull
                        UNION ALL SELECT user, at, changes, watched, calls, hints FROM recent_pull
                    ) AS known
                    WHERE user = (SELECT id FROM user WHERE name = ?) AND changes IS NOT NULL
                    ORDER BY at DESC LIMIT 1
                    """, arguments: [user.string])
            return row.flatMap { PullNote($0) }
        }
    }
}
