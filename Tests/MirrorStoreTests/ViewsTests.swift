import ChatModel
import Foundation
import MirrorStore
import SyncRules
import TestSupport
import Testing

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
