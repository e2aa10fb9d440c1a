import ChatModel
import Foundation
import GRDB
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

    /// The same on the caller's thread.
    func writeNow<Value>(_ body: (Database) throws -> Value) throws(StoreFailure) -> Value {
        demandAPatientThread()
        do {
            return try database.write(body)
        } catch {
            throw StoreFailure(error, path: path)
        }
    }

    /// Runs `body` on one moment of the database.
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

    /// The same on the caller's thread.
    func readNow<Value>(_ body: (Database) throws -> Value) throws(StoreFailure) -> Value {
        demandAPatientThread()
        do {
            return try database.read(body)
        } catch {
            throw StoreFailure(error, path: path)
        }
    }

    /// A thread that runs tasks must not wait for a connection: the tasks that have one give it back on that thread.
    /// In builds for tests it ends the program.
    private func demandAPatientThread() {
        assert(
            access == .onCallersThread || Thread.current.name != Self.loopName,
            "the loop waits for the database")
    }

    /// As `LoopThread` calls its thread, which no floor below it may import.
    private static let loopName = "loop"

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
            try database.version()
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
                sql:
                    "INSERT INTO setting (name, value) VALUES ('sdk_app_id', ?) ON CONFLICT DO NOTHING",
                arguments: [String(sdkAppID)])
            return try String.fetchOne(
                database, sql: "SELECT value FROM setting WHERE name = 'sdk_app_id'") ?? ""
        }
        guard owner == String(sdkAppID) else {
            throw StoreFailure.ofAnotherApp(path, owner)
        }
    }
}
