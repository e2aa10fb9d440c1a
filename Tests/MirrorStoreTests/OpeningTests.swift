import ChatModel
import Foundation
import GRDB
import MirrorStore
import SyncRules
import TestSupport
import Testing

/// A command that root runs before the service was ever started makes its files for the service.
@Suite(.enabled(if: geteuid() == 0, "only root makes files for others"))
struct FilesThatRootMakes {
    @Test func belongToTheOwnerOfTheirDirectory() throws {
        let directory = try TemporaryDirectory()
        #expect(chown(directory.path, 65534, 65534) == 0)
        let store = try SQLiteMirror(path: directory.file("m.db"), sdkAppID: app)
        for name in ["m.db", "m.db-wal", "m.db-shm"] {
            var file = stat()
            #expect(stat(directory.file(name), &file) == 0)
            #expect(file.st_uid == 65534 && file.st_gid == 65534, "\(name)")
        }
        try store.close()
    }

    /// Whoever owns the directory must not be given files that are not theirs.
    @Test func whatIsThereAlready_keepsItsOwner() throws {
        let (directory, elsewhere) = (try TemporaryDirectory(), try TemporaryDirectory())
        #expect(chown(directory.path, 65534, 65534) == 0)
        try elsewhere.write("", to: "root's")
        for name in ["there", "dangling"] {
            let target = name == "there" ? "root's" : "not yet"
            #expect(symlink(elsewhere.file(target), directory.file(name)) == 0)
            #expect(OwnedFile.open(directory.file(name), mayBeLink: false) < 0)
            let descriptor = OwnedFile.open(directory.file(name))
            #expect(descriptor >= 0)
            close(descriptor)
            var file = stat()
            #expect(stat(elsewhere.file(target), &file) == 0)
            #expect(file.st_uid == 0)
        }
    }
}

/// A directory in which a group may write belongs to operators: each file in it is theirs to write, whoever has
/// made it and whatever the mask of their shell is.
@Suite struct FilesOfAGroup {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func modes() throws -> [mode_t] {
        try ["m.db", "m.db-wal", "m.db-shm"].map { name in
            var file = stat()
            try #require(stat(directory.file(name), &file) == 0)
            return file.st_mode & 0o777
        }
    }

    @Test func inADirectoryOfTheGroup_areForTheGroup() throws {
        #expect(chmod(directory.path, 0o2770) == 0)
        let store = try SQLiteMirror(path: directory.file("m.db"), sdkAppID: app)
        #expect(try modes() == [0o660, 0o660, 0o660])
        try store.close()
    }

    @Test func ofBeforeTheDirectoryWasTheGroups_areForTheGroupSinceTheyWereOpened() throws {
        let store = try SQLiteMirror(path: directory.file("m.db"), sdkAppID: app)
        #expect(try modes() == [0o640, 0o640, 0o640])
        #expect(chmod(directory.path, 0o2770) == 0)
        let second = try SQLiteMirror(path: directory.file("m.db"), sdkAppID: app)
        #expect(try modes() == [0o660, 0o660, 0o660])
        try second.close()
        try store.close()
    }

    @Test func withAnotherNameElsewhere_stayAsTheyAre() throws {
        let elsewhere = try TemporaryDirectory()
        try elsewhere.write("", to: "other", mode: 0o600)
        #expect(link(elsewhere.file("other"), directory.file("m.db.lock")) == 0)
        #expect(chmod(directory.path, 0o2770) == 0)
        let descriptor = OwnedFile.open(directory.file("m.db.lock"), mayBeLink: false)
        #expect(descriptor >= 0)
        close(descriptor)
        var file = stat()
        #expect(stat(elsewhere.file("other"), &file) == 0)
        #expect(file.st_mode & 0o777 == 0o600)
    }
}

@Suite struct OpeningADatabase {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func open(_ name: String, app number: Int64 = app) throws -> SQLiteMirror {
        try SQLiteMirror(path: directory.file(name), sdkAppID: number)
    }

    private func sqlite(_ name: String, _ sql: String) throws {
        #expect(try RunningProgram.run("sqlite3", directory.file(name), sql).status == 0)
    }

