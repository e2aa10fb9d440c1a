import ChatModel
import Foundation
import GRDB
import SyncRules

// What the commands show. They read as any script would, through a connection that cannot write,
// and mostly through the documented views; a daemon may be writing all the while.

/// Reads a mirror, whether a daemon runs or not.
package final class MirrorReader: Sendable {
    private let database: DatabaseQueue
    private let path: String
    private let file: FileIdentity?

    /// Opens an existing mirror of `sdkAppID`.
    package init(path: String, sdkAppID: Int64) throws(StoreFailure) {
        self.path = path
        file = FileIdentity(path)
        try MirrorReader.checkAccess(path)
        // A daemon that starts for the first time makes an empty file before it fills it.
        let size = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
        guard size ?? 0 > 0 else {
            throw StoreFailure(
                kind: .unusable, problem: "\(path): there is no mirror yet",
                advice: "'groupmirror run' or 'groupmirror resync' makes it")
        }
        var configuration = SQLiteMirror.configuration
        configuration.readonly = true
        do {
            database = try DatabaseQueue(path: path, configuration: configuration)
            try MirrorReader.check(database, path: path, sdkAppID: sdkAppID)
        } catch {
            throw StoreFailure(error, path: path)
        }
    }

    /// Throws when the file that was opened is no longer the one at the path.
    package func checkPlace() throws(StoreFailure) {
        guard FileIdentity(path) == file else { throw .displaced(path) }
    }

    /// A user without rights must not read that there is no mirror.
    private static func checkAccess(_ path: String) throws(StoreFailure) {
        guard !OwnedFile.mayAccess(path, R_OK), errno == EACCES else {
            return try OwnedFile.demandRegular(path)
        }
        throw StoreFailure(
            kind: .passing, problem: "\(path): permission denied",
            advice:
                "this user may not read the mirror or enter its directory: use sudo, or the user "
                + "that the service runs as")
    }

    private static func check(_ database: DatabaseQueue, path: String, sdkAppID: Int64) throws {
        let (id, isNewer, owner) = try database.read { database in
            let id = try database.owner()
            guard id == Schema.applicationID else { return (id, false, String?.none) }
            let isNewer = try Schema.migrator.hasBeenSuperseded(database)
            if try !isNewer && !Schema.migrator.hasCompletedMigrations(database) {
                throw StoreFailure.older(path)
            }
            // What a newer version has in its schema is not known here.
            if !isNewer { try Schema.demandOurs(database, path: path) }
            return (
                id, isNewer,
                try String.fetchOne(
                    database, sql: "SELECT value FROM setting WHERE name = 'sdk_app_id'")
            )
        }
        guard id == Schema.applicationID else {
            throw StoreFailure(
                kind: .unusable, problem: "\(path): it is not a mirror",
                advice: "correct mirror.database")
        }
        guard !isNewer else { throw StoreFailure.newer(path) }
        guard owner == String(sdkAppID) else { throw StoreFailure.ofAnotherApp(path, owner ?? "-") }
    }

    /// Runs `body` outside of a transaction.
    func withoutTransaction(_ body: (Database) throws -> Void) throws {
        try database.writeWithoutTransaction(body)
    }

    /// Runs `body` on one moment of the database.
    func read<Value>(_ body: (Database) throws -> Value) throws(StoreFailure) -> Value {
        do {
            return try database.read(body)
        } catch {
            throw StoreFailure(error, path: path)
        }
    }

    // MARK: Users

    /// One row of the view `users`.
    package struct UserRow: Sendable {
        package let user: String
        package let state: String
        package let pulledAt: String?
        package let failure: String?
        package let failureCode: Int?
        package let problem: String?
        package let failures: Int?
        package let failingSince: String?
        package let retryAt: String?
        /// Conversations of a type that this version does not know; the mirror has them not.
        package let skipped: Int
    }

    /// Users in the order of their ids, those in `state` or all; one at a time, for there may be
    /// millions.
    /// - Parameter most: no more than so many; nil for all.
    package func users(
        state: String? = nil, user: String? = nil, most: Int? = nil,
        _ each: (UserRow) throws -> Void
    ) throws(StoreFailure) {
        try read { database in
            let rows = try Row.fetchCursor(
                database,
                sql: """
                    SELECT * FROM users
                    WHERE (? IS NULL OR state = ?) AND (? IS NULL OR user = ?) ORDER BY user
                    LIMIT coalesce(?, 9223372036854775807)
                    """, arguments: [state, state, user, user, most])
            while let row = try rows.next() {
                try each(
                    UserRow(
                        user: row["user"], state: row["state"], pulledAt: row["pulled_at"],
                        failure: row["failure"], failureCode: row["failure_code"],
                        problem: row["problem"], failures: row["failures"],
                        failingSince: row["failing_since"], retryAt: row["retry_at"],
                        skipped: row["skipped"]))
            }
        }
    }

    /// The numbers of some users; those the mirror does not know are missing.
    package func numbers(of users: [UserID], onlyListed: Bool = false) throws(StoreFailure)
        -> [UserID: UserNumber]
    {
        try read { database in
            let statement = try database.cachedStatement(
                sql: "SELECT id FROM user WHERE name = ? AND listed >= ?")
            var numbers: [UserID: UserNumber] = [:]
            for user in users {
                if let id = try Int64.fetchOne(statement, arguments: [user.string, onlyListed]) {
                    numbers[user] = UserNumber(id)
                }
            }
            return numbers
        }
    }

    /// When some users were last pulled, nil for never; those the mirror does not know are missing.
    package func lastPulls(of users: [UserID]) throws(StoreFailure) -> [(
        user: UserID, at: WallTime?
    )] {
        try read { database in
            let statement = try database.cachedStatement(
                sql: """
                    SELECT user.id, pull.at FROM user LEFT JOIN pull ON pull.user = user.id
                    WHERE user.name = ?
                    """)
            let recent = try RecentPulls(database)
            return try users.compactMap { user in
                try Row.fetchOne(statement, arguments: [user.string]).map { row in
                    (user, recent.lastPull(of: row[0], folded: row[1]))
                }
            }
        }
    }

    /// Users in each state.
    package func states() throws(StoreFailure) -> [String: Int] {
        try read { database in
            let rows = try Row.fetchAll(
                database, sql: "SELECT state, count(*) FROM users GROUP BY state")
            return Dictionary(uniqueKeysWithValues: rows.map { ($0[0], $0[1]) })
        }
    }

    /// When the listed user that waits longest was last pulled; nil when none was.
    package func oldestPull() throws(StoreFailure) -> WallTime? {
        try read { database in
            try Int64.fetchOne(
                database,
                sql: """
                    SELECT min(max(pull.at, coalesce(recent.at, 0)))
                    FROM pull JOIN user ON user.id = pull.user
                    LEFT JOIN (SELECT user, max(at) AS at FROM recent_pull GROUP BY user) AS recent
                        ON recent.user = user.id
                    LEFT JOIN trouble ON trouble.user = user.id
                    WHERE user.listed = 1 AND coalesce(trouble.parked, 0) = 0
                    """
            ).map(WallTime.init(milliseconds:))
        }
    }

    /// The number of the newest change; 0 when there is none.
    package func lastChange() throws(StoreFailure) -> Int64 {
        try read(MirrorReader.lastChange)
    }

    private static func lastChange(_ database: Database) throws -> Int64 {
        try database.lastNumber(givenIn: "change")
    }

    /// The number before the first change of this time or later; the newest number when there is none. The
    /// times of changes do not quite rise with their numbers: some that follow may be older.
    package func lastChange(before time: WallTime) throws(StoreFailure) -> Int64 {
        try read { database in
            let first = try Int64.fetchOne(
                database, sql: "SELECT min(seq) FROM change WHERE at >= ?",
                arguments: [time.milliseconds])
            return try first.map { $0 - 1 } ?? MirrorReader.lastChange(database)
        }
    }

    /// The highest number of a change that was removed because of its age; 0 when none was.
    package func lastPruned() throws(StoreFailure) -> Int64 {
        try read { database in
            let first = try Int64.fetchOne(database, sql: "SELECT min(seq) FROM change")
            return try first.map { $0 - 1 } ?? MirrorReader.lastChange(database)
        }
    }

    // MARK: Content

    /// A user with everything the mirror holds of it.
    package struct MirroredUser: Sendable {
        package let user: UserID
        package let pulledAt: WallTime?
        package let snapshot: Snapshot
    }

    /// Listed users in the order of their ids, all of one moment; `only` some when given; with open
    /// edits applied when `pending`.
    /// - Parameter begin: is given the number of the newest change of that moment.
    package func export(
        only: [UserID]? = nil, pending: Bool = false, begin: (Int64) -> Void = { _ in },
        _ each: (MirroredUser) throws -> Void
    ) throws(StoreFailure) {
        try read { database in
            begin(try MirrorReader.lastChange(database))
            let select = """
                SELECT user.id, user.name, pull.at FROM user
                LEFT JOIN pull ON pull.user = user.id WHERE
                """
            let recent = try RecentPulls(database)
            func export(_ rows: RowCursor) throws {
                while let row = try rows.next() {
                    try each(
                        MirroredUser(
                            user: UserID(checkedBytes: (row[1] as String).utf8),
                            pulledAt: recent.lastPull(of: row[0], folded: row[2]),
                            snapshot: pending
                                ? try Snapshot.pending(of: row[0], in: database)
                                : try Snapshot.stored(of: row[0], in: database)))
                }
            }
            guard let only else {
                return try export(
                    Row.fetchCursor(database, sql: select + " user.listed = 1 ORDER BY user.name"))
            }
            for user in only.sorted() {
                try export(
                    Row.fetchCursor(
                        database, sql: select + " user.name = ?", arguments: [user.string]))
            }
        }
    }

    // MARK: Changes

    /// One row of the view `changes`.
    package struct ChangeRow: Sendable {
        package let seq: Int64
        package let at: String
        package let user: String
        package let kind: String
        package let groupID: Int64?
        package let groupName: String?
        package let type: Int?
        package let peer: String?
        package let before: String?
        package let after: String?
        package let edit: Int64?
    }

    /// Changes with a number above `since`, ascending, at most `limit`.
    package func changes(since: Int64, user: String?, limit: Int) throws(StoreFailure)
        -> [ChangeRow]
    {
        // The index of a user's changes serves only where the user is named by its number.
        let ofUser = user == nil ? "" : "user = (SELECT id FROM user WHERE name = ?) AND"
        return try read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT * FROM changes WHERE seq IN (
                        SELECT seq FROM change WHERE \(ofUser) seq > ? ORDER BY seq LIMIT ?)
                    ORDER BY seq
                    """, arguments: (user.map { [$0] } ?? []) + [since, limit]
            ).map { row in
                try ChangeRow(
                    seq: row["seq"], at: row.moment("at"), user: row["user"], kind: row["kind"],
                    groupID: row["group_id"], groupName: row["group_name"], type: row["type"],
                    peer: row["peer"], before: row["before"], after: row["after"],
                    edit: row["edit"])
            }
        }
    }

    // MARK: Held deletions and the daemon

    /// One row of the view `held_deletions`.
    package struct HeldRow: Sendable {
        package let user: String
        package let since: String
        package let groups: Int
        package let conversations: Int
        package let decision: String?
        package let decidedAt: String?
    }

    /// Users whose deletions are held, with what was decided.
    package func held() throws(StoreFailure) -> [HeldRow] {
        try read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM held_deletions ORDER BY user").map {
                try HeldRow(
                    user: $0["user"], since: $0.moment("since"), groups: $0["groups"],
                    conversations: $0["conversations"], decision: $0["decision"],
                    decidedAt: $0["decided_at"])
            }
        }
    }
}

extension Row {
    /// A time as a view writes it; a damaged one has no such form.
    func moment(_ column: String) throws -> String {
        guard let text: String = self[column] else {
            throw DatabaseError(
                resultCode: .SQLITE_CORRUPT,
                message: "a time in the column \(column) makes no sense")
        }
        return text
    }
}
