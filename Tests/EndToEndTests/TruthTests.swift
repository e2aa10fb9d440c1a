import Foundation
import MirrorStore
import TestSupport
import Testing

// A program that stands still, fails or was left alone must not look as if all were well.

@Suite struct NeverLookingHealthyWhenItIsNot {
    private func calls(_ emulator: EmulatorProcess) throws -> Int {
        let stats = try emulator.get("stats")
        return stats.matches(of: /"0":([0-9]+)/).compactMap { Int($0.1) }.reduce(0, +)
    }

    @Test func aReaderOfTheLogThatStandsStill_stopsNothing() throws {
        let emulator = try EmulatorProcess("--users", "400", "--conversations", "3")
        try emulator.configure("log: {level: debug}")
        let fifo = emulator.directory.file("fifo")
        #expect(try RunningProgram.run("mkfifo", fifo).status == 0)
        // The reader opens the pipe and never reads.
        let daemon = try RunningProgram(
            command: [
                "bash", "-c",
                "sleep 200 <\(fifo) >/dev/null 2>&1 & echo $!; exec \(Program.groupmirror.url.path) run --config "
                    + "\(emulator.configuration) 2>\(fifo)",
            ])
        defer { Int32(daemon.stdout.prefix { $0 != "\n" }).map { _ = kill($0, SIGTERM) } }
        // A pipe holds 64 KiB: some 500 lines.
        try daemon.wait(for: "more calls than the pipe holds lines") { try calls(emulator) > 1500 }
        let health = try emulator.groupmirror("health")
        #expect(health.status == 0, "\(health.stdout)")
        daemon.signal(SIGTERM)
        #expect(daemon.wait() == 0)
    }

    @Test func aFrozenDaemon_isReported_andNotWaitedFor() throws {
        let emulator = try EmulatorProcess.pulled()
        let daemon = try emulator.daemon()
        try daemon.wait(for: "the daemon") {
            try emulator.groupmirror("health").stdout.hasPrefix("GROUPMIRROR OK")
        }
        daemon.signal(SIGSTOP)
        defer { daemon.signal(SIGCONT) }
        try daemon.wait(for: "the silence to be noticed") {
            try emulator.groupmirror("status").stdout.contains("has not responded since")
        }
        #expect(try emulator.groupmirror("status").status == 69)
        let health = try emulator.groupmirror("health")
        #expect(health.status == 2)
        #expect(health.stdout.hasPrefix("GROUPMIRROR CRITICAL - the daemon has not responded"))
        #expect(health.stdout.contains(" | users=20 "))
        let resync = try emulator.groupmirror("resync", "--all")
        #expect(resync.status == 69)
        #expect(resync.stderr.contains("waiting for the daemon (process \(daemon.pid))"))
        #expect(resync.stderr.contains("has not responded for"))
    }

    @Test
    func neverLookingHealthyWhenItIsNotWithoutADaemon_aMirrorThatIsOutOfDate_isNoSuccess() throws {
        let emulator = try EmulatorProcess.pulled()
        #expect(try emulator.groupmirror("status").status == 0)
        try emulator.sqlite("UPDATE pull SET at = at - 86400000")
        let status = try emulator.groupmirror("status")
        #expect(status.status == 3)
        #expect(status.stdout.contains("the mirror is out of date: start the daemon"))
        #expect(try emulator.groupmirror("health").status == 2)
    }

