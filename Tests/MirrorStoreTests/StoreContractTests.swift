import ChatModel
import Foundation
import MirrorStore
import SyncRules
import TestSupport
import Testing

private let app: Int64 = 1_400_000_000
private let noon = WallTime(seconds: 1_767_268_800)
private let family = ConversationGroup(id: 1, name: "family")
private let bob = Conversation(
    id: .user("bob"), groups: [1], standardMark: StandardMark(bits: 1 << 63 | 1),
    customMark: "vip \"x\"", updatedAt: 5)

/// A store in a directory of its own, with alice (1) and bob (2) in the list.
private struct Fixture {
    let directory: TemporaryDirectory
    let store: SQLiteMirror

    init() throws {
        directory = try TemporaryDirectory()
        store = try SQLiteMirror(path: directory.file("m.db"), sdkAppID: app)
        try store.list([(1, try UserID("alice")), (2, try UserID("bob"))], at: noon)
    }

    var reader: MirrorReader {
        get throws { try MirrorReader(path: directory.file("m.db"), sdkAppID: app) }
    }

    func pulled(
        _ user: UserNumber = 1, from old: Snapshot = .empty, to new: Snapshot,
        held: HeldDeletions? = nil
    ) -> StoreEntry {
        .pulled(
            PulledUser(
                user: user, at: noon, digest: Digest(Array(repeating: 7, count: 32)),
                diff: SnapshotDiff(from: old, to: new), held: held))
    }

    func state(_ user: String) throws -> String? {
        var state: String?
        try reader.users(user: user) { state = $0.state }
        return state
    }
}

/// What the protocol MirrorStore promises, on the real database.
@Suite struct TheStoreKeepsItsContract {
    @Test func aSnapshotComesBackAsItWasStored() async throws {
        let fixture = try Fixture()
        let snapshot = Snapshot(
            groups: [family, ConversationGroup(id: 2, name: "家人")],
            conversations: [bob, Conversation(id: .chatGroup("@TGS#1"), groups: [1, 2])])
        try await fixture.store.commit([fixture.pulled(to: snapshot)])
        #expect(try await fixture.store.snapshot(of: 1) == snapshot)
        #expect(try await fixture.store.snapshot(of: 2) == .empty)
    }

