import ChatModel
import Daemon
import Glibc
import MirrorStore
import SyncRules
import TestSupport
import Testing

/// What the next process may conclude from the lock file.
@Suite struct TheLockFile {
    private let directory: TemporaryDirectory
    private let database: String

    init() throws {
        directory = try TemporaryDirectory()
        database = directory.file("mirror.db")
    }

    /// Takes the lock, does `body` with it and lets it go; the predecessor it told of.
    @discardableResult
    private func hold(_ end: Predecessor? = nil) throws -> Predecessor {
        guard let lock = try LockFile(database: database, for: .run) else {
            throw NeverHappened(what: "the lock")
        }
        let predecessor = lock.predecessor
        if let end { lock.note(end) }
        _ = consume lock
        return predecessor
    }

    @Test func theLockFileThatIsNew_tellsOfNobody() throws {
        #expect(try hold() == .none)
    }

    @Test func theLockFileOfAProcessThatWasKilled_tellsNothing() throws {
        try hold()
        #expect(try hold() == .unknown)
    }

    @Test func theLockFileOfACleanEnd_tellsWhenTheLastCallWasOver() throws {
        let end = Predecessor.quiet(
            since: MonotonicTime(nanoseconds: 12_345),
            lost: LostCalls(count: 3, until: MonotonicTime(nanoseconds: 67_890)))
        try hold(end)
        #expect(try hold() == end)
    }

    @Test(arguments: [
        "nonsense", "1 ended", "1 ended here soon 1 2", "1 ended x 1 2", "\0\0\0",
        "7 ended unknown 99 1 99",
    ])
    func theLockFileWithAnythingElse_tellsNothing(text: String) throws {
        try directory.write(text, to: "mirror.db.lock")
        #expect(try hold() == .unknown)
    }

    @Test func theLockFileOfACleanEndBeforeAReboot_tellsThatItWasLongAgo() throws {
        try directory.write(
            "7 ended 00000000-0000-0000-0000-000000000000 99 1 99\n", to: "mirror.db.lock")
        #expect(try hold() == .quiet(since: .zero))
    }

    @Test func theLockFileInADirectoryOfOnesOwn_isItsOwnersAlone() throws {
        try hold()
        #expect(try mode("mirror.db.lock") == 0o600)
    }

    @Test func theLockFileInADirectoryOfAGroup_isForTheGroup() throws {
        #expect(chmod(directory.path, 0o2770) == 0)
        try hold()
        #expect(try mode("mirror.db.lock") == 0o660)
    }

    @Test func theLockFileOfADirectoryThatWasOpenedToAGroupSince_isForTheGroup() throws {
        try hold()
        #expect(chmod(directory.path, 0o2770) == 0)
        try hold()
        #expect(try mode("mirror.db.lock") == 0o660)
    }

    private func mode(_ name: String) throws -> mode_t {
        var file = stat()
        try #require(stat(directory.file(name), &file) == 0)
        return file.st_mode & 0o777
    }
}
