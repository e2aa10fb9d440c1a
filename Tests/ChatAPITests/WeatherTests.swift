import ChatAPI
import ChatModel
import SyncRules
import TestSupport
import Testing

/// What gateways, proxies and clocks do to calls.
@Suite struct AGatewayThatIsBusy {
    private func busy(_ status: Int, _ seconds: Int?) -> Result<HTTPReply, TransportFailure> {
        .success(HTTPReply(status: status, body: [], retryAfter: seconds.map { .seconds($0) }))
    }

    @Test func with429_isThrottling_andTheCallIsRepeatedWhenItMay() async throws {
        let transport = ScriptedCloud(busy(429, 30), ok(emptyPage))
        let client = try Client(transport)
        let start = client.clock.now()
        _ = try await client.page()
        #expect(transport.paths.count == 2)
        #expect(client.clock.now() - start >= .seconds(30))
        #expect(client.recorder.lines(of: "window_narrowed").count == 1)
        #expect(client.counters.totals.throttled == 1)
    }

    /// One user's calls must not stand in the way of all others for ever.
    @Test(arguments: [(LimitedSender.mostRefusals - 1, true), (LimitedSender.mostRefusals, false)])
    func with429_isAskedTenTimes(refusals: Int, isTaken: Bool) async throws {
        let replies = Array(repeating: busy(429, nil), count: refusals)
        let transport = ScriptedCloud(replies + [ok(emptyPage)])
        let client = try Client(transport)
        if isTaken {
            _ = try await client.page()
        } else {
            let failure = await #expect(throws: CallFailure.self) { try await client.page() }
            #expect(failure?.kind == .throttled)
        }
        #expect(transport.paths.count == (isTaken ? refusals + 1 : refusals))
    }

    @Test func with429WithoutAWord_isLeftAloneForASecond() async throws {
        let client = try Client(ScriptedCloud(busy(429, nil), ok(emptyPage)))
        _ = try await client.page()
        #expect(client.clock.now() - .zero >= .seconds(1))
        #expect(client.clock.now() - .zero < .seconds(4))
    }

    @Test func aGatewayThatIsBusyThatAsksForADay_isBelievedForFiveMinutes() async throws {
        let client = try Client(ScriptedCloud(busy(429, 86_400), ok(emptyPage)))
        _ = try await client.page()
        #expect(client.clock.now() - .zero >= .seconds(300))
        #expect(client.clock.now() - .zero < .seconds(310))
    }

    @Test func with503_isLeftAlone_butNothingIsNarrowed() async throws {
        let client = try Client(ScriptedCloud(busy(503, 20), ok(emptyPage)))
        let failure = await #expect(throws: CallFailure.self) { try await client.page() }
        #expect(failure?.kind == .transient && failure?.retryAfter == .seconds(20))
        _ = try await client.page()
        #expect(client.clock.now() - .zero >= .seconds(20))
        #expect(client.recorder.lines(of: "window_narrowed").isEmpty)
    }

    /// It may have passed the call on.
    @Test func with503ToAWrite_leavesItInDoubt() async throws {
        let client = try Client(ScriptedCloud(busy(503, 1)))
        let failure = await #expect(throws: CallFailure.self) { try await client.write() }
        #expect(failure?.mayHaveTakenEffect == true)
    }

    @Test func with429ToAWrite_hasDoneNothing_soThatItIsRepeated() async throws {
        let transport = ScriptedCloud(busy(429, 1), ok(deleted))
        _ = try await Client(transport).write()
        #expect(transport.paths.count == 2)
    }
}

@Suite struct AClockThatIsOff {
    private func expired(_ date: WallTime?) -> Result<HTTPReply, TransportFailure> {
        let body = #"{"ActionStatus":"FAIL","ErrorCode":70001,"ErrorInfo":"expired"}"#
        return .success(HTTPReply(status: 200, body: Array(body.utf8), date: date))
    }

    @Test(arguments: [
        (-3_660, "1 h 0 min behind"), (310, "5 min ahead of"), (259_200, "3 days ahead of"),
    ])
    func aClockThatIsOffMakesAnExpiredSignatureNoRefusal(offset: Int, words: String) async throws {
        let clock = TestClock()
        let cloud = clock.wallTime() + .seconds(-offset)
        let client = try Client(ScriptedCloud(expired(cloud)), clock: clock)
        let failure = await #expect(throws: CallFailure.self) { try await client.page() }
        #expect(failure?.kind == .clockOff && failure?.code == 70001)
        #expect(failure?.problem.contains(words) == true, "\(failure?.problem ?? "")")
        // The call has waited for the window.
        let seen = client.cloud.clockOffset?.components.seconds ?? 0
        #expect(abs(seen - Int64(offset)) < 5)
    }

    @Test(arguments: [nil, 0, 290, -290])
    func byLessThanFiveMinutes_isNone(offset: Int?) async throws {
        let clock = TestClock()
        let date = offset.map { clock.wallTime() + .seconds(-$0) }
        let client = try Client(ScriptedCloud(expired(date)), clock: clock)
        let failure = await #expect(throws: CallFailure.self) { try await client.page() }
        #expect(failure?.kind == .refusedApp)
        #expect(client.cloud.clockOffset == nil)
    }
}
