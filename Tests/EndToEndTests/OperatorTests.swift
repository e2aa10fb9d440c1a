import Foundation
import MirrorStore
import TestSupport
import Testing

// What operators do beside the program: copies, links, shells, other tools.

@Suite struct WhatOperatorsDo {
    /// Runs a script of the shell with the program as `$0` and the configuration as `$1`.
    private func shell(_ emulator: EmulatorProcess, _ script: String) throws
        -> (status: Int32, stdout: String, stderr: String)
    {
        let process = try RunningProgram(
            command: [
                "bash", "-c", script, Program.groupmirror.url.path, emulator.configuration,
            ])
        let status = process.wait()
        return (status, process.stdout, process.stderr)
    }

    /// The log of what came after the copy must not be mixed into the copy.
    @Test func aCopyThatIsPutInPlaceAfterAStop_isTheMirrorOfThen() throws {
        let emulator = try EmulatorProcess.pulled("--churn", "200")
        let copy = emulator.directory.file("copy.db")
        try emulator.sqlite(".backup \(copy)")
        let then = try emulator.sqlite("SELECT max(seq) FROM change")
        let daemon = try emulator.daemon()
        try daemon.wait(for: "changes") {
            try emulator.sqlite("SELECT max(seq) FROM change") != then
        }
        daemon.signal(SIGTERM)
        #expect(daemon.wait() == 0)
        try FileManager.default.removeItem(atPath: emulator.directory.file("mirror.db"))
        try FileManager.default.copyItem(
            atPath: copy, toPath: emulator.directory.file("mirror.db"))
        #expect(try emulator.sqlite("PRAGMA integrity_check") == "ok\n")
        #expect(try emulator.sqlite("SELECT max(seq) FROM change") == then)
    }

    @Test func aSecondDaemonThroughALink_isRefused() throws {
        let emulator = try EmulatorProcess.pulled()
        let daemon = try emulator.daemon()
        try daemon.wait(for: "the daemon") { daemon.stderr.contains("daemon_ready") }
        try FileManager.default.createSymbolicLink(
            atPath: emulator.directory.file("link.db"), withDestinationPath: "mirror.db")
        try emulator.configure("mirror.db", "link.db")
        let second = try emulator.groupmirror("run")
        #expect(second.status == 75)
        #expect(second.stderr.contains("\(daemon.pid)"))
    }

    /// As it stands in the moment in which the first daemon makes it.
    @Test func anEmptyFile_isNoMirrorYet() throws {
        let emulator = try EmulatorProcess("--users", "1")
        try emulator.directory.write("", to: "mirror.db")
        let status = try emulator.groupmirror("status")
        #expect(status.status == 74)
        #expect(status.stderr.contains("there is no mirror yet"))
    }

    @Test func aUserNamedTwice_isOne() throws {
        let emulator = try EmulatorProcess.pulled()
        let user = "user00000001"
        let resync = try emulator.groupmirror("resync", user, user)
        #expect(resync.status == 0)
        #expect(resync.stderr.hasPrefix("pulled 1 of 1 user"))
        let export = try emulator.groupmirror("export", user, user)
        #expect(export.stdout.split(separator: "\n").count == 1)
    }

    /// Read with other characters in its place it would be another key, or another group.
    @Test func aWordThatIsNotUTF8_isRefused() throws {
        let emulator = try EmulatorProcess.pulled()
        for words in [
            #"edit create user00000001 $'caf\xe9' user:bob"#,
            #"edit create user00000001 club user:bob --key $'\xff'"#,
        ] {
            let edit = try shell(emulator, "exec \"$0\" \(words) --config \"$1\"")
            #expect(edit.status == 64)
            #expect(edit.stderr.contains("is not UTF-8"))
        }
        #expect(try emulator.sqlite("SELECT count(*) FROM edit") == "0\n")
    }

    /// systemd starts its children so.
    @Test func aReaderThatWentAway_endsTheCommandThoughTheSignalIsIgnored() throws {
        let emulator = try EmulatorProcess.pulled()
        let follow = try shell(
            emulator,
            """
            trap '' PIPE
            timeout 60 "$0" changes --follow --config "$1" | head -1 > "$(dirname "$1")/first"
            echo ${PIPESTATUS[0]}
            """)
        // 141: by the signal. Without an end of its own: 124.
        _ = try emulator.groupmirror("edit", "create", "user00000001", "club", "user:bob")
        #expect(follow.stdout == "141\n")
    }

    /// What an earlier daemon said last is not true of one that has not said anything yet.
    @Test func whileADaemonStarts_theWordOfTheLastOneIsNotTaken() throws {
        let emulator = try EmulatorProcess.pulled()
        try emulator.configure("limits: {timeout: 4s}")
        let daemon = try emulator.daemon()
        try daemon.wait(for: "the daemon") { daemon.stderr.contains("daemon_ready") }
        daemon.signal(SIGKILL)
        daemon.wait()
        try emulator.sqlite("UPDATE daemon SET cloud = 'refused', cloud_problem = 'another key'")
        let check = try shell(
            emulator,
            """
            exec 9> "$(dirname "$1")/mirror.db.lock"
            flock 9 && echo $$ run >&9
            "$0" check --online --config "$1"; echo $?
            "$0" status --json --config "$1"
            """)
        #expect(check.stderr.contains("has had no answer of the cloud yet"))
        #expect(check.stdout.contains("\n69\n"))
        #expect(!check.stdout.contains("another key"))
    }

