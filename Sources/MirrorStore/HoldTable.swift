import ChatModel
import GRDB
import SyncRules

// The table held: deletions that wait for an operator, and what was decided.

extension SQLiteMirror {
    package func holds() async throws(StoreFailure) -> [UserNumber: Hold] {
        try await read { database in
            let rows = try Row.fetchAll(
                database.cachedStatement(
                    sql: """
                        SELECT held.user, groups, conversations, decision
                        FROM held JOIN user ON user.id = held.user WHERE user.listed = 1
                        """))
            return Dictionary(
                uniqueKeysWithValues: rows.map { (UserNumber($0[0] as Int64), Hold($0, from: 1)) })
        }
    }

    /// Records what an operator decided about held deletions; the daemon, or the next run, acts on it.
    /// - Parameter users: nil for all.
    /// - Returns: the users concerned, those decided otherwise before included.
    package func decide(_ decision: HeldDecision, users: [UserNumber]?, at time: WallTime)
        throws(StoreFailure) -> [UserID]
    {
        try writeNow { database in
            let candidates = try Row.fetchAll(
                database,
                sql: """
                    SELECT held.user, user.name FROM held JOIN user ON user.id = held.user
                    WHERE decision IS NULL OR decision <> ? ORDER BY user.name
                    """, arguments: [decision.rawValue])
            let wanted = users.map(Set.init)
            return try candidates.compactMap { row in
                let number: Int64 = row[0]
                if let wanted, !wanted.contains(UserNumber(number)) { return nil }
                try database.execute(
                    sql: "UPDATE held SET decision = ?, decided_at = ? WHERE user = ?",
                    arguments: [decision.rawValue, time.milliseconds, number])
                return UserID(checkedBytes: (row[1] as String).utf8)
            }
        }
    }
}

extension Hold {
    /// From the columns groups, conversations, decision, which begin at `column`.
    init(_ row: Row, from column: Int) {
        self.init(
            HeldDeletions(groups: row[column], conversations: row[column + 1]),
            (row[column + 2] as String?).flatMap(HeldDecision.init))
    }
}

extension PulledUser {
    /// What is held of the user, or no longer.
    func writeHeld(to database: Database) throws {
        guard let held else {
            try database.cachedStatement(sql: "DELETE FROM held WHERE user = ?")
                .execute(arguments: [Int64(user)])
            return
        }
        try database.cachedStatement(
            sql: """
                INSERT INTO held (user, since, groups, conversations) VALUES (?, ?, ?, ?)
                ON CONFLICT (user) DO UPDATE
                SET groups = excluded.groups, conversations = excluded.conversations
                """
        ).execute(arguments: [Int64(user), at.milliseconds, held.groups, held.conversations])
    }

    /// A marker in the record of changes: what users lost before it was believed.
    func writeTrip(to database: Database) throws {
        guard let trip else { return }
        try database.cachedStatement(
            sql: "INSERT INTO change (at, user, kind, after) VALUES (?, ?, ?, ?)"
        ).execute(arguments: [
            at.milliseconds, Int64(user), GuardTrip.kind, String(trip.believed),
        ])
        let marker = "\(database.lastID) \(at.milliseconds) \(trip.believed)"
        try database.set(GuardTrip.setting, to: marker)
    }
}

extension GuardTrip {
    /// What the marker is called among the kinds of changes.
    package static let kind = "guard_tripped"
    fileprivate static let setting = "guard_tripped"
}

extension MirrorReader {
    /// Where the guard tripped last: the number of the marker, when, and how many users had been believed; nil
    /// when it never did.
    package func lastGuardTrip() throws(StoreFailure) -> (
        seq: Int64, at: WallTime, believed: Int
    )? {
        let text = try read { database in
            try String.fetchOne(
                database, sql: "SELECT value FROM setting WHERE name = ?",
                arguments: [GuardTrip.setting])
        }
        let numbers = (text ?? "").split(separator: " ").compactMap { Int64($0) }
        guard numbers.count == 3 else { return nil }
        return (numbers[0], WallTime(milliseconds: numbers[1]), Int(numbers[2]))
    }
}
