import Foundation
import TestSupport
import Testing

@Suite struct TheCommandsForEdits {
    private let user = "user00000003"

    private func object(_ line: String) throws -> [String: Any] {
        try #require(
            try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "\(line)")
    }

    private func state(_ edit: String, _ emulator: EmulatorProcess) throws -> String? {
        try object(emulator.groupmirror("outbox", "show", edit, "--json").stdout)["state"]
            as? String
    }

    @Test func theCommandsForEditsWithTheDaemonDown_anEditIsQueued_andTheNextRunSendsIt() throws {
        let emulator = try EmulatorProcess.pulled()
        let edit = try emulator.groupmirror(
            "edit", "create", user, "club", "user:bob", "chatgroup:@TGS#1")
        #expect(edit.status == 0)
        #expect(edit.stdout == "1\n")
        #expect(try state("1", emulator) == "queued")
        #expect(try emulator.groupmirror("show", user, "--pending").stdout.contains("'club': 2"))
        #expect(try !emulator.groupmirror("show", user).stdout.contains("club"))
        let list = try emulator.groupmirror("outbox", "list").stdout
        #expect(list.contains("create 'club' with user:bob and 1 more  queued"))
        #expect(try emulator.groupmirror("status").stdout.contains("1 open"))
        let daemon = try emulator.daemon()
        try daemon.wait(for: "the edit") { try state("1", emulator) == "applied" }
        #expect(try emulator.get("export").contains("\"club\""))
        #expect(try emulator.groupmirror("show", user).stdout.contains("'club': 2"))
    }

    @Test
    func withTheDaemonDown_editsThatResyncCannotSend_areReported() throws {
        let emulator = try EmulatorProcess.pulled()
        _ = try emulator.post(
            "faults", #"[{"kind":"code:60008","command":"mark_contact"}]"#)
        #expect(
            try emulator.groupmirror("edit", "mark", user, "user:bob", "--custom", "x").status == 0)
        let resync = try emulator.groupmirror("resync", user)
        #expect(resync.status == 3)
        #expect(resync.stderr.contains("1 edit could not be sent yet"))
        #expect(try emulator.groupmirror("resync", "user00000001").status == 0)
        try emulator.post("faults", "[]")
        // What may have been done is not repeated within four seconds.
        var status: Int32 = 3
        for _ in 0..<20 where status == 3 {
            status = try emulator.groupmirror("resync", user).status
        }
        #expect(status == 0)
        #expect(try state("1", emulator) == "applied")
    }

    @Test func theCommandsForEditsWithTheDaemonUp_everyKindOfEditReachesTheCloud() throws {
        let emulator = try EmulatorProcess.pulled()
        let daemon = try emulator.daemon()
        try daemon.wait(for: "the daemon") { daemon.stderr.contains("daemon_ready") }
        for arguments in [
            ["create", user, "club", "user:bob"], ["add", user, "club", "user:eve", "user:dora"],
            ["remove", user, "club", "user:bob"], ["rename", user, "club", "team"],
            ["create", user, "gone", "user:bob"], ["delete", user, "gone"],
            ["mark", user, "user:bob", "--set", "0,33", "--custom", "vip \"x\""],
        ] {
            let edit = try emulator.run(["edit"] + arguments)
            #expect(edit.status == 0, "\(arguments): \(edit.stderr)")
        }
        try daemon.wait(for: "the outbox") {
            try emulator.groupmirror("outbox", "list").stdout.isEmpty
        }
        let truth = try #require(
            try emulator.get("export").split(separator: "\n").first { $0.contains(user) })
        #expect(truth.contains("\"team\"") && !truth.contains("\"gone\""))
        #expect(truth.contains(#""custom_mark":"vip \"x\"""#))
        #expect(try emulator.groupmirror("resync", user).status == 0)
        #expect(try emulator.isEqual())
    }

    @Test func theSameKeyAgain_saysSoAndQueuesNothing() throws {
        let emulator = try EmulatorProcess.pulled()
        let arguments = ["edit", "create", user, "club", "user:bob", "--key", "k1"]
        #expect(try emulator.run(arguments).stdout == "1\n")
        let again = try emulator.run(arguments)
        #expect(again.status == 0)
        #expect(again.stdout == "1\n")
        #expect(again.stderr.contains("nothing was queued"))
        let other = try emulator.groupmirror("edit", "delete", user, "club", "--key", "k1")
        #expect(other.status == 64)
        #expect(other.stderr.contains("belongs to edit 1"))
    }

    @Test(arguments: [
        (["create", "nobody", "club", "user:bob"], "'nobody' is not in the list of users"),
        (
            ["create", "user00000003", "club", "bob"],
            "write user:bob, or chatgroup:bob for a chat group"
        ),
        (["create", "user00000003"], "Missing expected argument"),
        (["add", "user00000003", "club"], "Missing expected argument"),
        (["delete", "user00000003", "club"], "there is no group 'club'"),
        (["mark", "user00000003", "user:bob"], "nothing is to be marked"),
        (["mark", "user00000003", "user:bob", "--set", "64"], "bits from 0 to 63 or star"),
        (["mark", "user00000003", "user:bob", "--set", "1", "--clear", "1"], "set and cleared"),
    ])
    func whatMakesNoSense_isRefusedWithAReason(arguments: [String], words: String) throws {
        let emulator = try EmulatorProcess.pulled()
        let edit = try emulator.run(["edit"] + arguments)
        let isMissing = words.contains("there is no") || words.contains("not in the list")
        #expect(edit.status == (isMissing ? 65 : 64))
        #expect(edit.stderr.contains(words), "\(edit.stderr)")
        #expect(try emulator.groupmirror("outbox", "list", "--state", "all").stdout.isEmpty)
    }

    @Test(arguments: [
        ("", nil), ("\r\n\n", nil),
        (#"{"user":"user00000003","op":"delete","group":"nothing"}"#, "there is no group"),
        (#"{"user":"user00000003","op":"fly"}"#, "'fly' is no operation"),
        (#"{"user":"user00000003","op":"delete","group":"x","groups":"y"}"#, "means nothing"),
        (#"{"user":"user00000003","op":"add","group":"x"}"#, "add needs \"conversations\""),
        (#"{"op":"delete","group":"x"}"#, "\"user\" is missing"),
        (
            #"{"user":"user00000003","op":"mark","conversation":{"type":3,"peer":"b"},"set":[1]}"#,
            "type"
        ),
        (
            #"{"user":"user00000003","op":"mark","conversation":{"type":1,"peer":"b"},"set":[64]}"#,
            "0 to 63"
        ),
        ("[1]", "wrong type"), ("nonsense", "no JSON object"),
        ("{\"user\":\"\u{0}", "no JSON object"),
    ])
    func anImportWithAMistake_namesTheLineAndQueuesNothing(line: String, words: String?) throws {
        let emulator = try EmulatorProcess.pulled()
        let good =
            #"{"user":"user00000003","op":"create","group":"club","conversations":[{"type":1,"peer":"bob"}]}"#
        try emulator.directory.write("\(good)\n\(line)\n", to: "edits.jsonl")
        let edit = try emulator.groupmirror(
            "edit", "import", emulator.directory.file("edits.jsonl"))
        let list = try emulator.groupmirror("outbox", "list").stdout
        if let words {
            #expect(edit.status == (words.contains("there is no") ? 65 : 64))
            #expect(edit.stderr.contains("edits.jsonl:2: "))
            #expect(edit.stderr.contains(words), "\(edit.stderr)")
            #expect(edit.stderr.contains("nothing was queued"))
            #expect(list.isEmpty)
        } else {
            #expect(edit.status == 0)
            #expect(list.contains("create 'club'"))
        }
    }

    @Test func aRejectedEdit_isReportedAndCured() throws {
        let emulator = try EmulatorProcess.pulled()
        let daemon = try emulator.daemon()
        try emulator.post(
            "faults", #"[{"kind":"code:51010","times":1,"command":"create_contact_group"}]"#)
        _ = try emulator.groupmirror("edit", "create", user, "club", "user:bob")
        try daemon.wait(for: "the rejection") { try state("1", emulator) == "rejected" }
        let later = try emulator.groupmirror("edit", "add", user, "club", "user:eve")
        #expect(later.status == 65)
        #expect(later.stderr.contains("was to be created by edit 1, which was rejected"))
        let all = try emulator.groupmirror("outbox", "retry", "--all")
        #expect(all.status == 64)
        #expect(all.stderr.contains("say --yes"))
        #expect(try emulator.groupmirror("status").status == 4)
        let list = try emulator.groupmirror("outbox", "list", "--json")
        #expect(list.status == 4)
        let row = try object(list.stdout)
        for key in [
            "id", "key", "user", "op", "state", "reason", "attempts", "queued_at", "updated_at",
        ] {
            #expect(row.keys.contains(key))
        }
        let story = try emulator.groupmirror("outbox", "show", "1").stdout
        #expect(story.contains("rejected (refused)") && story.contains("(code 51010)"))
        #expect(story.contains("next: groupmirror outbox retry 1"))
        #expect(try emulator.groupmirror("outbox", "retry", "1").status == 0)
        try daemon.wait(for: "the cure") { try state("1", emulator) == "applied" }
        #expect(try emulator.groupmirror("status").status == 0)
        let late = try emulator.groupmirror("outbox", "cancel", "1")
        #expect(late.status == 64)
        #expect(late.stderr.contains("edit 1 is applied"))
    }
}