    @Test func changesThatWereRemoved_areNotPassedOverInSilence() throws {
        let emulator = try EmulatorProcess.pulled()
        let last = try #require(
            Int(try emulator.sqlite("SELECT max(seq) FROM change").dropLast()))
        try emulator.sqlite("DELETE FROM change WHERE seq <= 10")
        for gone in ["0", "9"] {
            #expect(try emulator.groupmirror("changes", "--since", gone).status == 65)
        }
        let kept = try emulator.groupmirror("changes")
        #expect(kept.stdout.split(separator: "\n").count == last - 10)
        let rest = try emulator.groupmirror("changes", "--since", "10")
        #expect(rest.status == 0)
        #expect(rest.stdout.split(separator: "\n").count == last - 10)
        try emulator.sqlite("DELETE FROM change")
        #expect(try emulator.groupmirror("changes", "--since", "\(last - 1)").status == 65)
        #expect(try emulator.groupmirror("changes", "--since", "\(last)").status == 0)
        // A number of a database that was replaced, by a backup for example.
        let beyond = try emulator.groupmirror("changes", "--since", "\(last + 1)")
        #expect(beyond.status == 65)
        #expect(beyond.stderr.contains("the newest change is number \(last)"))
        #expect(
            try emulator.groupmirror("status", "--json").stdout.contains("\"last_change\":\(last)"))
    }

    @Test func whatWasCancelled_isReportedBesideWhatCouldNotBe() throws {
        let emulator = try EmulatorProcess.pulled()
        _ = try emulator.groupmirror("edit", "create", "user00000001", "club", "user:bob")
        let cancel = try emulator.groupmirror("outbox", "cancel", "1", "999")
        #expect(cancel.status == 65)
        #expect(cancel.stderr.hasPrefix("cancelled: 1 edit\n"))
        #expect(cancel.stderr.contains("999"))
    }

    /// What a script leaves that failed while it made the list.
    @Test func anEmptiedList_isRefused() throws {
        let emulator = try EmulatorProcess.pulled()
        let daemon = try emulator.daemon()
        try daemon.wait(for: "the daemon") { daemon.stderr.contains("daemon_ready") }
        try emulator.directory.write("# nobody\n", to: "users.txt")
        daemon.signal(SIGHUP)
        try daemon.wait(for: "the rejection") { daemon.stderr.contains("configuration_rejected") }
        #expect(daemon.stderr.contains("the list of users is empty, and the mirror has 20 in it"))
        let check = try emulator.groupmirror("check", "--online")
        #expect(check.status == 78)
        #expect(check.stderr.contains("the list of users is empty, and the mirror has 20 in it"))
        daemon.signal(SIGTERM)
        #expect(daemon.wait() == 0)
        #expect(try emulator.groupmirror("resync", "--all").status == 78)
        #expect(try emulator.groupmirror("users", "--state", "unlisted").stdout.isEmpty)
    }

    /// Nobody has begun what it waits for: it has no users yet, and is not done for that.
    @Test(arguments: [["resync", "--all"], ["verify"]])
    func interruptedBeforeTheDaemonBegins_isAFailure(command: [String]) throws {
        let emulator = try EmulatorProcess.pulled()
        let daemon = try emulator.daemon()
        try daemon.wait(for: "the daemon") { daemon.stderr.contains("daemon_ready") }
        let requests = "SELECT count(*) FROM request"
        let before = try emulator.sqlite(requests)
        daemon.signal(SIGSTOP)
        let waiting = try RunningProgram(
            .groupmirror, command + ["--config", emulator.configuration])
        try waiting.wait(for: "the request") { try emulator.sqlite(requests) != before }
        try waiting.wait(for: "the trap of its signals") {
            let status = try String(contentsOfFile: "/proc/\(waiting.pid)/status", encoding: .utf8)
            return status.split(separator: "\n").contains { line in
                line.hasPrefix("Sig") && !line.hasPrefix("SigQ")
                    && (line.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) } ?? 0)
                        & (1 << UInt64(SIGTERM - 1)) != 0
            }
        }
        try waiting.wait(for: "its end") {
            waiting.signal(SIGTERM)
            return !waiting.isRunning
        }
        #expect(waiting.wait() == 1)
        #expect(waiting.stderr.contains("interrupted"))
        daemon.signal(SIGCONT)
        daemon.signal(SIGTERM)
        #expect(daemon.wait() == 0)
    }

    /// They are kept for the day on which their user is back.
    @Test func editsOfAUserWhoLeftTheList_areNoFailureOfAResync() throws {
        let emulator = try EmulatorProcess.pulled()
        #expect(
            try emulator.groupmirror("edit", "create", "user00000020", "club", "user:bob").status
                == 0)
        let list = try String(contentsOfFile: emulator.directory.file("users.txt"), encoding: .utf8)
        try emulator.directory.write(list.replacing("user00000020\n", with: ""), to: "users.txt")
        let resync = try emulator.groupmirror("resync", "--all")
        #expect(resync.status == 0, "\(resync.stderr)")
        #expect(resync.stderr.contains("of 19 users"))
    }

    @Test func aReloadThatSilencesTheLog_isAnsweredInIt() throws {
        let emulator = try EmulatorProcess.pulled()
        let daemon = try emulator.daemon()
        try daemon.wait(for: "the daemon") { daemon.stderr.contains("daemon_ready") }
        try emulator.configure("log: {level: error}")
        daemon.signal(SIGHUP)
        try daemon.wait(for: "the answer") {
            daemon.stderr.contains("event=configuration_reloaded")
        }
        daemon.signal(SIGTERM)
        #expect(daemon.wait() == 0)
        #expect(!daemon.stderr.contains("event=daemon_stopped"))
    }
}
