import Foundation
import TestSupport
import Testing

/// The built programs, as an operator runs them.
@Suite struct TheDaemon {
    @Test func theDaemonMirrorsThePopulationWhilePhonesChangeIt() throws {
        let emulator = try EmulatorProcess("--users", "60", "--churn", "20")
        let daemon = try emulator.daemon()
        try daemon.wait(for: "some changes") {
            daemon.stderr.contains("first=false")
        }
        daemon.signal(SIGTERM)
        #expect(daemon.wait() == 0)
        // Phones went on; one more pull and nothing but what they did since is different.
        let resync = try emulator.groupmirror("resync", "--all")
        #expect(resync.status == 0)
        #expect(daemon.stderr.contains("event=daemon_stopped"))
    }

    @Test func atRest_exportAndCloudAreEqualLineByLine() throws {
        let emulator = try EmulatorProcess("--users", "80", "--page-size", "7")
        let daemon = try emulator.daemon()
        try daemon.wait(for: "an equal mirror") { try emulator.isEqual() }
        #expect(try emulator.groupmirror("verify").status == 0)
        daemon.signal(SIGINT)
        #expect(daemon.wait() == 0)
    }

    @Test func aSecondOne_isRefused() throws {
        let emulator = try EmulatorProcess("--users", "3")
        let first = try emulator.daemon()
        try first.wait(for: "the first") { first.stderr.contains("daemon_ready") }
        let second = try emulator.daemon()
        #expect(second.wait() == 75)
        #expect(second.stderr.contains("another groupmirror (process \(first.pid))"))
        #expect(first.isRunning)
    }

    @Test func afterSIGKILL_theNextOneGoesOn() throws {
        let emulator = try EmulatorProcess("--users", "100")
        for _ in 0..<5 {
            let daemon = try emulator.daemon()
            try daemon.wait(for: "work") { daemon.stderr.contains("pass_changed") }
            daemon.signal(SIGKILL)
            daemon.wait()
        }
        #expect(try emulator.groupmirror("resync", "--all").status == 0)
        #expect(try emulator.isEqual())
    }

    @Test func toldToReload_takesTheNewListAndKeepsTheOldConfigurationOnError() throws {
        let emulator = try EmulatorProcess("--users", "10")
        try emulator.directory.write("user00000001\nuser00000002\n", to: "users.txt")
        let daemon = try emulator.daemon()
        try daemon.wait(for: "both users") { try emulator.export().contains("user00000002") }

        try emulator.directory.write("user00000002\nuser00000007\n", to: "users.txt")
        daemon.signal(SIGHUP)
        try daemon.wait(for: "the reload") { daemon.stderr.contains("configuration_reloaded") }
        #expect(daemon.stderr.contains("users=2 added=1 removed=1"))
        try daemon.wait(for: "the new user") {
            try emulator.groupmirror("users").stdout.contains("user00000007      fresh")
        }
        #expect(
            try emulator.groupmirror("users", "--state", "unlisted").stdout.contains("user00000001")
        )

        try emulator.configure("limits: {in_fligth: 3}")
        daemon.signal(SIGHUP)
        try daemon.wait(for: "the rejection") { daemon.stderr.contains("configuration_rejected") }
        #expect(daemon.stderr.contains("did you mean 'in_flight'?"))
        #expect(daemon.isRunning)

