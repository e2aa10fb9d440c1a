import CSQLite
import ChatModel
import Foundation
import GRDB
import GRDBSQLite

// All that is SQLite's own: how a file is opened, made durable and found to be a mirror, and the few questions
// that each engine answers in its own words. The tables' files are in the SQL that SQLite and PostgreSQL share,
// but for the names of the tables and for `Schema`.

extension Database {
    /// The number that the last row got.
    var lastID: Int64 { lastInsertedRowID }

    /// Rows that the last statement changed.
    var rowsChanged: Int { changesCount }

    /// The highest number that a table's rows ever had; 0 when it never had a row.
    func lastNumber(givenIn table: String) throws -> Int64 {
        try Int64.fetchOne(
            self, sql: "SELECT seq FROM sqlite_sequence WHERE name = ?", arguments: [table]) ?? 0
    }

    /// Moves when another connection commits.
    func version() throws -> Int64 {
        try Int64.fetchOne(cachedStatement(sql: "PRAGMA data_version")) ?? 0
    }

    /// Who made the file: the number in its header.
    func owner() throws -> Int32? { try Int32.fetchOne(self, sql: "PRAGMA application_id") }
}

/// Conditions that each engine writes in its own way.
enum SQLiteDoor {
    /// A text fits a pattern, the next argument, of `*`, `?` and `[...]`; case counts.
    static func fits(_ column: String) -> String { "\(column) GLOB ?" }
}

extension SQLiteMirror {
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
    static func isMirror(_ path: String) throws -> Bool {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        guard let size = attributes?[.size] as? Int, size > 0 else { return false }
        var configuration = SQLiteMirror.configuration
        configuration.readonly = true
        let (id, objects) = try DatabaseQueue(path: path, configuration: configuration).read {
            let id = try $0.owner()
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
    static func makeCommitsDurable(_ database: any DatabaseWriter) throws {
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
}

extension MirrorReader {
    /// What SQLite finds damaged, in its words; nil when nothing is. It reads the whole file.
    package func damage() throws(StoreFailure) -> String? {
        let words = try read { try String.fetchOne($0, sql: "PRAGMA quick_check(1)") }
        return words == "ok" ? nil : words ?? "no answer"
    }

    /// Writes one moment of the database into a new file, without the room that deleted rows have left, and checks
    /// it. The file has the mode that a database in its directory gets.
    /// - Returns: the number of the newest change that it has.
    package func backUp(to copy: String) throws(StoreFailure) -> Int64 {
        do {
            // SQLite fills an empty file.
            OwnedFile.make(copy)
            try withoutTransaction { database in
                try database.execute(sql: "VACUUM INTO ?", arguments: [copy])
            }
            var configuration = Configuration()
            configuration.readonly = true
            let copied = try DatabaseQueue(path: copy, configuration: configuration)
            let last = try copied.read { database in
                let check = try String.fetchOne(database, sql: "PRAGMA integrity_check")
                guard check == "ok" else {
                    throw DatabaseError(
                        resultCode: .SQLITE_CORRUPT, message: "the copy is damaged: \(check ?? "")")
                }
                return try database.lastNumber(givenIn: "change")
            }
            try copied.close()
            return last
        } catch {
            throw StoreFailure(error, path: copy)
        }
    }
}
