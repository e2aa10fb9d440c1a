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
    let pool: DatabasePool
    let path: String
    private let lastDataVersion = Mutex<Int64?>(nil)

    /// Opens or makes the database.
    /// - Parameters:
    ///   - path: of the file; its directory must exist. A new file is readable for its group at
    ///     most.
    ///   - sdkAppID: whose mirror it is. A database of another app is refused.
    ///   - patience: seconds that a write waits for a lock that another process holds.
    package init(path: String, sdkAppID: Int64, patience: Double = SQLiteMirror.patience)
        throws(StoreFailure)
    {
        self.path = path
        do {
            try SQLiteMirror.refuseWhatIsNotOurs(path)
            SQLiteMirror.makeFile(path)
            var configuration = SQLiteMirror.configuration
            configuration.busyMode = .timeout(patience)
            pool = try DatabasePool(path: path, configuration: configuration)
            try SQLiteMirror.migrate(pool, path: path)
            try SQLiteMirror.claim(pool, for: sdkAppID, path: path)
        } catch {
            throw StoreFailure(error, path: path)
        }
    }

    package func close() throws(StoreFailure) {
        do {
            try pool.close()
        } catch {
            throw StoreFailure(error, path: path)
        }
    }

    // MARK: Access

    /// Runs `body` in a transaction of the writer.
    func write<Value: Sendable>(
        _ body: @Sendable @escaping (Database) throws -> Value
    ) async throws(StoreFailure) -> Value {
        do {
            return try await pool.write(body)
        } catch {
            throw StoreFailure(error, path: path)
        }
    }

    func writeNow<Value>(_ body: (Database) throws -> Value) throws(StoreFailure) -> Value {
        do {
            return try pool.write(body)
        } catch {
            throw StoreFailure(error, path: path)
        }
    }

    func read<Value: Sendable>(
        _ body: @Sendable @escaping (Database) throws -> Value
    ) async throws(StoreFailure) -> Value {
        do {
            return try await pool.read(body)
        } catch {
            throw StoreFailure(error, path: path)
        }
    }

    func readNow<Value>(_ body: (Database) throws -> Value) throws(StoreFailure) -> Value {
        do {
            return try pool.read(body)
        } catch {
            throw StoreFailure(error, path: path)
        }
    }

    package func wasWrittenByOthers() async throws(StoreFailure) -> Bool {
        let version: Int64
        do {
            // On the writer's connection this number moves only when another process commits.
            version = try await pool.writeWithoutTransaction { database in
                try Int64.fetchOne(database, sql: "PRAGMA data_version") ?? 0
            }
        } catch {
            throw StoreFailure(error, path: path)
        }
        return lastDataVersion.withLock { last in
            defer { last = version }
            return last != nil && last != version
        }
    }

    // MARK: Opening

    /// How long a commit of the daemon waits for a lock that another process holds.
    package static let patience: Double = 5
    /// How long a command that queues or changes edits waits: an import may be running.
    package static let longPatience: Double = 120

    static var configuration: Configuration {
        var configuration = Configuration()
        configuration.busyMode = .timeout(patience)
        configuration.maximumReaderCount = 4
        configuration.prepareDatabase { database in
            guard !database.configuration.readonly else { return }
            try database.execute(sql: "PRAGMA synchronous = FULL")
            // Else the last connection removes the log, and readers without write permission cannot
            // open the file.
            var keep: CInt = 1
            _ = sqlite3_file_control(
                database.sqliteConnection, nil, SQLITE_FCNTL_PERSIST_WAL, &keep)
        }
        return configuration
    }

    /// A file that exists must be a database of ours before anything is written to it.
    private static func refuseWhatIsNotOurs(_ path: String) throws {
        let size = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
        guard let size, size > 0 else { return }
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(patience)
        let (id, objects) = try DatabaseQueue(path: path, configuration: configuration).read {
            (
                try Int32.fetchOne($0, sql: "PRAGMA application_id"),
                try Int.fetchOne($0, sql: "SELECT count(*) FROM sqlite_schema") ?? 0
            )
        }
        guard id == Schema.applicationID || objects == 0 else {
            throw StoreFailure(
                kind: .unusable, problem: "\(path): it is a database of another program",
                advice: "mirror.database must name a mirror, or a file that does not exist yet")
        }
    }

    /// Makes the file before SQLite does, so that it is never open to others. The log's files take
    /// its permissions.
    private static func makeFile(_ path: String) {
        let descriptor = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o640)
        if descriptor >= 0 { _ = Glibc.close(descriptor) }
    }

    private static func migrate(_ pool: DatabasePool, path: String) throws {
        let migrator = Schema.migrator
        guard try !pool.read(migrator.hasBeenSuperseded) else {
            throw StoreFailure.newer(path)
        }
        try migrator.migrate(pool)
    }

    private static func claim(_ pool: DatabasePool, for sdkAppID: Int64, path: String) throws {
        let owner = try pool.write { database in
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
