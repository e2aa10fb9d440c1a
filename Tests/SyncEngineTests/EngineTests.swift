import ChatAPI
import ChatEmulator
import ChatModel
import MirrorStore
import SyncEngine
import SyncRules
import TestSupport
import Testing

@Suite struct TheEngine {
    @Test func whilePhonesChangeThings_followsThem() async throws {
        let fixture = try MirrorFixture()
        let engine = try fixture.engine()
        _ = try await fixture.running(engine) {
            try await fixture.waitForTheFirstRound()
            for _ in 0..<5 {
                fixture.cloud.churn(20)
                try await fixture.waitUntilEqual()
            }
        }
        #expect(try fixture.reader.lastChange() > 0)
    }

    /// 60007: too many calls, of this one user as it seems.
    @Test(arguments: [50002, 60007])
    func oneUsersFailure_doesNotStopTheOthers(code: Int) async throws {
        let fixture = try MirrorFixture(
            faults: [Fault(.code(code, applied: false), user: "user00000003")])
        let engine = try fixture.engine()
        _ = try await fixture.running(engine) {
            try await fixture.wait(for: "nineteen fresh users") {
                try fixture.reader.states()["new"] == nil
            }
            fixture.cloud.churn(40)
            try await fixture.wait(for: "the others to be equal") {
                let (mirror, truth) = (try fixture.mirror, fixture.cloud.truth)
                return mirror.filter { $0.key.string != "user00000003" }
                    == truth.filter { $0.key.string != "user00000003" }
            }
        }
        #expect(
            fixture.recorder.lines(of: "pass_failed").allSatisfy { $0.contains("user00000003") })
    }

    @Test func aUserTheCloudDoesNotKnow_isParkedAndNotPulledAgain() async throws {
        let fixture = try MirrorFixture()
        let engine = try fixture.engine(users: ["user00000001", "stranger"])
        _ = try await fixture.running(engine) {
            try await fixture.wait(for: "the stranger to be parked") {
                try fixture.reader.states()["parked"] == 1
            }
            let calls = fixture.recorder.lines(of: "call_failed").count
            try await fixture.clock.sleep(for: .seconds(600))
            #expect(fixture.recorder.lines(of: "call_failed").count == calls)
        }
        #expect(fixture.recorder.lines(of: "user_parked").count == 1)
    }

    /// Nobody is to be alarmed for ever by an account that was deleted.
    @Test func aUserWhoIsParked_isNoStaleOne() async throws {
        let fixture = try MirrorFixture()
        try await fixture.resync()
        fixture.cloud.setFaults([
            Fault(.code(50001, applied: false), times: .max, user: "user00000003")
        ])
        var settings = MirrorFixture.settings()
        settings.maxStaleness = .seconds(120)
        _ = try await fixture.running(try fixture.engine(settings: settings)) {
            try await fixture.wait(for: "the user to be parked") {
                try fixture.reader.states()["parked"] == 1
            }
            try await fixture.clock.sleep(for: .seconds(600))
        }
        let last = try #require(fixture.recorder.lines(of: "stats").last)
        #expect(last.contains(" stale=0 ") && last.contains(" parked=1 "))
    }

    /// An edition that may be read and not be written to: the edits wait, and nobody else does.
    @Test func theEngineWritesThatAreRefused_doNotStopThePulls() async throws {
        var options = EmulatorOptions.small
        options.hasEdition = false
        let users = options.users
        let fixture = try MirrorFixture(options)
        try await fixture.resync()
        for user in CloudCore.userNames(users) {
            _ = try fixture.queue(.create(name: "club", [.user("bob")]), user: user)
        }
        _ = try await fixture.running(try fixture.engine()) {
            try await fixture.wait(for: "refusals") {
                fixture.recorder.lines(of: "push_failed").count >= 3 * users
            }
            let time = fixture.clock.now()
            fixture.cloud.churn(20)
            try await fixture.waitUntilEqual()
            #expect(fixture.clock.now() - time < .seconds(20))
        }
        #expect(fixture.recorder.lines(of: "cloud_refusing").isEmpty)
        #expect(try fixture.reader.outboxTotals().open == users)
    }

    @Test func lookUpsThatAreRefused_stopTheirUserAlone() async throws {
        var options = EmulatorOptions.small
        (options.conversations, options.pageSize) = (12, 5)
        let fixture = try MirrorFixture(options)
        try await fixture.resync()
        let bad = [
            Fault(.omission, command: "get_contact_group", user: "user00000001"),
            Fault(.code(60027, applied: false), command: "search_contact_group"),
        ]
        fixture.cloud.setFaults(bad)
        _ = try await fixture.running(try fixture.engine()) {
            try await fixture.wait(for: "failures") {
                fixture.recorder.lines(of: "pass_failed").count >= 3
            }
        }
        #expect(fixture.recorder.lines(of: "cloud_refusing").isEmpty)
        #expect(
            fixture.recorder.lines(of: "pass_failed").allSatisfy { $0.contains("user00000001") })
    }

    /// A machine may start with any calendar: what is removed for its age waits for an hour.
    @Test func aCalendarThatIsFarAhead_removesNoHistory() async throws {
        var options = EmulatorOptions.small
        options.users = 1
        let fixture = try MirrorFixture(options)
        try await fixture.resync()
        let changes = try fixture.reader.lastChange()
        var settings = MirrorFixture.settings()
        settings.history = .seconds(30 * 86_400)
        let ahead = Duration.seconds(31 * 86_400)
        fixture.clock.setBack(by: .zero - ahead)
        _ = try await fixture.running(try fixture.engine(settings: settings)) {
            try await fixture.clock.sleep(for: .seconds(150))
            #expect(try fixture.reader.lastPruned() == 0)
            fixture.clock.advance(by: .seconds(3600))
            try await fixture.clock.sleep(for: .seconds(90))
            #expect(try fixture.reader.lastPruned() == changes)
        }
        #expect(changes > 0)
        #expect(try fixture.reader.lastChange() == changes)
    }

    @Test func refusedByTheCloud_leavesOneProbeAMinuteAndRecovers() async throws {
        let fixture = try MirrorFixture()
        try await fixture.resync()
        fixture.cloud.setFaults([Fault(.code(60020, applied: false))])
        let engine = try fixture.engine()
        _ = try await fixture.running(engine) {
            try await fixture.wait(for: "the refusal") {
                !fixture.recorder.lines(of: "cloud_refusing").isEmpty
            }
            // What was in flight at the refusal ends with it; after that come the probes.
            let refused = fixture.clock.now()
            func probes() -> [MonotonicTime] {
                fixture.cloud.callTimes.filter { $0 > refused + .seconds(30) }
            }
            try await fixture.wait(for: "four probes") { probes().count >= 4 }
            for (one, next) in zip(probes(), probes().dropFirst()) {
                #expect(next - one >= .seconds(60))
            }
            fixture.cloud.setFaults([])
            try await fixture.wait(for: "calls again") {
                fixture.recorder.lines(of: "cloud_accepting").count == 2
            }
        }
        #expect(try fixture.reader.states()["failing"] == nil)
        #expect(fixture.recorder.lines(of: "cloud_refusing").count == 1)
    }

    @Test func theEngineWithoutAnyAnswer_isAnOutageAndEndsByItself() async throws {
        var options = EmulatorOptions.small
        options.users = 60
        let fixture = try MirrorFixture(options)
        try await fixture.resync()
        fixture.cloud.setFaults([Fault(.resetBefore)])
        let engine = try fixture.engine()
        _ = try await fixture.running(engine) {
            try await fixture.wait(for: "the outage to be seen") {
                !fixture.recorder.lines(of: "cloud_unreachable").isEmpty
            }
            try await fixture.clock.sleep(for: .seconds(30))
            let calls = fixture.cloud.callCount
            try await fixture.clock.sleep(for: .seconds(100))
            #expect(fixture.cloud.callCount - calls <= 21)
            fixture.cloud.setFaults([])
            fixture.cloud.churn(20)
            try await fixture.waitUntilEqual()
        }
    }

    @Test func theEngineWithAWrongKeyBeforeAnyCallWasAccepted_ends() async throws {
        let fixture = try MirrorFixture()
        var settings = MirrorFixture.settings()
        settings.endsWhenRefused = true
        let engine = try fixture.engine(key: "made-up-wrong-key", settings: settings)
        guard case .refused(let failure) = await fixture.run(engine) else {
            Issue.record("the engine did not end by the refusal")
            return
        }
        #expect(failure.code == 70009)
    }

    @Test func whenTheSignatureExpires_signsAfreshAndNobodyNotices() async throws {
        let fixture = try MirrorFixture(
            faults: [Fault(.code(70001, applied: false), times: 1)])
        let (_, progress) = try await fixture.resync()
        #expect(progress?.failed == 0)
        #expect(try fixture.mirror == fixture.cloud.truth)
    }

    @Test func aThirdPartyThatCutsTheLimit_narrowsTheWindowAndLosesNobody() async throws {
        var options = EmulatorOptions.small
        options.users = 200
        options.conversations = 3
        options.rate = 40
        let fixture = try MirrorFixture(options)
        let (_, progress) = try await fixture.resync()
        #expect(progress?.done == 200 && progress?.failed == 0)
        #expect(!fixture.recorder.lines(of: "window_narrowed").isEmpty)
        #expect(try fixture.mirror == fixture.cloud.truth)
    }

    @Test(arguments: [60007, 60011, 60018, 60019, 60022])
    func everyCodeForTooOften_isWaitedOut(code: Int) async throws {
        let fixture = try MirrorFixture(
            faults: [Fault(.code(code, applied: false), rate: 0.2, times: 5)])
        let (_, progress) = try await fixture.resync()
        #expect(progress?.failed == 0)
        #expect(try fixture.mirror == fixture.cloud.truth)
    }

    @Test func badWeather_isOutlasted() async throws {
        let weather: [Fault.Kind] = [
            .badGateway, .resetBefore, .resetAfter, .stall, .silence, .truncated, .garbage,
            .code(50004, applied: false), .code(50005, applied: false), .noContentType,
        ]
        var options = EmulatorOptions.small
        options.users = 60
        let fixture = try MirrorFixture(options, faults: weather.map { Fault($0, rate: 0.02) })
        let engine = try fixture.engine()
        _ = try await fixture.running(engine) {
            for _ in 0..<10 {
                fixture.cloud.churn(20)
                try await fixture.clock.sleep(for: .seconds(20))
            }
            fixture.cloud.setFaults([])
            try await fixture.waitUntilEqual()
        }
    }

    @Test func drained_itEndsWithEverythingStored() async throws {
        var options = EmulatorOptions.small
        options.users = 300
        let fixture = try MirrorFixture(options)
        let engine = try fixture.engine()
        _ = try await fixture.running(engine) {
            try await fixture.wait(for: "some users") {
                (try fixture.reader.states()["new"] ?? 0) < 200
            }
        }
        let truth = fixture.cloud.truth
        var pulled = 0
        try fixture.reader.export { user in
            guard user.pulledAt != nil else { return }
            pulled += 1
            #expect(user.snapshot == truth[user.user])
        }
        #expect(pulled > 100)
        #expect(fixture.recorder.lines(of: "stats").count == 1)
    }

    @Test func startedAgain_goesOnWhereItWas() async throws {
        let fixture = try MirrorFixture()
        try await fixture.resync()
        let changes = try fixture.reader.lastChange()
        let engine = try fixture.engine()
        _ = try await fixture.running(engine) {
            try await fixture.wait(for: "another round") { fixture.cloud.callCount >= 60 }
        }
        #expect(try fixture.reader.lastChange() == changes)
        #expect(fixture.recorder.lines(of: "pass_changed").allSatisfy { $0.contains("first=true") })
    }
}
