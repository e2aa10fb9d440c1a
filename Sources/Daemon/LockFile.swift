import ChatModel
import Foundation
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
        /// When it took the lock; nil when that cannot be seen.
        package let since: WallTime?
    }

    /// Takes the lock; nil when another process holds it.
    package init?(database: String, for purpose: Purpose) throws(StoreFailure) {
        let path = LockFile.path(database)
        // It is written to.
        descriptor = OwnedFile.open(path, mayBeLink: false, mode: 0o600)
        guard descriptor >= 0 else { throw LockFile.cannotBeMade(path, errno) }
        // Whoever may open it may hold it: a reader of the database must not stop the daemon. Members of a group
        // that may write in the directory do its work, too.
        if !OwnedFile.isForGroup(OwnedFile.directory(of: path)) { fchmod(descriptor, 0o600) }
        // `holder` takes the lock for a moment to ask: that is no reason to give up.
        for _ in 1..<Self.tries where flock(descriptor, LOCK_EX | LOCK_NB) != 0 { usleep(10_000) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            return nil
        }
        predecessor = LockFile.predecessor(descriptor)
        write("\(getpid()) \(purpose.rawValue)\n")
    }

    /// Notes how this process has ended its calls, for the one that takes the lock next.
    package borrowing func note(_ end: Predecessor) {
        guard case .quiet(let since, let lost) = end else { return }
        write(
            "\(getpid()) ended \(LockFile.boot ?? LockFile.unknownBoot) \(since.nanoseconds) \(lost.count) "
                + "\(lost.until.nanoseconds)\n")
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
        let numbers = words.dropFirst(3).compactMap { Int64($0) }
        guard words.count == 6, words[1] == "ended", numbers.count == 3, let boot,
            words[2] != unknownBoot
        else { return .unknown }
        // The clock begins again with each boot, which takes longer than any call.
        guard words[2].filter(\.isHexDigit).lowercased() == boot else {
            return .quiet(since: .zero)
        }
        return .quiet(
            since: MonotonicTime(nanoseconds: numbers[0]),
            lost: LostCalls(
                count: Int(clamping: numbers[1]), until: MonotonicTime(nanoseconds: numbers[2])))
    }

    /// Identifies this run of the machine, in 32 hexadecimal digits; nil where that cannot be seen. A unit with
    /// `ProcSubset=pid` does not see the kernel's file and hands the same number over.
    private static let boot: String? = {
        let given = ProcessInfo.processInfo.environment["GROUPMIRROR_BOOT_ID"]
        let path = "/proc/sys/kernel/random/boot_id"
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? given ?? ""
        let digits = text.filter(\.isHexDigit).lowercased()
        return digits.count == 32 ? digits : nil
    }()

    private static let unknownBoot = "unknown"

    deinit {
        close(descriptor)
    }

    /// The groupmirror that holds the lock; nil when none does. The process that the file names must
    /// live, here or by its heartbeat (it may run in a container of its own): whoever else holds the
    /// lock is no groupmirror.
    package static func holder(database: String) -> Holder? {
        let descriptor = OwnedFile.openForReading(path(database))
        guard descriptor >= 0 else {
            // Who may only read the mirror sees the daemon by its heartbeat.
            guard errno == EACCES else { return nil }
            return Heartbeat.livingProcess(database: database).map {
                Holder(process: $0, isDaemon: true, since: nil)
            }
        }
        defer { close(descriptor) }
        // A shared lock is refused exactly while an exclusive one is held.
        if flock(descriptor, LOCK_SH | LOCK_NB) == 0 { return nil }
        var bytes = [UInt8](repeating: 0, count: 32)
        let count = read(descriptor, &bytes, bytes.count)
        let text = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
        let words = text.split(whereSeparator: \.isWhitespace)
        var file = stat()
        guard let process = words.first.flatMap({ Int32($0) }), process > 0,
            let purpose = words.last.flatMap({ Purpose(rawValue: String($0)) }),
            Heartbeat.isAlive(process, database: database), fstat(descriptor, &file) == 0
        else { return nil }
        return Holder(
            process: process, isDaemon: purpose == .run,
            since: WallTime(seconds: Int64(file.st_mtim.tv_sec)))
    }

    /// Beside the database as it is called without links: one database has one lock.
    private static func path(_ database: String) -> String {
        let directory = OwnedFile.directory(of: database)
        let name = database.split(separator: "/").last.map(String.init) ?? database
        return
            (OwnedFile.resolved(database) ?? OwnedFile.resolved(directory).map { $0 + "/" + name }
            ?? database)
            + ".lock"
    }

    private static func cannotBeMade(_ path: String, _ error: Int32) -> StoreFailure {
        var (file, directory) = (stat(), stat())
        let isThere = lstat(path, &file) == 0
        if isThere, file.st_mode & S_IFMT != S_IFREG {
            return StoreFailure(
                kind: .passing,
                problem:
                    "\(path): the lock cannot be opened: \(OwnedFile.problem(path, error)), made "
                    + "by user \(file.st_uid)",
                advice: "find out who has put it there, and remove it")
        }
        let isTheServices =
            isThere && stat(OwnedFile.directory(of: path), &directory) == 0
            && file.st_uid == directory.st_uid
        return StoreFailure(
            kind: .passing,
            problem: "\(path): the lock cannot be opened: \(OwnedFile.problem(path, error))"
                + (isThere ? "; it belongs to user \(file.st_uid), this is user \(geteuid())" : ""),
            advice: !isThere
                ? "does the directory exist, and may this user write there?"
                : isTheServices
                    ? "use sudo, or the user that the service runs as"
                    : "give the file, and the database beside it, to the owner of their directory")
    }
}

extension LockFile {
    /// Whether there is a database to lock.
    package static func exists(_ database: String) -> Bool { OwnedFile.mayAccess(database, F_OK) }
}
