import Foundation
import TestSupport
import Testing

// What people type, and what scripts rely on: waiting, undoing, many bad lines, names of things that are not there.

@Suite struct AtTheKeyboard {
    private let user = "user00000003"

    @Test func anEditThatIsWaitedFor_isSettledAfterwards_withADaemonAndWithout() throws {
        let emulator = try EmulatorProcess.pulled()
        let alone = try emulator.groupmirror(
            "edit", "add", "--create", user, "support", "user:helpdesk", "--wait", "60s")
        #expect(alone.status == 0)
        #expect(alone.stdout == "1\n")
        #expect(alone.stderr == "1 edit: 1 applied\n")
        #expect(try emulator.get("export").contains("helpdesk"))
        let daemon = try emulator.daemon()
        try daemon.wait(for: "the daemon") { daemon.stderr.contains("daemon_ready") }
        let again = try emulator.groupmirror(
            "edit", "add", "--create", user, "support", "user:helpdesk", "--json", "--wait")
        #expect(again.status == 0)
        #expect(again.stdout.contains(#""satisfied":1"#))
        let undo = try emulator.groupmirror("outbox", "undo", "1", "--wait")
        #expect(undo.status == 0)
        #expect(undo.stdout.contains("delete 'support'"))
        #expect(try !emulator.get("export").contains("helpdesk"))
        #expect(
            try emulator.groupmirror("changes", "--since", "1h", "--user", user).stdout
                .contains("group 'support' (") == true)
        #expect(
            try emulator.groupmirror("changes", "--user", user).stdout.contains("(edit 1)"))
    }

    @Test func aWaitWhoseTimeIsUp_endsWithThat_andOneForARejectedEditSaysSo() throws {
        let emulator = try EmulatorProcess.pulled()
        let daemon = try emulator.daemon()
        try daemon.wait(for: "the daemon") { daemon.stderr.contains("daemon_ready") }
        try emulator.post("faults", #"[{"kind":"code:60008","command":"mark_contact"}]"#)
        let late = try emulator.groupmirror(
            "edit", "mark", user, "user:bob", "--set", "star", "--wait", "1s")
        #expect(late.status == 75)
        try emulator.post("faults", #"[{"kind":"code:51008","command":"mark_contact"}]"#)
        let rejected = try emulator.groupmirror("outbox", "wait", "1", "--time", "60s")
        #expect(rejected.status == 4)
        #expect(rejected.stdout == "1 edit: 1 rejected\n")
    }

    @Test func everyBadLineOfAnImport_isNamed_andLeftOutWhereThatIsWanted() throws {
        let emulator = try EmulatorProcess.pulled()
        try emulator.directory.write(
            """
            {"key":"m1","user":"user00000001","op":"ensure","group":"support","conversations":["user:helpdesk"]}
            {"user":"nobody","op":"delete","group":"x"}
            not JSON
            {"user":"user00000002","op":"mark","conversation":"user:bob","set":["star",33]}
            {"user":"user00000002","op":"mark","conversation":"user:bob","set":["moon"]}

            """, to: "edits.jsonl")
        let file = emulator.directory.file("edits.jsonl")
        let refused = try emulator.groupmirror("edit", "import", file)
        #expect(refused.status == 64)
        for words in [":2: nobody: ", ":3: this is no JSON", ":5: mark moon", "nothing was queued"]
        {
            #expect(refused.stderr.contains(words))
        }
        let bad = emulator.directory.file("bad.jsonl")
        let queued = try emulator.groupmirror(
            "edit", "import", file, "--skip-invalid", bad, "--json")
        #expect(queued.status == 4)
        #expect(
            queued.stdout == #"{"queued":2,"known":0,"invalid":3,"batch":1}"# + "\n")
        let left = try String(contentsOfFile: bad, encoding: .utf8).split(separator: "\n")
        #expect(left.map { $0.prefix(10) } == [#"{"line":2,"#, #"{"line":3,"#, #"{"line":5,"#])
        #expect(left[0].contains(#""edit":{"user":"nobody","op":"delete","group":"x"}"#))
        let list = try emulator.groupmirror("outbox", "list", "--batch", "1", "--json")
        #expect(list.stdout.split(separator: "\n").count == 2)
        #expect(
            try emulator.groupmirror("outbox", "list", "--key", "m*").stdout
                .split(separator: "\n").count == 1)
        for words in [
            ["cancel", "--key", "M*"], ["undo", "--batch", "77"], ["wait", "--key", "x"],
        ] {
            #expect(try emulator.run(["outbox"] + words).status == 65)
        }
        let same = try emulator.groupmirror("edit", "import", file, "--skip-invalid", file)
        #expect(same.status == 64)
        #expect(same.stderr.contains("exists already"))
        #expect(
            try emulator.groupmirror("outbox", "cancel", "--key", "m?").stderr
                == "cancelled: 1 edit\n")
    }

    @Test func whatIsNotThere_hasAStatusOfItsOwn_andAWordForPrograms() throws {
        let emulator = try EmulatorProcess.pulled()
        for (arguments, word) in [
            (["show", "nobody"], "user_missing"),
            (["edit", "delete", user, "nothing"], "group_missing"),
            (["outbox", "show", "99"], "edit_missing"),
            (["changes", "--since", "99999999"], "changes_missing"),
        ] {
            #expect(try emulator.run(arguments).status == 65)
            let json = try emulator.run(arguments + ["--json"])
            #expect(json.stderr.hasPrefix(#"{"error":"\#(word)","problem":"#))
        }
    }

    @Test func aMistakeInTheCommand_isAnsweredWithItsUsageAndTheNearestWord() throws {
        let emulator = try EmulatorProcess.pulled()
        let typo = try emulator.groupmirror("outbox", "cancle", "1")
        #expect(typo.status == 64)
        #expect(typo.stderr.contains("did you mean 'cancel'?"))
        let bare = try emulator.groupmirror("edit", "create", user, "club", "support")
        #expect(bare.stderr.contains("user:support"))
        #expect(bare.stderr.contains("Usage: groupmirror edit create"))
        let value = try emulator.groupmirror("outbox", "list", "--state", "lost")
        #expect(value.stderr.contains("Usage: groupmirror outbox list"))
        #expect(value.status == 64)
    }

    @Test func aCopyThatIsTooOld_isPulledFirst() throws {
        let emulator = try EmulatorProcess.pulled()
        let fresh = try emulator.groupmirror("show", user, "--max-age", "1h")
        #expect(fresh.status == 0)
        try emulator.post("faults", #"[{"kind":"code:60008","command":"get_contact_group"}]"#)
        let failed = try emulator.groupmirror("show", user, "--max-age", "0s")
        #expect(failed.status == 3)
        #expect(failed.stdout.isEmpty)
        try emulator.post("faults", "[]")
        #expect(try emulator.groupmirror("export", user, "--max-age", "0s").status == 0)
    }

    @Test func anExportWithItsNumber_goesOnWithoutAGap() throws {
        let emulator = try EmulatorProcess.pulled()
        let export = try emulator.groupmirror("export", "--with-seq").stdout
        let first = try #require(export.split(separator: "\n").first)
        let number = try #require(Int(first.filter(\.isNumber)))
        #expect(try emulator.sqlite("SELECT max(seq) FROM change") == "\(number)\n")
        _ = try emulator.groupmirror(
            "edit", "mark", user, "user:bob", "--custom", "new", "--wait")
        let next = try emulator.groupmirror("changes", "--since", "\(number)", "--json").stdout
        #expect(next.hasPrefix("{\"seq\":\(number + 1),"))
    }

    @Test func severalConfigurations_haveNames_andAreLookedAtTogether() throws {
        let emulator = try EmulatorProcess.pulled()
        for name in ["shop", "example"] {
            try FileManager.default.copyItem(
                atPath: emulator.configuration, toPath: emulator.directory.file("\(name).yaml"))
        }
        let place = URL(fileURLWithPath: emulator.configuration).deletingLastPathComponent().path
        func run(_ arguments: String...) throws -> RunningProgram {
            let program = try RunningProgram(
                command: [Program.groupmirror.url.path] + arguments,
                environment: ["GROUPMIRROR_CONFIG_DIR": place])
            _ = program.wait()
            return program
        }
        #expect(try run("show", "nobody", "-c", "shop").wait() == 65)
        let all = try run("status", "--all", "--json")
        let names = all.stdout.split(separator: "\n").map { $0.split(separator: ",")[0] }
        #expect(names == [#"{"name":"groupmirror""#, #"{"name":"shop""#])
        let health = try run("health", "--all")
        #expect(health.wait() == 2)
        #expect(
            health.stdout.hasPrefix(
                "GROUPMIRROR CRITICAL - groupmirror, shop\ngroupmirror: CRITICAL - no daemon")
        )
    }
}
