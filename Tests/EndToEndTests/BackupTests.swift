import Foundation
import TestSupport
import Testing

@Suite struct Backups {
    @Test func aBackup_isAWholeMirrorThatReplacesNothing() throws {
        let emulator = try EmulatorProcess.pulled()
        let daemon = try emulator.daemon()
        try daemon.wait(for: "the daemon") { daemon.stderr.contains("daemon_ready") }
        let copy = emulator.directory.file("copy.db")
        #expect(try emulator.groupmirror("backup", copy).status == 0)
        let again = try emulator.groupmirror("backup", copy)
        #expect(again.status == 64)
        #expect(again.stderr.contains("exists already"))
        let mode = try FileManager.default.attributesOfItem(atPath: copy)[.posixPermissions] as? Int
        #expect(mode == 0o640)
        daemon.signal(SIGTERM)
        #expect(daemon.wait() == 0)
        let before = try emulator.groupmirror("export").stdout
        try emulator.configure("mirror.db", "copy.db")
        let there = try emulator.groupmirror("export").stdout
        #expect(there.split(separator: "\n").count == before.split(separator: "\n").count)
        #expect(try emulator.groupmirror("resync", "--all").status == 0)
    }

    private func names(_ directory: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
    }

    @Test func theNewestCopies_areKeptAndOtherFilesLeftAlone() throws {
        let emulator = try EmulatorProcess.pulled()
        let shelf = emulator.directory.file("copies")
        #expect(try emulator.groupmirror("backup", "--into", shelf, "--keep", "2").status == 0)
        let first = try #require(try names(shelf).first)
        let others = [
            "groupmirror-eu-20200101T000000Z.db", "groupmirror-20200101T000000Z.db.txt",
            "groupmirror-monday.db",
        ]
        for name in others + ["groupmirror-20200101T000000Z.db", "groupmirror-20210101T000000Z.db"]
        {
            try emulator.directory.write("", to: "copies/" + name)
        }
        // Of a process that was killed, and of one that lives.
        try emulator.directory.write("", to: "copies/.groupmirror.2147483646.copy")
        try emulator.directory.write("", to: "copies/.groupmirror.\(getpid()).copy")
        let second = try emulator.groupmirror(
            "backup", "--into", shelf, "--keep", "2", "--json")
        #expect(second.status == 0, "\(second.stderr)")
        #expect(
            second.stdout.contains(
                #""removed":["\#(shelf)/groupmirror-20200101T000000Z.db","\#(shelf)/groupmirror-2021"#
            ))
        let left = try names(shelf)
        #expect(left.count == 2 + others.count + 1)
        #expect(left.contains(first) && left.contains(".groupmirror.\(getpid()).copy"))
        #expect(others.allSatisfy(left.contains))
        let mode =
            try FileManager.default.attributesOfItem(atPath: shelf + "/" + first)[.posixPermissions]
            as? Int
        #expect(mode == 0o640)
    }

    @Test func aCopyThatFails_leavesTheOlderOnesAndNoFile() throws {
        let emulator = try EmulatorProcess.pulled()
        let shelf = emulator.directory.file("copies")
        try FileManager.default.createDirectory(
            atPath: shelf, withIntermediateDirectories: false)
        let old = "groupmirror-20200101T000000Z.db"
        try emulator.directory.write("", to: "copies/" + old)
        // Not of a mirror any more.
        #expect(try emulator.sqlite("PRAGMA application_id = 7") == "")
        let end = try emulator.groupmirror("backup", "--into", shelf, "--keep", "1")
        #expect(end.status == 74)
        #expect(try names(shelf) == [old])
    }

    @Test(arguments: [
        ["backup"], ["backup", "a.db", "--into", "b"], ["backup", "a.db", "--keep", "2"],
        ["backup", "--into", "b", "--keep", "0"],
    ])
    func aCommandThatNamesNoPlaceOrTwo_isRefused(words: [String]) throws {
        let emulator = try EmulatorProcess("--users", "1")
        #expect(try emulator.run(words).status == 64)
    }
}
