import ChatModel
import Glibc
import MirrorStore
import SyncRules

/// The lock beside the database: whoever holds it is the only caller of the cloud for this mirror.
/// The kernel frees it when its holder dies, however that happens.
package struct LockFile: ~Copyable {
    private let descriptor: Int32
    /// What the calls of the process that held it last may still do.
    package let predecessor: Predecessor

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
        predecessor = LockFile.predecessor(descriptor)
        write("\(getpid()) \(purpose.rawValue)\n")
    }

    /// Notes that this process makes no calls any more, and that none of its calls arrives after
    /// `quietAt`: the next process need not wait for them.
    package borrowing func endedCleanly(quietAt: MonotonicTime) {
        write("\(getpid()) ended \(LockFile.boot) \(quietAt.nanoseconds)\n")
    }

    private borrowing func write(_ text: String) {
        ftruncate(descriptor, 0)
        _ = text.withCString { pwrite(descriptor, $0, text.utf8.count, 0) }
    }

    /// From what the last holder has left in the file.
    private static func predecessor(_ descriptor: Int32) -> Predecessor {
        var bytes = [UInt8](repeating: 0, count: 200)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        if count == 0 { return .none }
        let words = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
            .split(whereSeparator: \.isWhitespace)
        guard words.count == 4, words[1] == "ended", let quietAt = Int64(words[3]) else {
            return .unknown
        }
        // The clock begins again with each boot, which takes longer than any call.
        return .quiet(since: words[2] == boot ? MonotonicTime(nanoseconds: quietAt) : .zero)
    }

    /// Identifies this run of the machine.
    private static let boot: String = {
        let descriptor = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "unknown" }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 36)
        let count = read(descriptor, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }()

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
