import ChatModel
import MirrorStore
import SyncRules
import Testing

@Suite struct ALineOfAnImport {
    private func operation(_ text: String) throws -> EditOperation {
        try EditLine.order(text.utf8).operation
    }

    @Test func conversationsMayStandAsOnTheCommandLine() throws {
        let ids: [ConversationID] = [.user("bob"), .chatGroup("@TGS#1")]
        #expect(
            try operation(
                #"{"user":"u","op":"create","group":"g","conversations":["user:bob","chatgroup:@TGS#1"]}"#
            ) == .create(name: "g", ids))
        #expect(
            try operation(
                #"{"user":"u","op":"create","group":"g","conversations":["user:bob",{"type":2,"peer":"@TGS#1"}]}"#
            ) == .create(name: "g", ids))
        #expect(
            try operation(
                #"{"user":"u","op":"mark","conversation":"user:bob","custom":"x"}"#
            ) == .mark(ids[0], MarkEdit(custom: "x")))
    }

    @Test(arguments: ["bob", "", "user:", "group:x"])
    func aTextThatIsNoConversation_isAFault(text: String) {
        #expect(throws: EditFault.self) {
            try operation(
                #"{"user":"u","op":"add","group":"g","conversations":["\#(text)"]}"#)
        }
    }
}
