import Glibc
import MirrorStore

/// The lock beside the database: whoever holds it is the only caller of the cloud for this mirror.
/// The kernel frees it when its holder dies, however that happens.
package struct LockFile: ~Copyable {
    private let descriptor: Int32

    private static let tries = 5

    /// What the lock is held for.
    package enum Purpose: String, Sendable {
        /// The daemon: it can be asked for work.
        case run
        /// A command that calls the cloud itself, for as long as that takes.
        case command
    }

    /// Who holds a lock, as it wrote itself down.
    package struct Holder: Sendable {
        package let process: Int32
        package let isDaemon: Bool
    }

    /// Takes the lock; nil when another process holds it.
    package init?(database: String, for purpose: Purpose) throws(StoreFailure) {
        let path = LockFile.path(database)
        // It is written to.
        descriptor = OwnedFile.open(path, mayBeLink: false)
        guard descriptor >= 0 else { throw LockFile.cannotBeMade(path, errno) }
        // `holder` takes the lock for a moment to ask: that is no reason to give up.
        for _ in 1..<Self.tries where flock(descriptor, LOCK_EX | LOCK_NB) != 0 { usleep(10_000) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            return nil
        }
        let text = "\(getpid()) \(purpose.rawValue)\n"
        ftruncate(descriptor, 0)
        _ = text.withCString { write(descriptor, $0, text.utf8.count) }
    }

    deinit {
        close(descriptor)
    }

    /// Who holds the lock; nil when nobody does.
    package static func holder(database: String) -> Holder? {
        let descriptor = open(path(database), O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        // A shared lock is refused exactly while an exclusive one is held.
        if flock(descriptor, LOCK_SH | LOCK_NB) == 0 { return nil }
        var bytes = [UInt8](repeating: 0, count: 32)
        let count = read(descriptor, &bytes, bytes.count)
        let text = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
        let words = text.split(whereSeparator: \.isWhitespace)
        return Holder(
            process: words.first.flatMap { Int32($0) } ?? 0,
            isDaemon: words.last != Substring(Purpose.command.rawValue))
    }

    /// Beside the database as it is called without links: one database has one lock.
    private static func path(_ database: String) -> String {
        func resolved(_ path: String) -> String? {
            guard let name = realpath(path, nil) else { return nil }
            defer { free(name) }
            return String(cString: name)
        }
        let directory = OwnedFile.directory(of: database)
        let name = database.split(separator: "/").last.map(String.init) ?? database
        return (resolved(database) ?? resolved(directory).map { $0 + "/" + name } ?? database)
            + ".lock"
    }

    private static func cannotBeMade(_ path: String, _ error: Int32) -> StoreFailure {
        var file = stat()
        let owner = stat(path, &file) == 0 ? "it belongs to user \(file.st_uid)" : nil
        return StoreFailure(
            kind: .passing,
            problem: "\(path): the lock cannot be opened: \(String(cString: strerror(error)))"
                + (owner.map { "; " + $0 } ?? ""),
            advice: owner == nil
                ? "does the directory exist, and may this user write there?"
                : "give the file, and the database beside it, to the user that the service runs as")
    }
}

extension LockFile {
    /// Whether there is a database to lock.
    package static func exists(_ database: String) -> Bool { access(database, F_OK) == 0 }
}
