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
            "user,state,pulled_at,failure,failure_code,problem,failures,failing_since,retry_at,"
            + "skipped",
        "conversation_groups": "user,group_id,group_name",
        "conversations":
            "user,type,peer,standard_mark,custom_mark,updated_at,standard_mark_text",
        "memberships": "user,group_id,group_name,type,peer",
        "changes": "seq,at,user,kind,group_id,group_name,type,peer,before,after,edit",
        "edits":
            "id,key,user,op,group_id,group_name,new_name,conversations,set_bits,clear_bits,custom,"
            + "state,reason,code,problem,behind,base,theirs,attempts,queued_at,updated_at,batch",
        "conversation_groups_pending": "user,group_id,group_name",
        "conversations_pending":
            "user,type,peer,standard_mark,custom_mark,updated_at,standard_mark_text",
        "memberships_pending": "user,group_id,group_name,type,peer",
        "held_deletions": "user,since,groups,conversations,decision,decided_at",
    ]

    @Test(arguments: Self.columns.keys.sorted())
    func theDocumentedViewsHaveTheirColumns(view: String) throws {
        let fixture = try Fixture()
        let columns = try fixture.sql(
            "SELECT group_concat(name) FROM pragma_table_info('\(view)')")
        #expect(columns == Self.columns[view].map { [$0] })
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
        #expect(
            try fixture.sql("SELECT group_name, peer FROM memberships ORDER BY 1, 2").joined(
                separator: "\n")
                == "family|@TGS#1\nfamily|bob\nwork|@TGS#1")
        #expect(
            try fixture.sql(
                "SELECT standard_mark & 1, custom_mark FROM conversations WHERE peer='bob'"
            ).joined(separator: "\n")
                == "1|vip \"x\"")
        #expect(
            try fixture.sql("SELECT at, kind, group_name FROM changes WHERE seq = 1").joined(
                separator: "\n")
                == "2026-01-01T12:00:00Z|group_created|family")
        #expect(
            try fixture.sql("SELECT pulled_at FROM users WHERE user='alice'").joined(
                separator: "\n")
                == "2026-01-01T12:00:00Z")
    }
}
