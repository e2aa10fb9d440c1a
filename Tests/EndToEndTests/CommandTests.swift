import Foundation
import TestSupport
import Testing

@Suite struct TheCommands {
    /// A mirror of twenty users that nobody changes, pulled once.
    private func lines(_ text: String) -> [Substring] { text.split(separator: "\n") }

    private func isJSON(_ line: some StringProtocol) -> Bool {
        (try? JSONSerialization.jsonObject(with: Data(line.utf8))) is [String: Any]
    }

    @Test func resyncWithoutADaemon_doesTheWorkAndSumsItUp() throws {
        let emulator = try EmulatorProcess("--users", "20")
        let all = try emulator.groupmirror("resync", "--all")
        #expect(all.status == 0)
        #expect(all.stderr.hasPrefix("pulled 20 of 20 users in "))
        #expect(all.stdout.isEmpty)
        #expect(try emulator.isEqual())
        let some = try emulator.groupmirror("resync", "user00000001", "--json")
        #expect(
            some.stdout
                == "{\"users\":1,\"done\":1,\"differing\":0,\"changes\":0,\"failed\":0,\"not_imported\":0,\"held\":0}\n"
        )
    }

    @Test func resyncWithADaemon_asksIt() throws {
        let emulator = try EmulatorProcess.pulled()
        let daemon = try emulator.daemon()
        try daemon.wait(for: "the daemon") { daemon.stderr.contains("daemon_ready") }
        let resync = try emulator.groupmirror("resync", "user00000003", "user00000004")
        #expect(resync.status == 0)
        #expect(resync.stderr.hasPrefix("pulled 2 of 2 users"))
        #expect(daemon.stderr.contains("event=resync_asked app=1400000000 request=2 users=2"))
    }

    @Test func resyncOfSomebodyUnknown_isAMistakeInTheCommand() throws {
        let emulator = try EmulatorProcess.pulled()
        func expectMistake() throws {
            let resync = try emulator.groupmirror("resync", "nobody")
            #expect(resync.status == 65)
            #expect(resync.stderr.contains("'nobody' is not in the list of users"))
        }
        try expectMistake()
        let daemon = try emulator.daemon()
        try daemon.wait(for: "the daemon") { daemon.stderr.contains("daemon_ready") }
        try expectMistake()
    }

    @Test func resyncOfUsersThatFail_saysWhichAndWhy() throws {
        let emulator = try EmulatorProcess.pulled()
        try emulator.post("faults", #"[{"kind":"code:50002","user":"user00000009"}]"#)
        let resync = try emulator.groupmirror("resync", "--all")
        #expect(resync.status == 3)
        #expect(resync.stderr.contains("user00000009: a parameter is wrong"))
        #expect(resync.stderr.contains("pulled 19 of 20 users"))
        let failing = try emulator.groupmirror("users", "--state", "failing")
        #expect(lines(failing.stdout).count == 1)
    }

    @Test func aParkedUser_isReportedAndNoFailure() throws {
        let emulator = try EmulatorProcess("--users", "2")
        try emulator.directory.write("user00000001\nstranger\n", to: "users.txt")
        let resync = try emulator.groupmirror("resync", "--all")
        #expect(resync.status == 0)
        #expect(resync.stderr.contains("1 not imported"))
        #expect(try emulator.groupmirror("users", "--state", "parked").stdout.hasPrefix("stranger"))
    }

    @Test func dryRun_saysWhatWouldChangeAndWritesNothing() throws {
        let emulator = try EmulatorProcess("--users", "3")
        let dry = try emulator.groupmirror("resync", "--all", "--dry-run")
        #expect(dry.status == 0)
        #expect(dry.stdout.contains("is new"))
        let json = try emulator.groupmirror("resync", "--all", "--dry-run", "--json")
        #expect(lines(json.stdout).allSatisfy(isJSON))
        #expect(try emulator.groupmirror("changes").stdout.isEmpty)
    }

    @Test func anExportThatDoesNotFit_isNoSuccess() throws {
        let emulator = try EmulatorProcess.pulled()
        let export = try RunningProgram.run(
            "sh", "-c", "exec \"$0\" export --config \"$1\" > /dev/full",
            Program.groupmirror.url.path, emulator.configuration)
        #expect(export.status == 74)
        #expect(export.stderr.contains("the output cannot be written: No space left on device"))
    }

    @Test func verify_findsDrift() throws {
        let emulator = try EmulatorProcess.pulled()
        #expect(try emulator.groupmirror("verify").status == 0)
        #expect(try emulator.groupmirror("verify", "--sample", "3").stderr.contains("of 3 users"))
        try emulator.sqlite(
            "UPDATE conversation_group SET name = 'wrong' WHERE user = 1 AND id = 1")
        let drift = try emulator.groupmirror("verify")
        #expect(drift.status == 5)
        #expect(drift.stdout.contains("user00000001: 1 difference\n  group 1 'wrong' is now"))
    }

    @Test func status_worksWithAndWithoutADaemon() throws {
        let emulator = try EmulatorProcess.pulled()
        let down = try emulator.groupmirror("status")
        #expect(down.status == 0)
        #expect(down.stdout.contains("daemon   has never run"))
        #expect(down.stdout.contains("20: 20 fresh"))
        let daemon = try emulator.daemon()
        try daemon.wait(for: "the daemon's state") {
            try emulator.groupmirror("status").stdout.contains("accepting")
        }
        let json = try emulator.groupmirror("status", "--json").stdout
        #expect(lines(json).count == 1 && isJSON(json))
        #expect(json.contains("\"running\":true,\"pid\":\(daemon.pid)"))
    }

    @Test func everyReader_hasTextAndJSON() throws {
        let emulator = try EmulatorProcess.pulled()
        for command in [["users"], ["show", "user00000001"], ["changes"], ["check"]] {
            let text = try emulator.run(command)
            let json = try emulator.run(command + ["--json"])
            #expect(text.status == 0 && !text.stdout.isEmpty, "\(command)")
            #expect(json.status == 0 && !json.stdout.isEmpty, "\(command)")
            #expect(lines(json.stdout).allSatisfy(isJSON), "\(command)")
        }
    }

    @Test func aReaderAskedForSomebodyUnknown_saysSo() throws {
        let emulator = try EmulatorProcess.pulled()
        for command in [
            ["show", "nobody"], ["export", "nobody"], ["changes", "--user", "nobody"],
        ] {
            let result = try emulator.run(command)
            #expect(result.status == 65, "\(command)")
            #expect(result.stderr.contains("'nobody' is not in the list"), "\(command)")
        }
    }

    @Test func theExport_hasItsKeysInTheirOrder() throws {
        let emulator = try EmulatorProcess.pulled()
        let line = try #require(
            lines(try emulator.groupmirror("export", "user00000001").stdout).first)
        #expect(
            line.firstMatch(
                of:
                    /^\{"user":"user00000001","pulled_at":"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ","groups":\[\{"id":1,"name":"[^"]+"\}.*\],"conversations":\[\{"type":1,"peer":"[^"]+","groups":\[[\d,]*\],"standard_mark":"\d+","custom_mark":"[^"]*","updated_at":\d+\}/
            ) != nil)
        try emulator.directory.write("user00000001\nzoe\n", to: "users.txt")
        #expect(try emulator.groupmirror("resync", "--all").status == 0)
        #expect(
            try emulator.groupmirror("export", "zoe").stdout
                == "{\"user\":\"zoe\",\"pulled_at\":null,\"groups\":[],\"conversations\":[]}\n")
    }

    @Test func changes_followWhatComes() throws {
        let emulator = try EmulatorProcess("--users", "5", "--churn", "10")
        let daemon = try emulator.daemon()
        try daemon.wait(for: "the first round") { try emulator.groupmirror("changes").stdout != "" }
        let last = try #require(lines(try emulator.groupmirror("changes", "--json").stdout).last)
        let number = try #require(Int(String(last.firstMatch(of: /"seq":(\d+)/)?.1 ?? "")))
        let follower = try RunningProgram(
            .groupmirror,
            [
                "changes", "--follow", "--json", "--since", "\(number)", "--config",
                emulator.configuration,
            ])
        try follower.wait(for: "three changes") { lines(follower.stdout).count >= 3 }
        follower.signal(SIGTERM)
        follower.wait()
        let numbers = lines(follower.stdout).compactMap { $0.firstMatch(of: /"seq":(\d+)/) }
            .compactMap { Int(String($0.1)) }
        #expect(numbers == Array((number + 1)...(number + numbers.count)))
    }

    @Test func heldDeletions_areDecidedByAPerson() throws {
        let emulator = try EmulatorProcess("--users", "60", "--conversations", "3")
        #expect(try emulator.groupmirror("resync", "--all").status == 0)
        try emulator.post("faults", #"[{"kind":"empty-listing"}]"#)
        #expect(try emulator.groupmirror("resync", "--all").status == 4)
        #expect(try emulator.groupmirror("status").status == 4)
        let list = try emulator.groupmirror("held", "list")
        #expect(list.status == 4)
        #expect(lines(list.stdout).count == 41)
        let first = String(try #require(lines(list.stdout).first).prefix(12))
        #expect(try emulator.groupmirror("held", "reject", first).status == 0)
        #expect(try emulator.groupmirror("held", "approve", "user0").status == 65)
        #expect(try emulator.groupmirror("held", "approve").status == 64)
        let approve = try emulator.groupmirror("held", "approve", "--all")
        #expect(approve.stderr.contains("approved: 41 users"))
        #expect(try emulator.groupmirror("resync", "--all").status == 0)
        #expect(try emulator.groupmirror("held", "list", "--json").stdout.isEmpty)
    }

    @Test func aUserSigForMoreThanADay_wantsAYes() throws {
        let emulator = try EmulatorProcess("--users", "1")
        #expect(try emulator.groupmirror("usersig", "--expire", "24h").status == 0)
        let refused = try emulator.groupmirror("usersig", "--expire", "25h")
        #expect(refused.status == 64 && refused.stdout.isEmpty)
        #expect(try emulator.groupmirror("usersig", "--expire", "25h", "--yes").status == 0)
    }

    /// What a phone has put into a name must not move the cursor of whoever prints JSON.
    @Test func signsThatMoveTheCursor_areEscapedInJSON() throws {
        let emulator = try EmulatorProcess.pulled()
        let user = "user00000003"
        let name = "a\u{9B}31m\u{202E}b\u{7F}\u{E0041}\u{200F}c\u{1F600}"
        let usersig = try emulator.groupmirror("usersig").stdout.trimmingCharacters(
            in: .whitespacesAndNewlines)
        let created = try RunningProgram.run(
            "curl", "-s", "--data-binary",
            #"{"From_Account":"\#(user)","GroupContactItem":[{"GroupName":"\#(name)","#
                + #""ContactItem":[{"Type":1,"To_Account":"bob"}]}]}"#,
            emulator.address + "/v4/recentcontact/create_contact_group?sdkappid=1400000000"
                + "&identifier=administrator&usersig=\(usersig)&random=1&contenttype=json")
        #expect(created.stdout.contains(#""ErrorCode":0"#), "\(created.stdout)")
        #expect(try emulator.groupmirror("resync", "--all").status == 0)
        let export = try emulator.export()
        let escaped = #"a\u009b31m\u202eb\u007f\udb40\udc41\u200fc"# + "\u{1F600}"
        #expect(export.contains(escaped))
        #expect(try emulator.isEqual())
        let outputs = [
            export, try emulator.groupmirror("show", user, "--json").stdout,
            try emulator.groupmirror("changes", "--json").stdout,
            try emulator.groupmirror("outbox", "list", "--state", "all", "--json").stdout,
        ]
        for output in outputs {
            let hidden = output.unicodeScalars.filter {
                $0.value != 10
                    && [.control, .format].contains($0.properties.generalCategory)
            }
            #expect(hidden.isEmpty)
        }
    }

    @Test(arguments: [
        ["show", "a\u{1B}[31m"], ["foo\u{1B}[31m"], ["usersig", "--user", "a\u{202E}b"],
    ])
    func aMistakeInTheCommand_isNotRepeatedWithSignsThatMoveTheCursor(command: [String]) throws {
        let emulator = try EmulatorProcess.pulled()
        let end = try emulator.run(command)
        #expect(end.status == 64, "\(end.stderr)")
        let isHidden = end.stderr.unicodeScalars.contains {
            $0.value != 10 && [.control, .format].contains($0.properties.generalCategory)
        }
        #expect(!isHidden)
    }

    /// Not every machine has IPv6.
    private static let addresses =
        ["0.0.0.0", "127.0.0.2"]
        + ((try? String(contentsOfFile: "/proc/net/if_inet6", encoding: .utf8))?
            .contains("00000000000000000000000000000001 ") == true ? ["::1"] : [])

    @Test(arguments: addresses)
    func theConfigurationOfAnEmulatorOnAnyAddress_isTaken(host: String) throws {
        let emulator = try EmulatorProcess("--users", "2", "--host", host)
        let check = try emulator.groupmirror("check", "--online")
        #expect(check.status == 0, "\(check.stderr)")
    }

    @Test func theEmulatorsOwnRoutes_takeATokenWhereOthersCanReachThem() throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("made-up-token-of-a-test", to: "token-secret.key")
        func code(_ address: String, _ route: String, _ token: String?) throws -> String {
            try RunningProgram.run(
                "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H",
                token.map { "Authorization: Bearer \($0)" } ?? "X-None: 1",
                "\(address)/emulator/\(route)"
            ).stdout
        }
        let emulator = try EmulatorProcess("--users", "1", "--token-file", file)
        #expect(try code(emulator.address, "ready", nil) == "200")
        #expect(try code(emulator.address, "export", nil) == "401")
        #expect(try code(emulator.address, "export", "wrong") == "401")
        #expect(try code(emulator.address, "export", "made-up-token-of-a-test") == "200")
        // 0.0.0.0 is every address of the machine.
        let open = try EmulatorProcess("--users", "1", "--host", "0.0.0.0")
        let port = open.address.split(separator: ":").last ?? ""
        try open.process.wait(for: "the token") { open.process.stderr.contains("token for") }
        let token = open.process.stderr.split(whereSeparator: \.isWhitespace).last.map(String.init)
        #expect(try code("http://127.0.0.1:\(port)", "faults", nil) == "401")
        #expect(try code("http://127.0.0.1:\(port)", "faults", token) == "200")
    }

    @Test func aUserSig_isTakenByTheCloud() throws {
        let emulator = try EmulatorProcess("--users", "1")
        let usersig = try emulator.groupmirror("usersig", "--expire", "10m").stdout
            .trimmingCharacters(in: .newlines)
        let reply = try RunningProgram.run(
            "curl", "-sS", "-X", "POST", "-d", #"{"From_Account":"user00000001","StartIndex":0}"#,
            "\(emulator.address)/v4/recentcontact/get_contact_group?sdkappid=1400000000"
                + "&identifier=administrator&usersig=\(usersig)&random=1&contenttype=json")
        #expect(reply.stdout.contains("\"ErrorCode\":0"))
        #expect(try emulator.groupmirror("usersig", "--expire", "soon").status == 64)
    }

    @Test(arguments: [
        [], ["resync"], ["users"], ["show"], ["status"], ["export"], ["changes"], ["held"],
        ["held", "approve"], ["verify"], ["check"], ["usersig"], ["run"],
    ])
    func help_hasAnExample(command: [String]) throws {
        let process = try RunningProgram(.groupmirror, command + ["--help"])
        #expect(process.wait() == 0)
        let hasExample = process.stdout.contains("xample")
        #expect(hasExample || command == ["held", "approve"])
    }

    @Test(arguments: [
        ["frobnicate"], ["resync", "--frob"], ["users", "--state", "odd"],
        ["verify", "--sample", "0"],
    ])
    func aMistakeInTheCommand_hasStatus64(command: [String]) throws {
        let process = try RunningProgram(.groupmirror, command)
        #expect(process.wait() == 64)
    }

    /// Found by trying: the port was taken modulo 65536.
    @Test(arguments: [
        ["--port", "99999"], ["--page-size", "0"], ["--fault", "odd"], ["--rate", "0"],
    ])
    func aMistakeInTheEmulatorsOptions_hasStatus64(options: [String]) throws {
        #expect(try RunningProgram(.emulator, options).wait() == 64)
    }

    @Test func theConfiguration_isFoundThroughTheEnvironment() throws {
        let emulator = try EmulatorProcess.pulled()
        let process = try RunningProgram(
            .groupmirror, ["status"], environment: ["GROUPMIRROR_CONFIG": emulator.configuration])
        #expect(process.wait() == 0)
        let lost = try RunningProgram(.groupmirror, ["status"])
        #expect(lost.wait() == 78)
        #expect(lost.stderr.contains("--config FILE or $GROUPMIRROR_CONFIG"))
    }
}
