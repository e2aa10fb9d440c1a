import Foundation
import TestSupport
import Testing

/// What other users of the machine may have prepared: the directory of the state belongs to the service's
/// user, and root runs commands in it.
@Suite struct HostileNeighbours {
    /// A user that no file of the system belongs to.
    private static let service: UInt32 = 54_321

    private func own(_ path: String, _ user: UInt32 = service) { lchown(path, user, user) }

    private func owner(_ path: String) -> UInt32? {
        var file = stat()
        return lstat(path, &file) == 0 ? file.st_uid : nil
    }

    /// A mirror whose state lies in a directory of the service's user; configuration and key are root's.
    private func serviced() throws -> EmulatorProcess {
        let emulator = try EmulatorProcess("--users", "6")
        let folder = emulator.directory.path
        let state = folder + "/state"
        try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: false)
        own(state)
        try emulator.configure("mirror.db", "state/mirror.db")
        for (path, mode) in [(folder, 0o755), (emulator.configuration, 0o644), (state, 0o755)] {
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        }
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o644], ofItemAtPath: folder + "/users.txt")
        return emulator
    }

    @Test func root_worksAsTheOwnerOfTheDirectory() throws {
        guard geteuid() == 0 else { return }
        let emulator = try serviced()
        let resync = try emulator.groupmirror("resync", "--all")
        #expect(resync.status == 0, "\(resync.stderr)")
        let edit = try emulator.groupmirror("edit", "create", "user00000002", "x", "user:bob")
        #expect(edit.status == 0, "\(edit.stderr)")
        let daemon = try emulator.daemon()
        try daemon.wait(for: "the daemon") { daemon.stderr.contains("cloud_accepting") }
        let user = Self.service
        // The first thread has ended by then, as it always does in Swift on Linux.
        let threads = try FileManager.default.contentsOfDirectory(
            atPath: "/proc/\(daemon.pid)/task"
        ).filter { $0 != String(daemon.pid) }
        #expect(threads.count > 1)
        for thread in threads {
            let status = try? String(
                contentsOfFile: "/proc/\(daemon.pid)/task/\(thread)/status", encoding: .utf8)
            let ids = status?.split(separator: "\n").first { $0.hasPrefix("Uid:") }
            #expect(ids == nil || ids == "Uid:\t\(user)\t\(user)\t\(user)\t\(user)")
        }
        for name in ["mirror.db", "mirror.db-wal", "mirror.db.lock", "mirror.db.pulse"] {
            #expect(owner(emulator.directory.file("state/" + name)) == user, "\(name)")
        }
        daemon.signal(SIGTERM)
        #expect(daemon.wait() == 0)
        for command in [["status"], ["health"], ["check", "--online"], ["verify"], ["export"]] {
            let end = try emulator.run(command)
            #expect(end.status < 4, "\(command) \(end.stderr)")
        }
    }

    /// As systemd lays out the state of a unit with DynamicUser=: a link to a directory below one that only
    /// root may enter.
    @Test func root_worksAsAnOwnerWhoCannotReachTheDirectory() throws {
        guard geteuid() == 0 else { return }
        let emulator = try serviced()
        let folder = emulator.directory.path
        try FileManager.default.createDirectory(
            atPath: folder + "/private", withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o700])
        rename(folder + "/state", folder + "/private/state")
        symlink("private/state", folder + "/state")
        let resync = try emulator.groupmirror("resync", "--all")
        #expect(resync.status == 0, "\(resync.stderr)")
        for name in ["mirror.db", "mirror.db.lock"] {
            #expect(owner(folder + "/private/state/" + name) == Self.service, "\(name)")
        }
        let daemon = try emulator.daemon()
        try daemon.wait(for: "the daemon") { daemon.stderr.contains("cloud_accepting") }
        #expect(try emulator.groupmirror("status").status == 0)
        #expect(try emulator.groupmirror("verify").status == 0)
        let edit = try emulator.groupmirror("edit", "create", "user00000002", "x", "user:bob")
        #expect(edit.status == 0, "\(edit.stderr)")
        daemon.signal(SIGTERM)
        #expect(daemon.wait() == 0)
        // What it may still do is to read.
        let victim = try emulator.directory.write("", to: "victim")
        unlink(folder + "/private/state/mirror.db.lock")
        unlink(folder + "/private/state/mirror.db")
        symlink(victim, folder + "/private/state/mirror.db")
        #expect(try emulator.groupmirror("resync", "--all").status == 74)
        #expect(try String(contentsOfFile: victim, encoding: .utf8) == "")
        // Not what only root may read.
        let other = try EmulatorProcess.pulled()
        unlink(folder + "/private/state/mirror.db")
        symlink(other.directory.file("mirror.db"), folder + "/private/state/mirror.db")
        own(folder + "/private/state/mirror.db")
        for command in [["export"], ["show", "user00000001"], ["changes"], ["status"], ["check"]] {
            let end = try emulator.run(command)
            #expect(end.status == 74 && end.stdout.isEmpty, "\(command)")
            #expect(end.stderr.contains("a link that user"), "\(end.stderr)")
        }
    }

    @Test(arguments: ["mirror.db", "mirror.db.lock", "mirror.db.pulse"])
    func aLinkToAFileOfRoots_isNotFilled(name: String) throws {
        guard geteuid() == 0 else { return }
        let emulator = try serviced()
        let victim = try emulator.directory.write("", to: "victim")
        let link = emulator.directory.file("state/" + name)
        symlink(victim, link)
        own(link)
        for command in [["resync", "--all"], ["run"]] {
            let end = try emulator.run(command)
            #expect(end.status == 74 || name.hasSuffix("pulse") && command == ["resync", "--all"])
        }
        #expect(try String(contentsOfFile: victim, encoding: .utf8) == "")
        #expect(owner(victim) == 0)
    }

    @Test func aLockThatIsALink_isToBeRemovedAndNotGivenAway() throws {
        let emulator = try EmulatorProcess("--users", "2")
        let victim = try emulator.directory.write("", to: "victim")
        symlink(victim, emulator.directory.file("mirror.db.lock"))
        let end = try emulator.groupmirror("resync", "--all")
        #expect(end.status == 74 && end.stderr.contains("it is a link"), "\(end.stderr)")
        #expect(end.stderr.contains("remove it") && !end.stderr.contains("give the file"))
    }

    /// In a directory of root's own that others may write to.
    @Test func aLinkOfSomebodyElse_isNotFollowedByRoot() throws {
        guard geteuid() == 0 else { return }
        let emulator = try serviced()
        let state = emulator.directory.file("state")
        own(state, 0)
        try FileManager.default.setAttributes([.posixPermissions: 0o1777], ofItemAtPath: state)
        let victim = try emulator.directory.write("", to: "victim")
        symlink(victim, state + "/mirror.db")
        own(state + "/mirror.db")
        let end = try emulator.groupmirror("resync", "--all")
        #expect(end.status == 74)
        #expect(end.stderr.contains("a link that user \(Self.service) has made"), "\(end.stderr)")
        #expect(try String(contentsOfFile: victim, encoding: .utf8) == "")
    }

    @Test(arguments: ["mirror.db", "mirror.db.lock", "mirror.db.pulse"])
    func aNamedPipe_stopsNoCommand(name: String) throws {
        let emulator = try EmulatorProcess.pulled()
        let path = emulator.directory.file(name)
        unlink(path)
        mkfifo(path, 0o666)
        for command in [
            ["status"], ["health"], ["edit", "delete", "user00000002", "x"], ["resync", "--all"],
            ["run"],
        ] {
            // `run` goes on where nothing is in its way.
            let process = try RunningProgram(
                .groupmirror, command + ["--config", emulator.configuration])
            let status = process.wait()
            #expect(status != RunningProgram.killed, "\(command) hangs")
            if name == "mirror.db" || command == ["run"] {
                let isHealth = command == ["health"]
                #expect(status == (isHealth ? 2 : 74), "\(command): \(process.stderr)")
                #expect(
                    (process.stderr + process.stdout).contains("it is not a regular file"),
                    "\(command): \(process.stderr)")
            }
        }
    }

    @Test(arguments: [
        (
            "view changes",
            "DROP VIEW changes; CREATE VIEW changes AS SELECT 1 AS seq, '2' AS at, 'FORGED' AS user"
        ),
        (
            "trigger steal",
            "CREATE TRIGGER steal AFTER INSERT ON edit BEGIN DELETE FROM change; END"
        ),
        ("view mine", "CREATE VIEW mine AS SELECT * FROM user"),
        ("table mine", "CREATE TABLE mine (x)"),
    ])
    func aForeignSchema_isRefusedByName(object: String, statement: String) throws {
        let emulator = try EmulatorProcess.pulled()
        try emulator.sqlite(statement)
        let before = try emulator.sqlite("SELECT count(*) FROM change")
        for command in [
            ["status"], ["edit", "create", "user00000002", "x", "user:bob"], ["resync", "--all"],
            ["run"],
        ] {
            let end = try emulator.run(command)
            #expect(end.status == 74, "\(command)")
            #expect(
                end.stderr.contains("the \(object) in it is not groupmirror's"), "\(end.stderr)")
        }
        #expect(try emulator.sqlite("SELECT count(*) FROM change") == before)
    }

    @Test func anIndexOfTheOperators_mayStay() throws {
        let emulator = try EmulatorProcess.pulled()
        try emulator.sqlite("CREATE INDEX mine ON change (at)")
        try emulator.sqlite("ANALYZE")
        #expect(try emulator.groupmirror("resync", "--all").status == 0)
        #expect(try emulator.groupmirror("status").status == 0)
    }

    /// SQLite opens them without asking what they are.
    @Test(arguments: ["-journal", "-wal", "-shm"], ["mkfifo", "mkdir", "ln -s /etc/passwd"])
    func whatStandsBesideTheDatabase_mustBeARegularFile(suffix: String, made: String) throws {
        let emulator = try EmulatorProcess.pulled()
        let path = emulator.directory.file("mirror.db" + suffix)
        unlink(path)
        #expect(try RunningProgram.run("sh", "-c", "\(made) '\(path)'").status == 0)
        for (command, status) in [(["status"], 74), (["health"], 2), (["run"], 74)] {
            let process = try RunningProgram(
                .groupmirror, command + ["--config", emulator.configuration])
            #expect(process.wait() == status, "\(command): \(process.stderr)")
            #expect(
                (process.stderr + process.stdout).contains("\(suffix): it is not a regular file"))
        }
    }

    /// No value of a damaged or hostile database may end a command in a crash.
    @Test(arguments: [
        "UPDATE change SET at = 9223372036854775807", "UPDATE change SET at = -9223372036854775807",
        "UPDATE edit SET queued_at = 9223372036854775807, updated_at = -9223372036854775807",
        "UPDATE pull SET at = -9223372036854775807", "UPDATE pull SET at = 9223372036854775807",
        "INSERT INTO held (user, since, groups, conversations) VALUES (1, 9223372036854775807, 1, 1)",
        "UPDATE edit_call SET at = 9223372036854775807",
    ])
    func timesThatMakeNoSense_endNoCommandInACrash(statement: String) throws {
        let emulator = try EmulatorProcess.pulled()
        #expect(
            try emulator.groupmirror("edit", "create", "user00000002", "x", "user:bob").status == 0)
        #expect(try emulator.groupmirror("resync", "user00000002").status == 0)
        try emulator.sqlite(statement)
        for command in [
            ["status"], ["status", "--json"], ["health"], ["changes"], ["changes", "--json"],
            ["outbox", "list", "--state", "all"], ["outbox", "show", "1"], ["held", "list"],
            ["export"], ["users"], ["show", "user00000002"], ["resync", "--all"],
        ] {
            let end = try emulator.run(command)
            #expect(end.status < 128, "\(command): \(end.stderr.prefix(500))")
            #expect(
                end.status != 1 || command == ["health"], "\(command): \(end.stderr.prefix(500))")
        }
    }

    // MARK: The key

    @Test func aKeyThroughALink_isRead() throws {
        let emulator = try EmulatorProcess("--users", "2")
        let key = emulator.directory.file("secret.key")
        rename(key, emulator.directory.file("mounted-secret.key"))
        symlink("mounted-secret.key", key)
        #expect(try emulator.groupmirror("usersig").status == 0)
    }

    @Test func aKeyOfAForeignOwner_isRefused() throws {
        guard geteuid() == 0 else { return }
        let emulator = try EmulatorProcess("--users", "2")
        own(emulator.directory.file("secret.key"))
        let end = try emulator.groupmirror("usersig")
        #expect(end.status == 78)
        #expect(end.stderr.contains("belongs to user \(Self.service)"), "\(end.stderr)")
    }

    // MARK: The lock

    /// Whoever may open the file can hold it; the process that it names is not theirs.
    @Test func aLockThatSomebodyElseHolds_isNotBlamedOnADeadProcess() throws {
        let emulator = try EmulatorProcess.pulled()
        let holder = try RunningProgram(
            command: ["flock", emulator.directory.file("mirror.db.lock"), "sleep", "600"])
        defer { holder.signal(SIGKILL) }
        try holder.wait(for: "the lock") {
            try emulator.groupmirror("resync", "--all").status == 75
        }
        let end = try emulator.groupmirror("run")
        #expect(end.status == 75)
        #expect(end.stderr.contains("held by a process that is no groupmirror"), "\(end.stderr)")
        #expect(try emulator.groupmirror("status", "--json").stdout.contains(#""running":false"#))
    }

    /// It could be any process that lives.
    @Test func aLockThatNamesAForeignProcess_isNoDaemonThatStarts() throws {
        let emulator = try EmulatorProcess.pulled()
        let lock = emulator.directory.file("mirror.db.lock")
        try emulator.directory.write("\(getpid()) run\n", to: "mirror.db.lock")
        let holder = try RunningProgram(
            command: ["flock", lock, "sleep", "600"])
        defer { holder.signal(SIGKILL) }
        try holder.wait(for: "the lock") {
            try RunningProgram.run("flock", "--nonblock", lock, "true").status != 0
        }
        #expect(try RunningProgram.run("touch", "-d", "1 hour ago", lock).status == 0)
        let status = try emulator.groupmirror("status")
        #expect(status.status == 69 && status.stdout.contains("has not responded since"))
        #expect(try emulator.groupmirror("health").status == 2)
    }

    // MARK: Other files

    @Test func aListThatIsANamedPipe_isRefused() throws {
        let emulator = try EmulatorProcess("--users", "2")
        let list = emulator.directory.file("users.txt")
        unlink(list)
        mkfifo(list, 0o600)
        let check = try RunningProgram(
            .groupmirror, ["check", "--config", emulator.configuration])
        #expect(check.wait() == 78)
        #expect(check.stderr.contains("the list of users is not a regular file"))
    }
}
