import Foundation
import Glibc
import TestSupport
import Testing

/// What other programs say of users, and what the daemon makes of it.
@Suite struct HintsFromOtherPrograms {
    /// Users who are hardly ever pulled but for hints.
    private func quietEmulator() throws -> EmulatorProcess {
        let emulator = try EmulatorProcess("--users", "20")
        try emulator.configure("schedule: {min_interval: 1h}")
        return emulator
    }

    private func ready(_ daemon: RunningProgram) throws {
        try daemon.wait(for: "the first pulls") {
            daemon.stderr.components(separatedBy: "event=pass_changed").count > 20
        }
    }

    private func hints(_ daemon: RunningProgram) -> [String: Int] {
        let stats = daemon.stderr.split(separator: "\n").last { $0.contains("event=stats") } ?? ""
        var values: [String: Int] = [:]
        for word in stats.split(separator: " ") where word.hasPrefix("hints") {
            let parts = word.split(separator: "=")
            values[String(parts[0])] = Int(parts[1])
        }
        return values
    }

    @Test func areTakenAndCounted() throws {
        let emulator = try quietEmulator()
        let daemon = try emulator.daemon()
        try ready(daemon)
        let end = try emulator.groupmirror("hint", "changed", "user00000003", "user00000004")
        #expect(end.status == 0 && end.stderr.isEmpty && end.stdout.isEmpty)
        #expect(try emulator.groupmirror("hint", "online", "nobody").status == 0)
        #expect(try emulator.groupmirror("hint", "online", "user00000005").status == 0)
        #expect(try emulator.groupmirror("hint", "online", "user00000005").status == 0)
        daemon.signal(SIGTERM)
        #expect(daemon.wait() == 0)
        let counted = hints(daemon)
        // The second of two at once says nothing new.
        #expect((counted["hints"] ?? 0) + (counted["hints_useless"] ?? 0) == 4)
        #expect((counted["hints"] ?? 0) >= 3 && counted["hints_unknown"] == 1)
        #expect(counted["hints_dropped"] == 0)
        // No user's presence is reported.
        #expect(!daemon.stderr.contains("online"))
        #expect(!FileManager.default.fileExists(atPath: emulator.directory.file("mirror.db.hints")))
    }

    /// The lines that are hints are sent; the others are named.
    @Test func fromStandardInput_areSentLineByLine() throws {
        let emulator = try quietEmulator()
        let daemon = try emulator.daemon()
        try ready(daemon)
        try emulator.directory.write(
            "changed user00000001\nnonsense\n\noffline user00000002\t1800000000000\n",
            to: "hints.txt")
        let end = try RunningProgram.run(
            "sh", "-c",
            "\(Program.groupmirror.url.path) hint - --config \(emulator.configuration) <\(emulator.directory.file("hints.txt"))"
        )
        #expect(end.status == 64)
        #expect(end.stderr.contains("line 2: it must begin with online, offline, changed"))
        #expect(end.stderr.contains("1 line of 4 are no hints"))
        daemon.signal(SIGTERM)
        #expect(daemon.wait() == 0)
        #expect(hints(daemon)["hints"] == 2)
    }

    /// A flood, from a program that writes past the command: five thousand a second are read, the others counted.
    @Test func aFlood_isCountedAndDropped() throws {
        let emulator = try quietEmulator()
        let daemon = try emulator.daemon()
        try ready(daemon)
        let script = """
            import socket
            s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            s.connect("\(emulator.directory.file("mirror.db.hints"))")
            for part in range(100):
                s.send(b"".join(b"online stranger%d\\n" % i for i in range(1000)))
            s.send(b"x" * 60000)
            s.send(b"\\xff\\x00\\n" * 10)
            """
        let end = try RunningProgram.run("python3", "-c", script)
        #expect(end.status == 0, "\(end.stderr)")
        #expect(try emulator.groupmirror("status").status == 0)
        daemon.signal(SIGTERM)
        #expect(daemon.wait() == 0)
        let counted = hints(daemon)
        #expect(counted["hints"] == 0)
        #expect((counted["hints_unknown"] ?? 0) >= 5000)
        #expect(
            (counted["hints_unknown"] ?? 0) + (counted["hints_dropped"] ?? 0) == 100_011)
    }

    @Test func withoutADaemon_areRefused() throws {
        let emulator = try EmulatorProcess.pulled()
        let end = try emulator.groupmirror("hint", "changed", "user00000001")
        #expect(end.status == 69)
        #expect(end.stderr.contains("no daemon takes hints at"))
    }

    @Test(arguments: [
        ["hint"], ["hint", "away", "user00000001"], ["hint", "changed"],
        ["hint", "-", "user00000001"],
    ])
    func aMistake_hasStatus64(words: [String]) throws {
        let emulator = try EmulatorProcess("--users", "1")
        #expect(try emulator.run(words).status == 64)
    }

    /// What stands in the socket's place is left alone, and the daemon runs without hints; a socket that an earlier
    /// process has left is replaced.
    @Test func aPlaceThatIsTaken_isNoReasonToStop() throws {
        let emulator = try EmulatorProcess("--users", "3")
        try emulator.directory.write("mine", to: "mirror.db.hints")
        let daemon = try emulator.daemon()
        try daemon.wait(for: "the warning") { daemon.stderr.contains("event=hints_unavailable") }
        #expect(daemon.stderr.contains("something stands there that is no socket"))
        try daemon.wait(for: "the first call") { daemon.stderr.contains("event=daemon_ready") }
        #expect(
            try String(contentsOfFile: emulator.directory.file("mirror.db.hints"), encoding: .utf8)
                == "mine")
        daemon.signal(SIGTERM)
        daemon.wait()
        unlink(emulator.directory.file("mirror.db.hints"))

        let killed = try emulator.daemon()
        try killed.wait(for: "the first call") { killed.stderr.contains("event=daemon_ready") }
        killed.signal(SIGKILL)
        killed.wait()
        #expect(FileManager.default.fileExists(atPath: emulator.directory.file("mirror.db.hints")))
        let next = try emulator.daemon()
        try next.wait(for: "a hint that is taken") {
            try emulator.groupmirror("hint", "changed", "user00000001").status == 0
        }
        #expect(!next.stderr.contains("hints_unavailable"))
    }
}
