import CSQLite
import ChatModel
import Foundation
import GRDB
import GRDBSQLite
import Synchronization
import SyncRules

// The mirror in one SQLite file: WAL, every commit with synchronous=FULL, one writer. A commit that
// a reader has seen must survive a power cut, or a change would be numbered twice; WAL with
// synchronous=NORMAL loses acknowledged commits then.

/// The store of the engine, and what the commands leave requests in.
package final class SQLiteMirror: MirrorStore {
    /// How the store reaches its database.
    package enum Access: Sendable {
        /// Readers beside one writer, on threads of their own.
        case pooled
        /// One connection, used on the thread of whoever calls: for simulations and tests, in which
        /// no other thread may have a say in what happens next.
        case onCallersThread
    }

    let database: any DatabaseWriter
    let path: String
    private let access: Access
    /// Which file was opened: `path` may become another one's name.
    private let file: FileIdentity?
    /// Whether there was no mirror before: no file, or an empty one.
    package let isNew: Bool
    private let lastDataVersion = Mutex<Int64?>(nil)

    /// Opens or makes the database.
    /// - Parameters:
    ///   - path: of the file; its directory must exist. A new file is readable for its group at
    ///     most.
    ///   - sdkAppID: whose mirror it is. A database of another app is refused.
    ///   - patience: seconds that a write waits for a lock that another process holds.
    package init(
        path: String, sdkAppID: Int64, patience: Double = SQLiteMirror.patience,
        access: Access = .pooled
    ) throws(StoreFailure) {
        self.path = path
        self.access = access
        do {
            try OwnedFile.demandRegular(path)
            isNew = try !SQLiteMirror.isMirror(path)
            OwnedFile.make(path)
            var configuration = SQLiteMirror.configuration
            configuration.busyMode = .timeout(patience)
            database =
                switch access {
                case .pooled: try DatabasePool(path: path, configuration: configuration)
                case .onCallersThread:
                    try DatabaseQueue(path: path, configuration: configuration)
                }
            try SQLiteMirror.makeCommitsDurable(database)
            try SQLiteMirror.migrate(database, path: path)
            try SQLiteMirror.claim(database, for: sdkAppID, path: path)
            file = FileIdentity(path)
        } catch {
            throw StoreFailure(error, path: path)
        }
    }

    /// Closes the database. Whoever closes it last leaves the file alone as the mirror, with an empty
    /// log beside it.
    package func close() throws(StoreFailure) {
        do {
            // The pool closes its readers after its writer, who would not be the last then.
            (database as? DatabasePool)?.invalidateReadOnlyConnections()
            try database.close()
        } catch {
            throw StoreFailure(error, path: path)
        }
    }

    /// Throws when the file that was opened is no longer the one at the path: another program has replaced or
    /// removed it, and what is written now is lost.
    package func checkPlace() throws(StoreFailure) {
        guard FileIdentity(path) == file else { throw .displaced(path) }
    }

    // MARK: Access

    /// Runs `body` in a transaction of the writer.
    func write<Value: Sendable>(
        _ body: @Sendable @escaping (Database) throws -> Value
    ) async throws(StoreFailure) -> Value {
        if access == .onCallersThread { return try writeNow(body) }
        do {
            return try await database.write(body)
        } catch {
            throw StoreFailure(error, path: path)
        }
    }

    func writeNow<Value>(_ body: (Database) throws -> Value) throws(StoreFailure) -> Value {
        do {
            return try database.write(body)
        } catch {
            throw StoreFailure(error, path: path)
        }
    }

    func read<Value: Sendable>(
        _ body: @Sendable @escaping (Database) throws -> Value
    ) async throws(StoreFailure) -> Value {
        if access == .onCallersThread { return try readNow(body) }
        do {
            return try await database.read(body)
        } catch {
            throw StoreFailure(error, path: path)
        }
    }

    func readNow<Value>(_ body: (Database) throws -> Value) throws(StoreFailure) -> Value {
        do {
            return try database.read(body)
        } catch {
            throw StoreFailure(error, path: path)
        }
    }

    package func wasWrittenByOthers() async throws(StoreFailure) -> Bool {
        let version = try await dataVersion()
        return lastDataVersion.withLock { last in
            defer { last = version }
            return last != nil && last != version
        }
    }

    /// On the writer's connection this number moves only when another process commits.
    private func dataVersion() async throws(StoreFailure) -> Int64 {
        let fetch: @Sendable (Database) throws -> Int64 = { database in
            try Int64.fetchOne(database.cachedStatement(sql: "PRAGMA data_version")) ?? 0
        }
        do {
            return switch access {
            case .pooled: try await database.writeWithoutTransaction(fetch)
            case .onCallersThread: try withoutTransaction(fetch)
            }
        } catch {
            throw StoreFailure(error, path: path)
        }
    }

    private func withoutTransaction<Value>(_ body: (Database) throws -> Value) throws -> Value {
        try database.writeWithoutTransaction(body)
    }

    // MARK: Opening

    /// How long a commit of the daemon waits for a lock that another process holds.
    package static let patience: Double = 5
    /// How long a command that queues or changes edits waits: an import may be running.
    package static let longPatience: Double = 120

    /// Bytes that the write-ahead log keeps on the disk when it has been emptied.
    private static let logSize = 32 << 20

    static var configuration: Configuration {
        var configuration = Configuration()
        configuration.busyMode = .timeout(patience)
        configuration.maximumReaderCount = 4
        configuration.prepareDatabase { database in
            try SQLiteMirror.distrustFile(database)
            guard !database.configuration.readonly else { return }
            // What a long read or a large import has made of the log does not stay on the disk; and
            // the last one to close leaves it empty, so that the file alone is the mirror: with an
            // older copy in its place the log would be mixed into that.
            try database.execute(sql: "PRAGMA journal_size_limit = \(logSize)")
            // Else the last connection removes the log, and readers without write permission cannot
            // open the file.
            var keep: CInt = 1
            _ = sqlite3_file_control(
                database.sqliteConnection, nil, SQLITE_FCNTL_PERSIST_WAL, &keep)
        }
        return configuration
    }

    /// Whoever can write the file can put anything into its schema.
    private static func distrustFile(_ database: Database) throws {
        let status = gm_sqlite_distrust_file(database.sqliteConnection)
        guard status == SQLITE_OK else {
            throw DatabaseError(resultCode: ResultCode(rawValue: status))
        }
    }

    /// A file that exists must be a database of ours before anything is written to it; false when there
    /// is nothing in it, or no file.
    private static func isMirror(_ path: String) throws -> Bool {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        guard let size = attributes?[.size] as? Int, size > 0 else { return false }
        var configuration = SQLiteMirror.configuration
        configuration.readonly = true
        let (id, objects) = try DatabaseQueue(path: path, configuration: configuration).read {
            let id = try Int32.fetchOne($0, sql: "PRAGMA application_id")
            // What a newer version has in its schema is not known here.
            if id == Schema.applicationID, try !Schema.migrator.hasBeenSuperseded($0) {
                try Schema.demandOurs($0, path: path)
            }
            return (id, try Int.fetchOne($0, sql: "SELECT count(*) FROM sqlite_schema") ?? 0)
        }
        guard id == Schema.applicationID || objects == 0 else {
            throw StoreFailure(
                kind: .unusable, problem: "\(path): it is a database of another program",
                advice: "mirror.database must name a mirror, or a file that does not exist yet")
        }
        return objects > 0
    }

    /// Sees to it that a commit that has returned survives a power cut.
    private static func makeCommitsDurable(_ database: any DatabaseWriter) throws {
        try database.writeWithoutTransaction { database in
            // On the connection that writes, and after it was opened: GRDB sets NORMAL when it turns
            // the write-ahead log on, which is after it has prepared the connection.
            try database.execute(sql: "PRAGMA journal_mode = WAL")
            try database.execute(sql: "PRAGMA synchronous = FULL")
            // A process that was killed, or a sync that failed, may have left frames in the log that
            // are seen but not on the disk, and that no later sync writes: whatever is committed
            // behind such a gap is lost with the power. So the log begins again.
            _ = try Row.fetchAll(database, sql: "PRAGMA wal_checkpoint(PASSIVE)")
        }
    }

    private static func migrate(_ database: any DatabaseWriter, path: String) throws {
        let migrator = Schema.migrator
        guard try !database.read(migrator.hasBeenSuperseded) else {
            throw StoreFailure.newer(path)
        }
        try migrator.migrate(database)
    }

    private static func claim(_ database: any DatabaseWriter, for sdkAppID: Int64, path: String)
        throws
    {
        let owner = try database.write { database in
            try database.execute(
                sql: "INSERT OR IGNORE INTO setting (name, value) VALUES ('sdk_app_id', ?)",
                arguments: [String(sdkAppID)])
            return try String.fetchOne(
                database, sql: "SELECT value FROM setting WHERE name = 'sdk_app_id'") ?? ""
        }
        guard owner == String(sdkAppID) else {
            throw StoreFailure.ofAnotherApp(path, owner)
        }
    }
}
