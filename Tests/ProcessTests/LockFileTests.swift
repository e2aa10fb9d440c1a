import ChatModel
import Daemon
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

    @Test(arguments: ["nonsense", "1 ended", "1 ended here soon 1 2", "1 ended x 1 2", "\0\0\0"])
    func theLockFileWithAnythingElse_tellsNothing(text: String) throws {
        try directory.write(text, to: "mirror.db.lock")
        #expect(try hold() == .unknown)
    }

    @Test func theLockFileOfACleanEndBeforeAReboot_tellsThatItWasLongAgo() throws {
        try directory.write(
            "7 ended 00000000-0000-0000-0000-000000000000 99 1 99\n", to: "mirror.db.lock")
        #expect(try hold() == .quiet(since: .zero))
    }
}