        daemon.signal(SIGTERM)
        #expect(daemon.wait() == 0)
    }

    @Test func theDaemonWithAKeyTheCloudRefusesFromTheStart_ends() throws {
        let emulator = try EmulatorProcess("--users", "3")
        try emulator.directory.write("made-up-wrong-key", to: "secret.key")
        let daemon = try emulator.daemon()
        #expect(daemon.wait() == 77)
        #expect(daemon.stderr.contains("code 70009"))
        #expect(daemon.stderr.contains("the secret key must be the one"))
    }

    @Test func refusedLater_staysAndRecoversWithTheFixedKey() throws {
        let emulator = try EmulatorProcess("--users", "3")
        #expect(try emulator.groupmirror("resync", "--all").status == 0)
        let key = try String(contentsOfFile: emulator.directory.file("secret.key"), encoding: .utf8)
        try emulator.directory.write("made-up-wrong-key", to: "secret.key")
        let daemon = try emulator.daemon()
        try daemon.wait(for: "the refusal") { daemon.stderr.contains("cloud_refusing") }
        #expect(daemon.isRunning)
        try daemon.wait(for: "the state in the database") {
            try emulator.groupmirror("check", "--online").status == 77
        }
        #expect(try emulator.groupmirror("resync", "--all").status == 77)
        try emulator.directory.write(key, to: "secret.key")
        daemon.signal(SIGHUP)
        try daemon.wait(for: "the cloud") { daemon.stderr.contains("cloud_accepting") }
    }

    /// What the daemon said before the reload is up to a second old, and no longer true.
    @Test(arguments: [["resync", "--all"], ["check", "--online"]])
    func askedRightAfterTheReloadThatFixesIt_doesNotTellTheOldRefusal(_ command: [String]) throws {
        // Longer than a command waits before it looks for the first time.
        let emulator = try EmulatorProcess("--users", "3", "--latency", "250")
        #expect(try emulator.groupmirror("resync", "--all").status == 0)
        let key = try String(contentsOfFile: emulator.directory.file("secret.key"), encoding: .utf8)
        try emulator.directory.write("made-up-wrong-key", to: "secret.key")
        let daemon = try emulator.daemon()
        for round in 1...3 {
            try daemon.wait(for: "the refusal in the database") {
                try emulator.groupmirror("status").stdout.contains("refused")
            }
            try emulator.directory.write(key, to: "secret.key")
            daemon.signal(SIGHUP)
            try daemon.wait(for: "the reload") {
                daemon.stderr.ranges(of: "event=configuration_reloaded").count == 2 * round - 1
            }
            let answer = try emulator.run(command)
            #expect(answer.status == 0, "\(answer.stderr)")

            try emulator.directory.write("made-up-wrong-key", to: "secret.key")
            daemon.signal(SIGHUP)
            try daemon.wait(for: "the next reload") {
                daemon.stderr.ranges(of: "event=configuration_reloaded").count == 2 * round
            }
        }
    }

    @Test func underSystemd_tellsWhenItIsReadyAliveAndStopping() throws {
        let emulator = try EmulatorProcess("--users", "20")
        let manager = try NotifySocket(emulator.directory.file("notify"))
        let daemon = try emulator.daemon([
            "NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "400000",
        ])
        try daemon.wait(for: "READY") { manager.messages.contains { $0.hasPrefix("READY=1") } }
        #expect(manager.messages.contains { $0.contains("the cloud accepts calls") })
        try daemon.wait(for: "signs of life") {
            manager.messages.count { $0 == "WATCHDOG=1" } >= 3
        }
        daemon.signal(SIGHUP)
        try daemon.wait(for: "RELOADING") {
            manager.messages.contains { $0.hasPrefix("RELOADING=1\nMONOTONIC_USEC=") }
        }
        daemon.signal(SIGTERM)
        #expect(daemon.wait() == 0)
        #expect(manager.messages.contains { $0.hasPrefix("STOPPING=1") })
    }

    @Test func theKeyAndEveryUserSig_stayOutOfEverythingItLeaves() throws {
        let emulator = try EmulatorProcess(
            "--users", "20", "--fault", "502=0.1", "--fault", "reset-before=0.1", "--fault",
            "garbage=0.1", "--fault", "code:70001=0.02")
        try emulator.configure("log: {level: debug}")
        let key = try String(contentsOfFile: emulator.directory.file("secret.key"), encoding: .utf8)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        let daemon = try emulator.daemon()
        try daemon.wait(for: "failures") {
            daemon.stderr.split(separator: "\n").count { $0.contains("call_failed") } > 10
        }
        let arguments = try String(
            contentsOfFile: "/proc/\(daemon.pid)/cmdline", encoding: .utf8)
        daemon.signal(SIGTERM)
        daemon.wait()
        let status = try emulator.groupmirror("status", "--json").stdout
        var left = daemon.stderr + daemon.stdout + arguments + status
        for name in ["mirror.db", "mirror.db-wal"] {
            let data = try Data(contentsOf: URL(fileURLWithPath: emulator.directory.file(name)))
            left += String(decoding: data, as: UTF8.self)
        }
        #expect(!left.contains(key))
        #expect(left.firstMatch(of: /usersig=e/) == nil)
        #expect(left.firstMatch(of: /eJ[a-zA-Z0-9*_-]{62,}/) == nil)
    }
}