    @Test func aSecondPull_writesTheDifference() async throws {
        let fixture = try Fixture()
        let first = Snapshot(groups: [family], conversations: [bob])
        let kin = ConversationGroup(id: 1, name: "kin")
        let second = Snapshot(
            groups: [kin], conversations: [Conversation(id: .user("carol"), groups: [1])])
        try await fixture.store.commit([fixture.pulled(to: first)])
        try await fixture.store.commit([fixture.pulled(from: first, to: second)])
        #expect(try await fixture.store.snapshot(of: 1) == second)
        let kinds = try fixture.reader.changes(since: 4, user: nil, limit: 10).map(\.kind)
        #expect(
            kinds == [
                "group_renamed", "conversation_removed", "standard_mark_changed",
                "custom_mark_changed", "conversation_added",
            ])
    }

    @Test func changes_areNumberedWithoutGaps() async throws {
        let fixture = try Fixture()
        let snapshot = Snapshot(groups: [family], conversations: [bob])
        try await fixture.store.commit([fixture.pulled(1, to: snapshot)])
        try await fixture.store.commit([fixture.pulled(2, to: snapshot)])
        let rows = try fixture.reader.changes(since: 0, user: nil, limit: 100)
        #expect(rows.map(\.seq) == Array(1...8))
        #expect(try fixture.reader.lastChange() == 8)
        #expect(try fixture.reader.changes(since: 6, user: "bob", limit: 1).map(\.seq) == [7])
    }

    @Test func entriesThatContradictTheStore_changeNothing() async throws {
        let fixture = try Fixture()
        let snapshot = Snapshot(groups: [family], conversations: [bob])
        let failure = await #expect(throws: StoreFailure.self) {
            try await fixture.store.commit([
                fixture.pulled(1, to: snapshot), fixture.pulled(99, to: snapshot),
            ])
        }
        #expect(failure?.kind == .refused)
        #expect(try await fixture.store.snapshot(of: 1) == .empty)
        #expect(try fixture.reader.lastChange() == 0)
    }

    @Test func whatIsKnownOfUsers_comesBackAtStart() async throws {
        let fixture = try Fixture()
        try await fixture.store.commit([
            fixture.pulled(to: Snapshot(groups: [family], conversations: [])),
            .failed(
                2,
                Trouble(
                    kind: "not_imported", code: 50001, problem: "unknown", failures: 3, at: noon,
                    retryAt: noon + .seconds(60), isParked: true)),
        ])
        try fixture.store.unlist([1], at: noon)
        var users: [StoredUser] = []
        try fixture.store.readUsers { users.append($0) }
        #expect(users.map(\.id.string) == ["alice", "bob"])
        #expect(users.map(\.isListed) == [false, true])
        #expect(users[0].pulledAt == noon)
        #expect(users[0].digest == Digest(Array(repeating: 7, count: 32)))
        #expect(users[1].failures == 3 && users[1].isParked)
        #expect(users[1].retryAt == noon + .seconds(60))
    }

    @Test func usersLeavingTheList_areMarkedAndKeepEverything() async throws {
        let fixture = try Fixture()
        let snapshot = Snapshot(groups: [family], conversations: [bob])
        try await fixture.store.commit([fixture.pulled(to: snapshot)])
        try fixture.store.unlist([1], at: noon)
        #expect(try fixture.state("alice") == "unlisted")
        #expect(try await fixture.store.snapshot(of: 1) == snapshot)
        try fixture.store.list([(1, try UserID("alice"))], at: noon)
        #expect(try fixture.state("alice") != "unlisted")
    }

    @Test func theStatesOfAUser_followWhatHappens() async throws {
        let fixture = try Fixture()
        try fixture.store.setMaxStaleness(.seconds(3600))
        let now = WallTime(seconds: Int64(Date().timeIntervalSince1970))
        #expect(try fixture.state("alice") == "new")
        try await fixture.store.commit([.unchanged(1, at: now + .seconds(-7200))])
        #expect(try fixture.state("alice") == "stale")
        try await fixture.store.commit([.unchanged(1, at: now)])
        #expect(try fixture.state("alice") == "fresh")
        let trouble = Trouble(
            kind: "transient", code: nil, problem: "gone", failures: 1, at: now, retryAt: now,
            isParked: false)
        try await fixture.store.commit([.failed(1, trouble)])
        #expect(try fixture.state("alice") == "failing")
        try await fixture.store.commit([.unchanged(1, at: now)])
        #expect(try fixture.state("alice") == "fresh")
        try await fixture.store.commit([
            fixture.pulled(to: .empty, held: HeldDeletions(groups: 1, conversations: 2))
        ])
        #expect(try fixture.state("alice") == "held")
        try await fixture.store.commit([fixture.pulled(to: .empty)])
        #expect(try fixture.state("alice") != "held")
    }

    @Test func aDecision_isSeenUntilTheUserIsPulledWithout() async throws {
        let fixture = try Fixture()
        let held = fixture.pulled(to: .empty, held: HeldDeletions(groups: 1, conversations: 2))
        try await fixture.store.commit([held])
        #expect(try await fixture.store.heldDecisions() == [1: nil])
        #expect(
            try fixture.store.decide(.approved, users: nil, at: noon).map(\.string) == ["alice"])
        #expect(try await fixture.store.heldDecisions() == [1: .approved])
        #expect(try fixture.store.decide(.approved, users: nil, at: noon).isEmpty)
        try await fixture.store.commit([held])
        #expect(try await fixture.store.heldDecisions() == [1: .approved])
        try await fixture.store.commit([fixture.pulled(to: .empty)])
        #expect(try await fixture.store.heldDecisions().isEmpty)
    }

    @Test func aRequest_isOpenUntilItIsFinished() async throws {
        let fixture = try Fixture()
        let request = try fixture.store.ask(.compare, users: [2], at: noon)
        #expect(
            try await fixture.store.openRequests()
                == [Request(id: request, kind: .compare, users: [2])])
        var progress = RequestProgress(request: request, total: 1)
        let result = RequestResult(.drifted, changes: 3, detail: "a\nb")
        progress.add(result)
        progress.isFinished = true
        try await fixture.store.commit([
            .result(request: request, user: 2, result), .progress(progress),
        ])
        #expect(try await fixture.store.openRequests().isEmpty)
        #expect(try fixture.store.progress(of: request) == progress)
        let results = try fixture.store.results(of: request)
        #expect(results.map(\.user.string) == ["bob"] && results[0].result == result)
    }

    /// Found as "pulled 19 of 20 users": the second loop wrote what it had read before the end.
    @Test func progressThatArrivesLate_doesNotUndoWhatCameAfter() async throws {
        let fixture = try Fixture()
        let request = try fixture.store.ask(.resync, users: nil, at: noon)
        var progress = RequestProgress(request: request, total: 2)
        let early = progress
        progress.add(RequestResult(.same))
        try await fixture.store.commit([.progress(progress), .progress(early)])
        #expect(try fixture.store.progress(of: request)?.done == 1)
    }

    @Test func aWithdrawnRequest_staysWithdrawn() async throws {
        let fixture = try Fixture()
        let request = try fixture.store.ask(.resync, users: nil, at: noon)
        try fixture.store.withdraw(request)
        try await fixture.store.commit([.progress(RequestProgress(request: request, total: 2))])
        #expect(try await fixture.store.openRequests().isEmpty)
    }

    @Test func whatAnotherConnectionWrites_isNoticed() async throws {
        let fixture = try Fixture()
        #expect(try await !fixture.store.wasWrittenByOthers())
        try await fixture.store.commit([.unchanged(1, at: noon)])
        #expect(try await !fixture.store.wasWrittenByOthers())
        let other = try SQLiteMirror(path: fixture.directory.file("m.db"), sdkAppID: app)
        _ = try other.ask(.resync, users: nil, at: noon)
        #expect(try await fixture.store.wasWrittenByOthers())
        #expect(try await !fixture.store.wasWrittenByOthers())
    }

    @Test func theDaemonsState_isReadBack() async throws {
        let fixture = try Fixture()
        var state = DaemonState(version: "1", pid: 9, startedAt: noon, at: noon + .seconds(1))
        state.cloud = "refused"
        state.cloudCode = 70009
        state.callsPerSecond = 12.5
        try await fixture.store.commit([.daemon(state)])
        #expect(try fixture.reader.daemon() == state)
    }

    @Test func acceptedOnce_isKnownFromTheFirstPull() async throws {
        let fixture = try Fixture()
        #expect(try !fixture.store.wasEverAccepted())
        try await fixture.store.commit([.unchanged(2, at: noon)])
        #expect(try fixture.store.wasEverAccepted())
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
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["sqlite3", directory.file(name), sql]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
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

    @Test func ofAnotherApp_isRefused() throws {
        try open("m.db").close()
        let failure = #expect(throws: StoreFailure.self) { try open("m.db", app: 5) }
        #expect(failure?.kind == .unusable && failure?.problem.contains("app \(app)") == true)
        #expect(throws: StoreFailure.self) {
            try MirrorReader(path: directory.file("m.db"), sdkAppID: 5)
        }
    }

    @Test func ofANewerVersion_isRefused() throws {
        try open("m.db").close()
        try sqlite("m.db", "INSERT INTO grdb_migrations VALUES ('99 future')")
        let failure = #expect(throws: StoreFailure.self) { try open("m.db") }
        #expect(failure?.problem.contains("newer version") == true)
        #expect(throws: StoreFailure.self) {
            try MirrorReader(path: directory.file("m.db"), sdkAppID: app)
        }
    }

    @Test func ofAnotherProgram_isRefusedAndNotTouched() throws {
        try sqlite("m.db", "CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)")
        let before = try Data(contentsOf: URL(fileURLWithPath: directory.file("m.db")))
        let failure = #expect(throws: StoreFailure.self) { try open("m.db") }
        #expect(failure?.problem.contains("another program") == true)
        #expect(try Data(contentsOf: URL(fileURLWithPath: directory.file("m.db"))) == before)
    }

    @Test func thatIsGarbage_isRefusedAndNotTouched() throws {
        try directory.write(String(repeating: "garbage ", count: 1000), to: "m.db")
        let failure = #expect(throws: StoreFailure.self) { try open("m.db") }
        #expect(failure?.kind == .unusable)
        let text = try String(contentsOfFile: directory.file("m.db"), encoding: .utf8)
        #expect(text.hasPrefix("garbage"))
    }

    @Test func thatIsDamaged_isRefused() throws {
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

    @Test func thatDoesNotExist_isNotMadeByAReader() throws {
        let failure = #expect(throws: StoreFailure.self) {
            try MirrorReader(path: directory.file("none.db"), sdkAppID: app)
        }
        #expect(failure?.problem.contains("no mirror yet") == true)
        #expect(!FileManager.default.fileExists(atPath: directory.file("none.db")))
    }

    @Test func lockedByAnotherProgram_isAPassingFailure() async throws {
        let store = try open("m.db")
        try store.list([(1, try UserID("alice"))], at: noon)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["sqlite3", directory.file("m.db")]
        let input = Pipe()
        let output = Pipe()
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        try input.fileHandleForWriting.write(
            contentsOf: Data("BEGIN IMMEDIATE; SELECT 'locked';\n".utf8))
        _ = output.fileHandleForReading.availableData
        let failure = await #expect(throws: StoreFailure.self) {
            try await store.commit([.unchanged(1, at: noon)])
        }
        #expect(failure?.kind == .passing && failure?.advice.contains("locked") == true)
        try input.fileHandleForWriting.close()
        process.waitUntilExit()
        try await store.commit([.unchanged(1, at: noon)])
    }
}