    @Test func theStateOfTheService_followsTheCloud() throws {
        let emulator = try EmulatorProcess("--users", "30")
        let manager = try NotifySocket(emulator.directory.file("notify"))
        let daemon = try emulator.daemon(["NOTIFY_SOCKET": manager.path])
        try daemon.wait(for: "READY") {
            manager.messages.contains("READY=1\nSTATUS=the cloud accepts calls")
        }
        try emulator.post("faults", #"[{"kind":"reset-before"}]"#)
        try daemon.wait(for: "the outage in STATUS") {
            manager.messages.last { $0.hasPrefix("STATUS=") }?
                .contains("the cloud cannot be reached") ?? false
        }
        try emulator.post("faults", "[]")
        try daemon.wait(for: "its end in STATUS") {
            manager.messages.last { $0.hasPrefix("STATUS=") } == "STATUS=the cloud accepts calls"
        }
    }

    @Test func aWrongKeyAtTheFirstStart_isNeverReady() throws {
        let emulator = try EmulatorProcess("--users", "3")
        try emulator.directory.write("made-up-wrong-key", to: "secret.key")
        let manager = try NotifySocket(emulator.directory.file("notify"))
        let daemon = try emulator.daemon(["NOTIFY_SOCKET": manager.path])
        #expect(daemon.wait() == 77)
        #expect(!manager.messages.contains { $0.contains("READY=1") })
        #expect(daemon.stderr.contains("level=error event=daemon_failed app=1400000000 exit=77"))
    }

    /// A machine that boots before its clock is set.
    @Test func aClockThatIsOffAtTheFirstStart_endsNothing() throws {
        let emulator = try EmulatorProcess("--users", "3", "--clock-skew=864000")
        let resync = try emulator.groupmirror("resync", "--all")
        #expect(resync.status == 69)
        #expect(resync.stderr.contains("days behind the cloud's"), "\(resync.stderr)")
        let daemon = try emulator.daemon()
        try daemon.wait(for: "words about the clock") { daemon.stderr.contains("event=clock_off") }
        try daemon.wait(for: "the state") {
            try emulator.groupmirror("health").stdout.contains("the clock is off")
        }
        #expect(try emulator.groupmirror("health").status == 2)
        daemon.signal(SIGTERM)
        #expect(daemon.wait() == 0)
    }

    @Test func aReloadThatWasRejected_isSeenInHealthAndStatus() throws {
        let emulator = try EmulatorProcess("--users", "5")
        let daemon = try emulator.daemon()
        try daemon.wait(for: "the daemon") {
            try emulator.groupmirror("health").stdout.hasPrefix("GROUPMIRROR OK")
        }
        try emulator.directory.write("", to: "users.txt")
        daemon.signal(SIGHUP)
        try daemon.wait(for: "the warning") {
            try emulator.groupmirror("health").stdout.contains("the last reload was rejected")
        }
        #expect(try emulator.groupmirror("health").status == 1)
        #expect(try emulator.groupmirror("status").stdout.contains("the last reload was rejected"))
    }

    @Test func aDaemonThatHasPulledNobodyYet_isNotWell() throws {
        let emulator = try EmulatorProcess("--users", "5", "--fault", "silence")
        let daemon = try emulator.daemon()
        try daemon.wait(for: "a heartbeat") {
            try emulator.groupmirror("health").stdout.contains("no user was pulled yet")
        }
        #expect(try emulator.groupmirror("health").status == 1)
    }

    @Test func aHeartbeatThatSomebodyRemoves_isMadeAgain() throws {
        let emulator = try EmulatorProcess.pulled()
        let daemon = try emulator.daemon()
        let file = emulator.directory.file("mirror.db.pulse")
        try daemon.wait(for: "the heartbeat") { FileManager.default.fileExists(atPath: file) }
        try daemon.wait(for: "the daemon") { daemon.stderr.contains("daemon_ready") }
        try FileManager.default.removeItem(atPath: file)
        try daemon.wait(for: "another") { FileManager.default.fileExists(atPath: file) }
        try daemon.wait(for: "health") { try emulator.groupmirror("health").status == 0 }
    }

    @Test func anEditThatARunCouldNotSend_isReportedWithItsReason() throws {
        let emulator = try EmulatorProcess.pulled()
        try emulator.post("faults", #"[{"kind":"item:51007","command":"mark_contact"}]"#)
        _ = try emulator.groupmirror("edit", "mark", "user00000003", "user:bob", "--custom", "x")
        let resync = try emulator.groupmirror("resync", "user00000003")
        #expect(resync.status == 3)
        #expect(
            resync.stderr.contains(
                "edit 1 of user00000003 (mark user:bob custom 'x') waits: user:bob: the chat group"),
            "\(resync.stderr)")
    }

    @Test(arguments: [
        (["app: {sdk_app_id: x}"], Int32(78)), ([], Int32(75)),
    ])
    func aStartThatFails_isAnEvent(settings: [String], status: Int32) throws {
        let emulator = try EmulatorProcess.pulled()
        var holder: RunningProgram?
        if settings.isEmpty {
            holder = try emulator.daemon()
            try holder?.wait(for: "the first") { holder?.stderr.contains("daemon_ready") ?? false }
        } else {
            try emulator.directory.write(settings.joined(), to: "groupmirror.yaml")
        }
        let run = try emulator.groupmirror("run")
        #expect(run.status == status)
        let lines = run.stderr.split(separator: "\n")
        #expect(lines.count == 1 && lines[0].hasPrefix("ts="), "\(run.stderr)")
        #expect(run.stderr.contains("event=daemon_failed") && run.stderr.contains("exit=\(status)"))
        holder?.signal(SIGTERM)
        holder?.wait()
    }

    @Test func aDatabaseThatIsReplacedOrRemoved_endsTheDaemonAndItsFollowers() throws {
        let emulator = try EmulatorProcess.pulled()
        let file = emulator.directory.file("mirror.db")
        for command in [["mv", file + ".copy", file], ["rm", file]] {
            let daemon = try emulator.daemon()
            try daemon.wait(for: "the daemon") { daemon.stderr.contains("daemon_ready") }
            try emulator.sqlite(".backup \(file).copy")
            let follower = try emulator.start("changes", "--follow")
            try follower.wait(for: "the record") { !follower.stdout.isEmpty }
            #expect(try RunningProgram(command: command).wait() == 0)
            #expect(daemon.wait() == 74)
            #expect(daemon.stderr.contains("was replaced or removed while it was in use"))
            #expect(daemon.stderr.ranges(of: "level=error").count == 1)
            #expect(follower.wait() == 65)
        }
    }

    @Test func aUserWithoutRights_isReportedSo() throws {
        guard geteuid() == 0 else { return }
        let emulator = try EmulatorProcess("--users", "2")
        let folder = emulator.directory.path
        try FileManager.default.createDirectory(
            atPath: folder + "/state", withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o700])
        try emulator.configure("mirror.db", "state/mirror.db")
        #expect(try emulator.groupmirror("resync", "--all").status == 0)
        for path in [folder, emulator.configuration] {
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        }
        let status = try RunningProgram.run(
            "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
            Program.groupmirror.url.path, "status", "--config", emulator.configuration)
        #expect(status.status == 74)
        #expect(status.stderr.contains("permission denied"), "\(status.stderr)")
        #expect(!status.stderr.contains("there is no mirror yet"))
    }

