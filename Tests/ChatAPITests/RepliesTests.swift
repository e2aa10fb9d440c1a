import ChatAPI
import ChatModel
import EventLog
import SyncRules
import Synchronization
import TestSupport
import Testing

@Suite struct APage {
    private func content(_ members: String) async throws -> ListingPage {
        try await Client(ScriptedCloud("{\(members),\(emptyPage.dropFirst())")).content()
    }

    @Test func inTheVendorsForm_isUnderstood() async throws {
        let page = try await content(
            #""ContactItem":[{"Type":1,"To_Account":"bob","StandardMark":"101","#
                + #""ContactGroupId":[2,1],"Timestamp":1670843110},{"Type":2,"#
                + #""ToGroupId":"@TGS#1","CustomMark":"vip","Timestamp":1672998266}],"#
                + #""GroupItem":[{"GroupName":"family","GroupId":1},{"GroupName":"work","GroupId":2}]"#
        )
        #expect(
            page.conversations == [
                Conversation(
                    id: .user("bob"), groups: [1, 2], standardMark: StandardMark(bits: 5),
                    updatedAt: 1_670_843_110),
                Conversation(
                    id: .chatGroup("@TGS#1"), groups: [], customMark: "vip",
                    updatedAt: 1_672_998_266),
            ])
        #expect(page.groups.map(\.name) == ["family", "work"])
        #expect(page.isLast)
    }

    @Test func aPageWithNumbersAsStrings_isUnderstood() async throws {
        let page = try await Client(
            ScriptedCloud(
                #"{"ContactItem":[{"Type":"1","To_Account":"bob","ContactGroupId":["7"],"#
                    + #""Timestamp":"5"}],"GroupItem":[{"GroupName":"g","GroupId":"7"}],"#
                    + #""CompleteFlag":"0","NextStartIndex":"9","ActionStatus":"OK","ErrorCode":"0"}"#
            )
        ).content()
        #expect(page.conversations.first?.groups == [7])
        #expect(!page.isLast && page.next == 9)
    }

    @Test func aPageWithOtherSpellingsOfTheSame_isUnderstood() async throws {
        let page = try await Client(
            ScriptedCloud(
                #"{"ContactItem":[{"Type":1.0,"To_Account":12345,"ContactGroupId":[7.0],"#
                    + #""StandardMark":"","Timestamp":5.0}],"GroupItem":[{"GroupName":"g","#
                    + #""GroupId":7.0}],"CompleteFlag":true,"ActionStatus":"OK","ErrorCode":0.0}"#
            )
        ).content()
        #expect(page.conversations.map(\.id) == [.user("12345")])
        #expect(page.conversations.first?.groups == [7])
        #expect(page.isLast)
    }

    @Test func aPageWithAConversationOfAnUnknownType_leavesItOutAndCountsIt() async throws {
        let page = try await Client(
            ScriptedCloud(
                #"{"ContactItem":[{"Type":3,"To_Topic":{"a":1},"StandardMark":7},"#
                    + #"{"Type":1,"To_Account":"bob"}],\#(emptyPage.dropFirst())"#)
        ).content()
        #expect(page.conversations.map(\.id) == [.user("bob")])
        #expect(page.skipped == 1)
    }

    @Test(arguments: [
        (
            #"[{"Type":1,"To_Account":"b","Timestamp":"soon"}]"#,
            "ContactItem.0.Timestamp is 'soon', which is no whole number"
        ),
        (
            #"[{"Type":1,"To_Account":{"a":1}}]"#,
            "ContactItem.0.To_Account is an object, which is no text"
        ),
        (#""none""#, "ContactItem is 'none', which is no list"),
    ])
    func anUnreadablePage_isReportedWithFieldAndValue(items: String, fault: String) async throws {
        let client = try Client(
            ScriptedCloud(#"{"ContactItem":\#(items),\#(emptyPage.dropFirst())"#))
        let failure = await #expect(throws: CallFailure.self) { try await client.content() }
        #expect(failure?.problem == "the reply cannot be read: \(fault)")
    }

    @Test func aPageWithoutAnyArray_isAnEmptyOne() async throws {
        let page = try await Client(ScriptedCloud(emptyPage)).content()
        #expect(page.conversations.isEmpty && page.groups.isEmpty && page.isLast)
    }

    @Test(arguments: [
        ("", "it is empty"), ("null", "is no"), ("[]", "is no"), ("\"OK\"", "is no"),
        ("<html>502</html>", "it is not JSON"), (String(emptyPage.dropLast(9)), "it is not JSON"),
        (#"{"ActionStatus":"OK"}"#, "lacks ErrorCode"),
        (#"{"ErrorCode":0}"#, "lacks ActionStatus"),
        (#"{"ActionStatus":"OK","ErrorCode":"x"}"#, "ErrorCode is 'x', which is no whole number"),
        (#"{"ActionStatus":"FAIL","ErrorCode":0}"#, "it says FAIL with code 0"),
        (#"{"ActionStatus":"OK","ErrorCode":50004}"#, "it says OK with code 50004"),
        (#"{"ActionStatus":"OK","ErrorCode":0}"#, "it has no CompleteFlag"),
        (#"{"ActionStatus":"OK","ErrorCode":0,"CompleteFlag":2}"#, "its CompleteFlag is 2"),
    ])
    func thatCannotBeRead_isATransientFailureAndNeverAnEmptyListing(body: String, fault: String)
        async throws
    {
        let client = try Client(ScriptedCloud(body))
        let failure = await #expect(throws: CallFailure.self) { try await client.content() }
        #expect(failure?.kind == .transient)
        #expect(failure?.problem.contains(fault) == true, "\(failure?.problem ?? "")")
    }

    @Test func nestedTooDeep_isATransientFailure() async throws {
        let client = try Client(ScriptedCloud(String(repeating: "[", count: 100_000)))
        let failure = await #expect(throws: CallFailure.self) { try await client.content() }
        #expect(failure?.problem == "the reply cannot be read: it is not JSON")
    }

    @Test(arguments: [
        #"[{"Type":1,"ToGroupId":"b"}]"#, #"[{"Type":{},"To_Account":"b"}]"#,
        #"[{"Type":1,"To_Account":""}]"#, #"[{"To_Account":"b"}]"#, #"{"Type":1}"#, #"["b"]"#,
        #"[{"Type":1,"To_Account":"b","StandardMark":"012"}]"#,
        #"[{"Type":1,"To_Account":"b","ContactGroupId":"1"}]"#,
    ])
    func aPageWithAConversationThatIsNone_isATransientFailure(items: String) async throws {
        let client = try Client(
            ScriptedCloud(#"{"ContactItem":\#(items),\#(emptyPage.dropFirst())"#))
        let failure = await #expect(throws: CallFailure.self) { try await client.content() }
        #expect(failure?.kind == .transient)
    }

    /// SQLite ends a text at U+0000, and negative numbers are those of groups that edits will make.
    @Test(arguments: [
        #""ContactItem":[{"Type":1,"To_Account":"bob\u0000x"}]"#,
        #""ContactItem":[{"Type":1,"To_Account":"bob","CustomMark":"\u0000"}]"#,
        #""ContactItem":[{"Type":1,"To_Account":"bob","ContactGroupId":[-7]}]"#,
        #""GroupItem":[{"GroupName":"a\u0000b","GroupId":1}]"#,
        #""GroupItem":[{"GroupName":"a","GroupId":-9223372036854775808}]"#,
    ])
    func aPageThatTheMirrorCouldNotHold_isATransientFailure(content: String) async throws {
        let client = try Client(ScriptedCloud("{\(content),\(emptyPage.dropFirst())"))
        let failure = await #expect(throws: CallFailure.self) { try await client.content() }
        #expect(failure?.kind == .transient)
        #expect(failure?.problem.contains("the reply cannot be read: a ") == true)
    }

    @Test func inLatin1_isATransientFailure() async throws {
        let bytes =
            Array(#"{"ContactItem":[],"x":"caf"#.utf8) + [0xE9]
            + Array("\",\(emptyPage.dropFirst())".utf8)
        let client = try Client(ScriptedCloud(.success(HTTPReply(status: 200, body: bytes))))
        let failure = await #expect(throws: CallFailure.self) { try await client.content() }
        #expect(failure?.problem == "the reply cannot be read: it is not UTF-8")
    }

    @Test func aPageThatIsKnown_isNotEvenDecoded() async throws {
        let body = "no JSON at all"
        let client = try Client(ScriptedCloud(body))
        guard case .known = try await client.page(known: Digest.of(Array(body.utf8))) else {
            Issue.record("the page was decoded")
            return
        }
    }
}

@Suite struct ACall {
    @Test func carriesWhatTheGatewayWants() async throws {
        let transport = ScriptedCloud(emptyPage)
        _ = try await Client(transport).page()
        let path = try #require(transport.paths.first)
        #expect(
            path.hasPrefix(
                "v4/recentcontact/get_contact_group?sdkappid=1&identifier=the%20admin&usersig=eJ"))
        #expect(path.hasSuffix("&random=7&contenttype=json"))
    }

    @Test func anotherStatusThan200_isTransient() async throws {
        let client = try Client(ScriptedCloud(.success(HTTPReply(status: 302, body: []))))
        let failure = await #expect(throws: CallFailure.self) { try await client.page() }
        #expect(failure?.kind == .transient && failure?.problem == "HTTP status 302")
    }

    @Test func aCallWithoutAnAnswer_isTransientAndSaysSo() async throws {
        let client = try Client(
            ScriptedCloud(.failure(TransportFailure(problem: "gone", mayHaveArrived: true))))
        let failure = await #expect(throws: CallFailure.self) { try await client.page() }
        #expect(failure?.isWithoutAnswer == true)
    }

    /// What the cloud says may quote the address of the call, and reaches logs and terminals.
    @Test func aCallThatIsRefusedInWordsWithASignature_quotesThemWithoutIt() async throws {
        let usersig = "eJ" + String(repeating: "yrVgrxCdYrSy1SslJQMt*z-_", count: 4)
        let letter = "o" + String(repeating: "\u{308}", count: 5000)
        let body =
            #"{"ActionStatus":"FAIL","ErrorCode":50002,"ErrorInfo":"bad \#(usersig) \#(letter)"}"#
        let failure = await #expect(throws: CallFailure.self) {
            try await Client(ScriptedCloud(body)).page()
        }
        #expect(failure?.problem.contains("bad [redacted] ") == true)
        #expect((failure?.problem.utf8.count ?? 0) < 500)
    }

    @Test func aCallWithAnExpiredSignature_isRepeatedOnceWithAFreshOne() async throws {
        let transport = ScriptedCloud(failed(70001), ok(emptyPage))
        let client = try Client(transport)
        client.clock.advance(by: .seconds(100))
        _ = try await client.page()
        #expect(transport.paths.count == 2)
        #expect(client.counters.totals.calls[.getContactGroup] == ["70001": 1, "0": 1])
    }

    @Test func aCallWithASignatureRefusedTwice_countsAsRefusalOfTheApp() async throws {
        let transport = ScriptedCloud(failed(70003))
        let client = try Client(transport)
        let failure = await #expect(throws: CallFailure.self) { try await client.page() }
        #expect(failure?.kind == .refusedApp && failure?.code == 70003)
        #expect(transport.paths.count == 2)
    }

    @Test func foundTooOften_isRepeatedAfterAPauseAndNarrowsTheWindow() async throws {
        let transport = ScriptedCloud(failed(60007), failed(60018), ok(emptyPage))
        let client = try Client(transport)
        _ = try await client.page()
        #expect(transport.paths.count == 3)
        #expect(client.recorder.lines(of: "window_narrowed").count == 2)
        #expect(client.clock.now() >= .zero + .seconds(3))
    }

    @Test func foundTooOftenForTheApp_narrowsEveryCommand() async throws {
        let client = try Client(ScriptedCloud(failed(60011), ok(emptyPage)))
        _ = try await client.page()
        #expect(client.recorder.lines(of: "window_narrowed").count == Command.allCases.count)
    }

    @Test func failed_hasALineWithKindCodeAndTheCloudsWords() async throws {
        let client = try Client(ScriptedCloud(failed(50004)))
        _ = try? await client.page()
        let line = try #require(client.recorder.lines(of: "call_failed").first)
        #expect(
            line.contains(
                "kind=transient code=50004 problem=\"internal error: words of the cloud\""))
    }

    @Test func afterTheGateClosed_nothingIsSent() async throws {
        let transport = ScriptedCloud(emptyPage)
        let client = try Client(transport)
        await client.gate.close()
        let failure = await #expect(throws: CallFailure.self) { try await client.page() }
        #expect(failure?.kind == .stopping)
        #expect(transport.paths.isEmpty)
    }
}

@Suite struct TheCallGate {
    @Test func furtherPagesOfAPull_goBeforeNewPasses() async throws {
        let clock = TestClock()
        let gate = CallGate(
            limit: 1, margin: .none, inFlight: 5, time: clock, log: LogRecorder().log(clock))
        let order = Shared<[CallUrgency]>([])
        await clock.run {
            await withTaskGroup(of: Void.self) { group in
                for urgency in [CallUrgency.starting, .starting, .pulling] {
                    group.addTask {
                        guard let permit = try? await gate.permit(.getContactGroup, urgency) else {
                            return
                        }
                        order.change { $0.append(urgency) }
                        await gate.ended(permit, .replied)
                    }
                }
            }
        }
        // The first second is waited out by all three together.
        #expect(order.value == [.pulling, .starting, .starting])
    }

    @Test func noMoreCallsThanAllowed_areInFlight() async throws {
        let clock = TestClock()
        let gate = CallGate(
            limit: 200, margin: .none, inFlight: 2, time: clock, log: LogRecorder().log(clock))
        let counts = Shared((now: 0, most: 0))
        await clock.run {
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        guard let permit = try? await gate.permit(.getContactGroup, .starting)
                        else { return }
                        counts.change {
                            $0.now += 1
                            $0.most = max($0.most, $0.now)
                        }
                        try? await clock.sleep(for: .milliseconds(30))
                        counts.change { $0.now -= 1 }
                        await gate.ended(permit, .replied)
                    }
                }
            }
        }
        #expect(counts.value.most == 2)
    }
}