/// The views are an interface: names and columns stay.
@Suite struct TheDocumentedViews {
    private static let columns = [
        "users":
            "user,state,pulled_at,failure,failure_code,problem,failures,failing_since,retry_at",
        "conversation_groups": "user,group_id,group_name",
        "conversations": "user,type,peer,standard_mark,custom_mark,updated_at",
        "memberships": "user,group_id,group_name,type,peer",
        "changes": "seq,at,user,kind,group_id,group_name,type,peer,before,after,edit",
        "held_deletions": "user,since,groups,conversations,decision,decided_at",
    ]

    private func ask(_ sql: String, _ path: String) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["sqlite3", "-readonly", path, sql]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .newlines)
    }

    @Test(arguments: Self.columns.keys.sorted())
    func haveTheirColumns(view: String) throws {
        let fixture = try Fixture()
        let columns = try ask(
            "SELECT group_concat(name) FROM pragma_table_info('\(view)')",
            fixture.directory.file("m.db"))
        #expect(columns == Self.columns[view])
    }

    @Test func answerWhileTheStoreIsOpen() async throws {
        let fixture = try Fixture()
        try await fixture.store.commit([
            fixture.pulled(
                to: Snapshot(
                    groups: [family, ConversationGroup(id: 2, name: "work")],
                    conversations: [
                        bob, Conversation(id: .chatGroup("@TGS#1"), groups: [1, 2]),
                    ]))
        ])
        let path = fixture.directory.file("m.db")
        #expect(
            try ask("SELECT group_name, peer FROM memberships ORDER BY 1, 2", path)
                == "family|@TGS#1\nfamily|bob\nwork|@TGS#1")
        #expect(
            try ask(
                "SELECT standard_mark & 1, custom_mark FROM conversations WHERE peer='bob'", path)
                == "1|vip \"x\"")
        #expect(
            try ask("SELECT at, kind, group_name FROM changes WHERE seq = 1", path)
                == "2026-01-01T12:00:00Z|group_created|family")
        #expect(
            try ask("SELECT pulled_at FROM users WHERE user='alice'", path)
                == "2026-01-01T12:00:00Z")
    }
}
