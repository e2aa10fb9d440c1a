import ChatModel
import Foundation
import GRDB
import SyncRules

// The tables user, listing, trouble and skipped: who is in the list, and how each pull ended; and the settings
// that hold for all.

extension SQLiteMirror {
    package func readUsers(_ each: (StoredUser) -> Void) throws(StoreFailure) {
        try readNow { database in
            let rows = try Row.fetchCursor(
                database,
                sql: """
                    SELECT user.id, user.name, user.listed, pull.at, listing.digest,
                        trouble.failures, trouble.retry_at, trouble.parked,
                        held.groups, held.conversations, held.decision,
                        pull.changes, pull.watched, pull.calls, pull.hints
                    FROM user
                    LEFT JOIN pull ON pull.user = user.id
                    LEFT JOIN listing ON listing.user = user.id
                    LEFT JOIN trouble ON trouble.user = user.id
                    LEFT JOIN held ON held.user = user.id
                    ORDER BY user.id
                    """)
            while let row = try rows.next() {
                each(try StoredUser(row, path: path))
            }
        }
    }

    package func list(_ users: [(number: UserNumber, id: UserID)], at time: WallTime)
        throws(StoreFailure)
    {
        try writeNow { database in
            let statement = try database.cachedStatement(
                sql: """
                    INSERT INTO user (id, name, listed, since) VALUES (?, ?, 1, ?)
                    ON CONFLICT (id) DO UPDATE SET listed = 1, since = excluded.since
                    """)
            for user in users {
                try statement.execute(arguments: [
                    Int64(user.number), user.id.string, time.milliseconds,
                ])
            }
        }
    }

    package func unlist(_ users: [UserNumber], at time: WallTime) throws(StoreFailure) {
        try writeNow { database in
            let statement = try database.cachedStatement(
                sql: "UPDATE user SET listed = 0, since = ? WHERE id = ?")
            for user in users {
                try statement.execute(arguments: [time.milliseconds, Int64(user)])
            }
        }
    }

    /// How long a copy may be before the views call it stale.
    package func setMaxStaleness(_ span: Duration) throws(StoreFailure) {
        try writeNow { database in
            try database.set("max_staleness_ms", to: String(span.milliseconds))
        }
    }

    /// With another cap than the last one, listings that were believed must be read again: no digest
    /// stands any more.
    package func setListingCap(_ cap: Int) throws(StoreFailure) {
        try writeNow { database in
            let known = try String.fetchOne(
                database, sql: "SELECT value FROM setting WHERE name = 'listing_cap'")
            guard known ?? "0" != String(cap) else { return }
            try database.execute(sql: "DELETE FROM listing")
            try database.set("listing_cap", to: String(cap))
        }
    }

    /// Whether the cloud has ever accepted a call for this mirror.
    package func wasEverAccepted() throws(StoreFailure) -> Bool {
        try readNow { database in
            try Bool.fetchOne(database, sql: "SELECT EXISTS (SELECT * FROM pull)") ?? false
        }
    }
}

extension Database {
    /// Writes a row of the table setting.
    func set(_ name: String, to value: String) throws {
        try execute(
            sql: """
                INSERT INTO setting (name, value) VALUES (?, ?)
                ON CONFLICT (name) DO UPDATE SET value = excluded.value
                """, arguments: [name, value])
    }
}

extension StoredUser {
    fileprivate init(_ row: Row, path: String) throws {
        guard let number = UserNumber(exactly: row[0] as Int64), number > 0 else {
            throw StoreFailure(
                kind: .unusable,
                problem: "\(path): it holds a user with the number \(row[0] as Int64)",
                advice: StoreFailure.restoreAdvice)
        }
        let name: String = row[1]
        self.init(
            number: number, id: UserID(checkedBytes: name.utf8), isListed: row[2],
            pulledAt: (row[3] as Int64?).map(WallTime.init(milliseconds:)),
            digest: try row.withUnsafeData(atIndex: 4) { $0.flatMap(Digest.init(_:)) },
            failures: row[5] ?? 0,
            retryAt: (row[6] as Int64?).map(WallTime.init(milliseconds:)),
            isParked: row[7] ?? false,
            hold: row[8] == nil ? nil : Hold(row, from: 8),
            evidence: Evidence(row, from: 11), calls: row[13] ?? 1, hasHints: row[14] ?? false)
    }
}

/// The user is well again.
func forgetTrouble(of user: UserNumber, in database: Database) throws {
    try database.cachedStatement(sql: "DELETE FROM trouble WHERE user = ?")
        .execute(arguments: [Int64(user)])
}

/// The mirror is not known to equal a listing any more.
func forgetListing(of user: UserNumber, in database: Database) throws {
    try database.cachedStatement(sql: "DELETE FROM listing WHERE user = ?")
        .execute(arguments: [Int64(user)])
}

extension PulledUser {
    /// The listing that the mirror equals, and what was left out of it.
    func writeListing(to database: Database) throws {
        try writeDigest(to: database)
        try writeSkipped(to: database)
    }

    private func writeDigest(to database: Database) throws {
        if let digest {
            try database.cachedStatement(
                sql: """
                    INSERT INTO listing (user, digest) VALUES (?, ?)
                    ON CONFLICT (user) DO UPDATE SET digest = excluded.digest
                    """
            ).execute(arguments: [Int64(user), Data(digest.bytes)])
        } else {
            try forgetListing(of: user, in: database)
        }
    }

    private func writeSkipped(to database: Database) throws {
        guard skipped > 0 else {
            return try database.cachedStatement(sql: "DELETE FROM skipped WHERE user = ?")
                .execute(arguments: [Int64(user)])
        }
        try database.cachedStatement(
            sql: """
                INSERT INTO skipped (user, conversations) VALUES (?, ?)
                ON CONFLICT (user) DO UPDATE SET conversations = excluded.conversations
                """
        ).execute(arguments: [Int64(user), skipped])
    }
}

extension UserFailure {
    /// Writes it into the table trouble.
    func write(of user: UserNumber, to database: Database) throws {
        try database.cachedStatement(
            sql: """
                INSERT INTO trouble
                    (user, kind, code, problem, failures, since, at, retry_at, parked)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (user) DO UPDATE SET kind = excluded.kind, code = excluded.code,
                    problem = excluded.problem, failures = excluded.failures, at = excluded.at,
                    retry_at = excluded.retry_at, parked = excluded.parked
                """
        ).execute(arguments: [
            Int64(user), kind, code, problem, failures, at.milliseconds, at.milliseconds,
            retryAt.milliseconds, isParked,
        ])
    }
}
