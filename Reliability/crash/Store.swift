import Disk
import GRDBSQLite
import MirrorStore

/// The store under test, and a look at its file with nothing but SQLite.
enum Store {
    static let path = SimulatedDisk.root + "mirror.db"
    static let app: Int64 = 1_400_000_000

    static func open() throws -> SQLiteMirror {
        try SQLiteMirror(path: path, sdkAppID: app, access: .onCallersThread)
    }

    /// Everything that the database holds, as one number; and what SQLite thinks of the file. In
    /// SQLite's own words, since a hundred thousand states are looked at.
    /// - Parameter isThorough: with SQLite's own check of every page and index.
    static func digest(isThorough: Bool) throws -> (content: UInt64, integrity: String) {
        let database = try Connection(path)
        var hash = Hash()
        var tables: [String] = []
        try database.rows("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name") {
            tables.append(String(cString: sqlite3_column_text($0, 0)))
        }
        for table in tables {
            var name = table
            name.withUTF8 { hash.add(UnsafeRawBufferPointer($0)) }
            try database.rows("SELECT * FROM \"\(table)\"") { row in
                for column in 0..<sqlite3_column_count(row) {
                    let kind = sqlite3_column_type(row, column)
                    hash.add(UInt64(kind))
                    if kind == SQLITE_INTEGER {
                        hash.add(UInt64(bitPattern: sqlite3_column_int64(row, column)))
                    } else if let bytes = sqlite3_column_blob(row, column) {
                        let count = Int(sqlite3_column_bytes(row, column))
                        hash.add(UnsafeRawBufferPointer(start: bytes, count: count))
                    }
                }
            }
        }
        guard isThorough else { return (hash.value, "ok") }
        var integrity: [String] = []
        try database.rows("PRAGMA integrity_check") {
            integrity.append(String(cString: sqlite3_column_text($0, 0)))
        }
        return (hash.value, integrity.joined(separator: "; "))
    }

    /// FNV-1a, eight bytes at a time.
    private struct Hash {
        private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

        mutating func add(_ word: UInt64) {
            value = (value ^ word) &* 0x100_0000_01B3
            value ^= value >> 29
        }

        mutating func add(_ bytes: UnsafeRawBufferPointer) {
            var start = 0
            while start + 8 <= bytes.count {
                add(bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self))
                start += 8
            }
            for byte in bytes[start...] { add(UInt64(byte)) }
            add(UInt64(bytes.count))
        }
    }

    private final class Connection {
        private var handle: OpaquePointer?

        init(_ path: String) throws {
            guard sqlite3_open_v2(path, &handle, SQLITE_OPEN_READWRITE, nil) == SQLITE_OK else {
                throw Failure(description: "it does not open: \(words)")
            }
            // Else the last to leave removes the log.
            var keep: CInt = 1
            _ = sqlite3_file_control(handle, nil, SQLITE_FCNTL_PERSIST_WAL, &keep)
        }

        deinit { sqlite3_close(handle) }

        func rows(_ sql: String, _ each: (OpaquePointer) -> Void) throws {
            var statement: OpaquePointer?
            guard sqlite3_prepare_v2(handle, sql, -1, &statement, nil) == SQLITE_OK, let statement
            else { throw Failure(description: words) }
            defer { sqlite3_finalize(statement) }
            while true {
                switch sqlite3_step(statement) {
                case SQLITE_ROW: each(statement)
                case SQLITE_DONE: return
                default: throw Failure(description: words)
                }
            }
        }

        private var words: String { String(cString: sqlite3_errmsg(handle)) }
    }

    private struct Failure: Error, CustomStringConvertible {
        let description: String
    }
}
