import ChatModel
import SyncRules
import Testing
import WebhookReceiver

@Suite struct ACallbackOfTheCloud {
    private func read(_ json: String) throws(CallbackFault) -> Callback {
        try Callback(Array(json.utf8))
    }

    private func change(_ action: String, user: String = "alice", time: String = "1801000000123")
        -> String
    {
        """
        {"CallbackCommand":"State.StateChange","EventTime":\(time),
         "Info":{"Action":"\(action)","To_Account":"\(user)","Reason":"LinkClose"},
         "KickedDevice":[{"Platform":"iPhone"}]}
        """
    }

    @Test(arguments: [
        ("Login", Hint.online), ("Logout", .offline), ("Disconnect", .offline),
    ])
    func ofAChangeOfState_isAHint(action: String, kind: Hint) throws {
        let expected = HintLine(
            kind, try UserID("alice"), at: WallTime(milliseconds: 1_801_000_000_123))
        #expect(try read(change(action)) == .presence(expected))
    }

    @Test func withItsTimeAsAText_isRead() throws {
        let expected = HintLine(.offline, try UserID("alice"), at: WallTime(milliseconds: 7000))
        #expect(try read(change("Logout", time: "\"7000\"")) == .presence(expected))
    }

    /// The hint is then of now.
    @Test(arguments: ["0", "-5", "null"])
    func withoutATime_isAHintWithoutOne(time: String) throws {
        let expected = HintLine(.offline, try UserID("alice"))
        #expect(try read(change("Logout", time: time)) == .presence(expected))
    }

    @Test func ofACommandNearItsLimit_isAnAlarm() throws {
        let json = """
            {"CallbackCommand":"Alert.RequestOverLimit","ServiceName":"recentcontact",
             "Command":"get_contact_group","Request":170,"Limit":"200"}
            """
        #expect(
            try read(json) == .nearLimit(command: "get_contact_group", calls: 170, limit: 200))
    }

    @Test(arguments: [
        #"{"CallbackCommand":"C2C.CallbackAfterSendMsg","From_Account":"a"}"#,
        #"{"CallbackCommand":"State.StateChange","Info":{"Action":"Sleep","To_Account":"a"}}"#,
    ])
    func ofAnotherKind_isOfNoUse(json: String) throws {
        #expect(try read(json) == .other)
    }

    @Test(arguments: [
        "", "x", "null", "[]", "{}", #"{"CallbackCommand":7}"#,
        #"{"CallbackCommand":"State.StateChange"}"#,
        #"{"CallbackCommand":"State.StateChange","Info":{"Action":"Login"}}"#,
        #"{"CallbackCommand":"State.StateChange","Info":{"Action":"Login","To_Account":""}}"#,
        #"{"CallbackCommand":"State.StateChange","Info":{"Action":"Login","To_Account":"a\u0000"}}"#,
        #"{"CallbackCommand":"State.StateChange","EventTime":1.5e99,"Info":{"Action":"Login","To_Account":"a"}}"#,
        #"{"CallbackCommand":"Alert.RequestOverLimit","Command":"x"}"#,
    ])
    func thatIsNone_saysSoWithoutAWordOfIt(json: String) {
        #expect(throws: CallbackFault.self) { try read(json) }
    }

    @Test func withAUserIDTooLong_isNone() {
        let json = change("Login", user: String(repeating: "u", count: 33))
        #expect(throws: CallbackFault.self) { try read(json) }
    }

    /// Brackets without an end must not be a crash.
    @Test func withAThousandNestedLists_isNone() {
        #expect(throws: CallbackFault.self) {
            try read(String(repeating: "[", count: 60_000))
        }
    }
}
