import ChatModel
import GRDB
import SyncRules

// The tables request and request_user: both ends of a request.

extension SQLiteMirror {
    package func openRequests() async throws(StoreFailure) -> [ResyncRequest] {
        try await read { database in
            try Row.fetchAll(
                database.cachedStatement(
                    sql: "SELECT id, kind, everyone FROM request WHERE finished = 0 ORDER BY id")
            ).compactMap { row in
                let id: Int64 = row[0]
                guard let kind = ResyncRequest.Kind(rawValue: row[1]) else { return nil }
                if row[2] as Bool { return ResyncRequest(id: id, kind: kind, users: nil) }
                let users = try Int64.fetchAll(
                    database, sql: "SELECT user FROM request_user WHERE request = ?",
                    arguments: [id])
                return ResyncRequest(id: id, kind: kind, users: users.map { UserNumber($0) })
            }
        }
    }

    /// Leaves a request for the daemon; the number to follow it by.
    /// - Parameter users: nil for every user of the list.
    package func ask(_ kind: ResyncRequest.Kind, users: [UserNumber]?, at time: WallTime)
        throws(StoreFailure) -> Int64
    {
        try writeNow { database in
            // A day is long enough to look at an old request.
            try database.execute(
                sql: "DELETE FROM request WHERE finished = 1 AND asked_at < ?",
                arguments: [time.milliseconds - 86_400_000])
            try database.execute(
                sql: "INSERT INTO request (kind, everyone, asked_at) VALUES (?, ?, ?)",
                arguments: [kind.rawValue, users == nil, time.milliseconds])
            let request = database.lastID
            let insert = try database.cachedStatement(
                sql: "INSERT INTO request_user (request, user) VALUES (?, ?)")
            for user in Set(users ?? []).sorted() {
                try insert.execute(arguments: [request, Int64(user)])
            }
            return request
        }
    }

    /// Withdraws a request that no command waits for any more.
    package func withdraw(_ request: Int64) throws(StoreFailure) {
        try writeNow { database in
            try database.execute(
                sql: "UPDATE request SET finished = 1 WHERE id = ?", arguments: [request])
        }
    }

    /// How far a request is; nil when it does not exist.
    package func progress(of request: Int64) throws(StoreFailure) -> RequestProgress? {
        try readNow { database in
            try Row.fetchOne(
                database,
                sql: """
                    SELECT total, done, changed, changes, failed, parked, finished
                    FROM request WHERE id = ?
                    """, arguments: [request]
            ).map { row in
                var progress = RequestProgress(request: request, total: row[0] ?? 0)
                progress.done = row[1]
                progress.changed = row[2]
                progress.changes = row[3]
                progress.failed = row[4]
                progress.parked = row[5]
                progress.isFinished = row[6]
                return progress
            }
        }
    }

    /// What became of the users of a request that has something to say about them, by user.
    package func results(of request: Int64) throws(StoreFailure) -> [(
        user: UserID, result: RequestResult
    )] {
        try readNow { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT user.name, outcome, changes, detail
                    FROM request_user JOIN user ON user.id = request_user.user
                    WHERE request = ? AND outcome IS NOT NULL ORDER BY user.name
                    """, arguments: [request]
            ).compactMap { row in
                RequestResult.Outcome(rawValue: row[1]).map {
                    (
                        UserID(checkedBytes: (row[0] as String).utf8),
                        RequestResult($0, changes: row[2], detail: row[3])
                    )
                }
            }
        }
    }
}

extension RequestProgress {
    /// Progress that arrives late must not undo what came after it. The end always counts: after a
    /// restart, and with fewer users in the list, it may come with less than was done before.
    func write(to database: Database) throws {
        try database.cachedStatement(
            sql: """
                UPDATE request SET total = ?, done = ?, changed = ?, changes = ?, failed = ?,
                    parked = ?, finished = CASE WHEN ? = 1 THEN 1 ELSE finished END
                WHERE id = ? AND (done <= ? OR ? = 1)
                """
        ).execute(arguments: [
            total, done, changed, changes, failed, parked, isFinished, request, done, isFinished,
        ])
    }
}

extension RequestResult {
    func write(of user: UserNumber, request: Int64, to database: Database) throws {
        // The request may have been withdrawn and removed while its passes were running.
        try database.cachedStatement(
            sql: """
                INSERT INTO request_user (request, user, outcome, changes, detail)
                SELECT id, ?, ?, ?, ? FROM request WHERE id = ?
                ON CONFLICT (request, user) DO UPDATE SET outcome = excluded.outcome,
                    changes = excluded.changes, detail = excluded.detail
                """
        ).execute(arguments: [Int64(user), outcome.rawValue, changes, detail, request])
    }
}