    /// The lock is its owner's alone; whoever may read the mirror must not take the daemon for dead.
    @Test func aReaderWithoutRightsToTheLock_seesTheDaemon() throws {
        guard geteuid() == 0 else { return }
        let emulator = try EmulatorProcess.pulled()
        let daemon = try emulator.daemon()
        try daemon.wait(for: "the daemon") {
            try emulator.groupmirror("health").stdout.hasPrefix("GROUPMIRROR OK")
        }
        let folder = emulator.directory.path
        for name in ["", "/groupmirror.yaml", "/mirror.db", "/mirror.db-wal", "/mirror.db-shm"] {
            try FileManager.default.setAttributes(
                [.posixPermissions: 0o755], ofItemAtPath: folder + name)
        }
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o644], ofItemAtPath: folder + "/mirror.db.pulse")
        let status = try RunningProgram.run(
            "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
            Program.groupmirror.url.path, "status", "--config", emulator.configuration)
        #expect(status.status == 0, "\(status.stderr)")
        #expect(status.stdout.contains("running (process \(daemon.pid))"), "\(status.stdout)")
    }

    @Test func aHangupDuringTheStart_isRemembered() throws {
        let emulator = try EmulatorProcess("--users", "20")
        let daemon = try emulator.daemon()
        // Bit 0 of the signals that it handles.
        try daemon.wait(for: "a handler") {
            let status = try? String(
                contentsOfFile: "/proc/\(daemon.pid)/status", encoding: .utf8)
            let mask = status?.firstMatch(of: /SigCgt:\s+([0-9a-f]+)/)
            return mask.flatMap { UInt64($0.1, radix: 16) }.map { $0 & 1 == 1 } ?? false
        }
        daemon.signal(SIGHUP)
        try daemon.wait(for: "the reload") { daemon.stderr.contains("configuration_reloaded") }
        daemon.signal(SIGTERM)
        #expect(daemon.wait() == 0)
    }

    @Test func tooFewFiles_areAFaultOfTheConfiguration() throws {
        let emulator = try EmulatorProcess("--users", "2")
        for files in [100, 16, 10] {
            let daemon = try emulator.daemon(wrapper: ["prlimit", "--nofile=\(files)"])
            #expect(daemon.wait() == 78)
            #expect(daemon.stderr.contains("event=daemon_failed"))
            #expect(daemon.stderr.contains("this process may open \(files) files"))
        }
    }

    @Test func anEmptyFile_isReportedToBecomeANewMirror() throws {
        let emulator = try EmulatorProcess("--users", "2")
        try emulator.directory.write("", to: "mirror.db")
        let resync = try emulator.groupmirror("resync", "--all")
        #expect(resync.status == 0)
        #expect(resync.stderr.contains("there was no mirror before: a new one was made"))
        let again = try emulator.groupmirror("resync", "--all")
        #expect(!again.stderr.contains("a new one was made"))
    }

    @Test func aDirectoryAsDatabase_isCalledOne() throws {
        let emulator = try EmulatorProcess("--users", "2")
        try FileManager.default.createDirectory(
            atPath: emulator.directory.file("mirror.db"), withIntermediateDirectories: false)
        for command in [["status"], ["resync", "--all"]] {
            let end = try emulator.run(command)
            #expect(end.status == 74)
            #expect(end.stderr.contains("it is a directory"), "\(end.stderr)")
        }
    }

    @Test func aListInWhichNobodyIsImported_isNoSuccess() throws {
        let emulator = try EmulatorProcess("--users", "0")
        try emulator.directory.write("alice\nbob\n", to: "users.txt")
        let resync = try emulator.groupmirror("resync", "--all")
        #expect(resync.status == 3)
        #expect(resync.stderr.contains("no user of the list is imported"))
        // Somebody who was named is reported, and is no failure.
        #expect(try emulator.groupmirror("resync", "alice").status == 0)
    }

    @Test func aListThatLooksWrong_isTakenOverWithAWarning() throws {
        let emulator = try EmulatorProcess("--users", "10")
        let daemon = try emulator.daemon()
        try daemon.wait(for: "the daemon") { daemon.stderr.contains("daemon_ready") }
        let list = (1...10).map { "\"USER\(String(format: "%08d", $0))\"," }
        try emulator.directory.write(list.joined(separator: "\n"), to: "users.txt")
        daemon.signal(SIGHUP)
        try daemon.wait(for: "the reload") { daemon.stderr.contains("configuration_reloaded") }
        #expect(daemon.stderr.contains("10 of the 10 users that were in the list have left it"))
        #expect(daemon.stderr.contains("only by quotes, commas or case"))
    }

    @Test func checkOnline_worksBeforeTheFirstStart() throws {
        let emulator = try EmulatorProcess("--users", "2")
        let check = try emulator.groupmirror("check", "--online")
        #expect(check.status == 0, "\(check.stderr)")
    }

    @Test(arguments: [
        ["edit", "mark", "user00000001", "user:bob", "--custom", "a", "--custom", "b"],
        ["edit", "delete", "user00000001", "g", "--key", "a", "--key=b"],
        ["changes", "--since", "1", "--since", "2"], ["verify", "--sample", "1", "--sample", "2"],
        ["status", "-c", "x"],
    ])
    func anOptionThatIsGivenTwice_isRefused(command: [String]) throws {
        let emulator = try EmulatorProcess("--users", "1")
        let end = try emulator.run(command)
        #expect(end.status == 64)
        #expect(end.stderr.contains("is given twice"), "\(end.stderr)")
    }

    @Test func listsOfMarks_areJoined() throws {
        let emulator = try EmulatorProcess.pulled()
        let edit = try emulator.groupmirror(
            "edit", "mark", "user00000001", "user:bob", "--set", "63", "--set", "0,5")
        #expect(edit.status == 0)
        #expect(
            try emulator.groupmirror("outbox", "list").stdout.contains("set star, bit 5, bit 63"))
    }
}