    @Test func aNewOne_isClosedToOthers() throws {
        let store = try open("m.db")
        for name in ["m.db", "m.db-wal", "m.db-shm"] {
            let mode = try #require(
                FileManager.default.attributesOfItem(atPath: directory.file(name))[
                    .posixPermissions] as? Int)
            #expect(mode & 0o027 == 0, "\(name)")
        }
        try store.close()
    }

    @Test func afterACleanStop_theLogStaysForReaders() throws {
        try open("m.db").close()
        #expect(FileManager.default.fileExists(atPath: directory.file("m.db-wal")))
        _ = try MirrorReader(path: directory.file("m.db"), sdkAppID: app)
    }

    @Test func openingADatabaseOfAnotherApp_isRefused() throws {
        try open("m.db").close()
        let failure = #expect(throws: StoreFailure.self) { try open("m.db", app: 5) }
        #expect(failure?.kind == .unusable && failure?.problem.contains("app \(app)") == true)
        #expect(throws: StoreFailure.self) {
            try MirrorReader(path: directory.file("m.db"), sdkAppID: 5)
        }
    }

    @Test func openingADatabaseOfANewerVersion_isRefused() throws {
        try open("m.db").close()
        try sqlite("m.db", "INSERT INTO grdb_migrations VALUES ('99 future')")
        let failure = #expect(throws: StoreFailure.self) { try open("m.db") }
        #expect(failure?.problem.contains("newer version") == true)
        #expect(throws: StoreFailure.self) {
            try MirrorReader(path: directory.file("m.db"), sdkAppID: app)
        }
    }

    @Test func openingADatabaseOfAnotherProgram_isRefusedAndNotTouched() throws {
        try sqlite("m.db", "CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)")
        let before = try Data(contentsOf: URL(fileURLWithPath: directory.file("m.db")))
        let failure = #expect(throws: StoreFailure.self) { try open("m.db") }
        #expect(failure?.problem.contains("another program") == true)
        #expect(try Data(contentsOf: URL(fileURLWithPath: directory.file("m.db"))) == before)
    }

    @Test func openingADatabaseThatIsGarbage_isRefusedAndNotTouched() throws {
        try directory.write(String(repeating: "garbage ", count: 1000), to: "m.db")
        let failure = #expect(throws: StoreFailure.self) { try open("m.db") }
        #expect(failure?.kind == .unusable)
        let text = try String(contentsOfFile: directory.file("m.db"), encoding: .utf8)
        #expect(text.hasPrefix("garbage"))
    }

    @Test func openingADatabaseThatIsDamaged_isRefused() throws {
        let store = try open("m.db")
        try store.list(
            (1...2000).map { (UserNumber($0), try UserID("user\($0)")) }, at: noon)
        try store.close()
        try sqlite("m.db", "PRAGMA wal_checkpoint(TRUNCATE)")
        let handle = try FileHandle(forUpdating: URL(fileURLWithPath: directory.file("m.db")))
        try handle.seek(toOffset: 8192)
        try handle.write(contentsOf: Data(repeating: 0xAA, count: 60_000))
        try handle.close()
        let failure = #expect(throws: StoreFailure.self) {
            let store = try open("m.db")
            try store.readUsers { _ in }
        }
        #expect(failure?.kind == .unusable)
    }

    @Test func inADirectoryThatIsNotThere_saysSo() throws {
        let failure = #expect(throws: StoreFailure.self) { try open("no/m.db") }
        #expect(failure?.advice.contains("directory") == true)
    }

    @Test func openingADatabaseThatDoesNotExist_isNotMadeByAReader() throws {
        let failure = #expect(throws: StoreFailure.self) {
            try MirrorReader(path: directory.file("none.db"), sdkAppID: app)
        }
        #expect(failure?.problem.contains("no mirror yet") == true)
        #expect(!FileManager.default.fileExists(atPath: directory.file("none.db")))
    }

    /// After an upgrade the old daemon may still run.
    @Test func ofAnOlderVersion_isNotReadUntilItIsBroughtUpToDate() async throws {
        let queue = try DatabaseQueue(path: directory.file("m.db"))
        try Schema.migrator.migrate(queue, upTo: "3 skipped conversations")
        try await queue.write { database in
            try database.execute(
                sql: """
                    INSERT INTO setting (name, value) VALUES ('sdk_app_id', '\(app)');
                    INSERT INTO user (id, name, listed, since) VALUES (1, 'alice', 1, 0);
                    INSERT INTO edit (user, op, group_name, queued_at, updated_at)
                        VALUES (1, 'delete', 'family', 0, 0);
                    """)
        }
        try queue.close()
        let failure = #expect(throws: StoreFailure.self) {
            try MirrorReader(path: directory.file("m.db"), sdkAppID: app)
        }
        #expect(failure?.problem.contains("older version") == true)
        try open("m.db").close()
        let reader = try MirrorReader(path: directory.file("m.db"), sdkAppID: app)
        var edits: [Int64] = []
        try reader.edits(EditSelection(states: EditState.allCases)) { edits.append($0.id) }
        #expect(edits == [1])
    }

    @Test func lockedByAnotherWriter_isAPassingFailure() async throws {
        let store = try open("m.db")
        try store.list([(1, try UserID("alice"))], at: noon)
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        let other = try DatabaseQueue(
            path: directory.file("m.db"), configuration: configuration)
        try await other.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
        let failure = await #expect(throws: StoreFailure.self) {
            try await store.commit([.unchanged(1, at: noon)])
        }
        #expect(failure?.kind == .passing && failure?.advice.contains("perhaps an import") == true)
        try await other.writeWithoutTransaction { try $0.execute(sql: "COMMIT") }
        try await store.commit([.unchanged(1, at: noon)])
    }
}
