import ChatAPI
import ChatEmulator
import ChatModel
import MirrorStore
import SyncEngine
import SyncRules
import TestSupport
import Testing

@Suite struct AskingTheEngine {
    @Test func aRequestInTheDatabase_isNoticedAndServed() async throws {
        let fixture = try MirrorFixture()
        let engine = try fixture.engine()
        _ = try await fixture.running(engine) {
            try await fixture.waitForTheFirstRound()
            let other = try fixture.asAnotherProcess()
            let user = try #require(
                try fixture.reader.numbers(of: [UserID("user00000005")]).values.first)
            let request = try other.ask(.resync, users: [user], at: fixture.clock.wallTime())
            try await fixture.wait(for: "the request to be served") {
                try other.progress(of: request)?.isFinished == true
            }
            #expect(try other.progress(of: request)?.done == 1)
            #expect(try other.results(of: request).map(\.user.string) == ["user00000005"])
        }
    }

    /// Its end is written some time after it; whoever looks in between finds it open.
    @Test func aRequestWhoseEndIsNotYetWritten_isNotBegunAgain() async throws {
        let fixture = try MirrorFixture()
        try await fixture.resync()
        let other = try fixture.asAnotherProcess()
        _ = try await fixture.running(try fixture.engine()) {
            // The engine looks every 100 ms, and gathers what it writes for 25: some of the ends come
            // just before a look.
            for number in 1...60 {
                let request = try other.ask(.compare, users: [1], at: fixture.clock.wallTime())
                try await fixture.clock.sleep(for: .milliseconds(101))
                for _ in 1...20 {
                    try other.setMaxStaleness(.seconds(3600 + number))
                    try await fixture.clock.sleep(for: .milliseconds(5))
                }
                try await fixture.wait(for: "the end") {
                    try other.progress(of: request)?.isFinished == true
                }
            }
        }
        #expect(fixture.recorder.lines(of: "resync_asked").count == 61)
    }

    @Test func aComparisonThatIsWithdrawn_isNotMade() async throws {
        let fixture = try MirrorFixture()
        try await fixture.resync()
        // Each of the twenty takes ten seconds.
        fixture.cloud.setFaults([Fault(.silence)])
        var settings = MirrorFixture.settings()
        settings.passesAtOnce = 1
        let engine = try fixture.engine(settings: settings)
        let other = try fixture.asAnotherProcess()
        let request = try other.ask(.compare, users: nil, at: fixture.clock.wallTime())
        _ = try await fixture.running(engine) {
            try await fixture.wait(for: "the request to be begun") {
                fixture.recorder.lines(of: "resync_asked").count == 2
            }
            try other.withdraw(request)
            try await fixture.wait(for: "the engine to look") {
                !fixture.recorder.lines(of: "resync_withdrawn").isEmpty
            }
            #expect(await engine.waitingForComparison == 0)
        }
    }

    /// Passes that end at the same time end several requests at once.
    @Test func theEndOfEachRequest_isReportedOnce() async throws {
        let fixture = try MirrorFixture()
        try await fixture.resync()
        let other = try fixture.asAnotherProcess()
        let requests = try (1...12).map { _ in
            try other.ask(.compare, users: nil, at: fixture.clock.wallTime())
        }
        _ = try await fixture.running(try fixture.engine()) {
            try await fixture.wait(for: "all of them") {
                try requests.allSatisfy { try other.progress(of: $0)?.isFinished == true }
            }
        }
        #expect(fixture.recorder.lines(of: "resync_done").count == 1 + requests.count)
    }

    @Test func comparing_leavesTheScheduleAlone() async throws {
        let fixture = try MirrorFixture()
        let engine = try fixture.engine()
        _ = try await fixture.running(engine) {
            try await fixture.waitForTheFirstRound()
            let other = try fixture.asAnotherProcess()
            let request = try other.ask(.compare, users: nil, at: fixture.clock.wallTime())
            try await fixture.wait(for: "the comparison") {
                try other.progress(of: request)?.isFinished == true
            }
            #expect(try other.progress(of: request)?.changed == 0)
            #expect(try other.progress(of: request)?.done == 20)
            fixture.cloud.churn(10)
            try await fixture.waitUntilEqual()
        }
    }

    /// It is due again as soon as its pull has ended, for each takes more than a second. Which of
    /// many short moments falls into the end of a pull must not decide.
    @Test(arguments: (0..<8).map { 1100 + 1.25 * Double($0) })
    func aComparisonOfAUserThatIsAlwaysBeingPulled_hasItsTurn(milliseconds: Double) async throws {
        var options = EmulatorOptions.small
        (options.users, options.latency) = (1, milliseconds)
        let fixture = try MirrorFixture(options)
        _ = try await fixture.running(try fixture.engine()) {
            try await fixture.waitForTheFirstRound()
            let other = try fixture.asAnotherProcess()
            let request = try other.ask(.compare, users: nil, at: fixture.clock.wallTime())
            try await fixture.clock.sleep(for: .seconds(10))
            #expect(try other.progress(of: request)?.isFinished == true)
        }
    }

    @Test func aUserThatFails_isTriedThreeTimesBeforeItCountsAsFailed() async throws {
        let fixture = try MirrorFixture(
            faults: [Fault(.badGateway, times: 8, user: "user00000001")])
        let (_, progress) = try await fixture.resync()
        #expect(progress?.failed == 0)
        // Each pass makes a read four times.
        fixture.cloud.setFaults([Fault(.badGateway, times: 12, user: "user00000001")])
        let (_, again) = try await fixture.resync()
        #expect(again?.failed == 1 && again?.done == 20)
    }
}

@Suite struct TheListOfUsersChanges {
    @Test
    func theListOfUsersChangesWhoLeaves_isKeptAndPulledNoMore_andWhoComesIsPulled() async throws {
        let fixture = try MirrorFixture()
        let engine = try fixture.engine(users: ["user00000001", "user00000002"])
        _ = try await fixture.running(engine) {
            try await fixture.wait(for: "both") { try fixture.reader.states()["new"] == nil }
            let counts = try await fixture.reload(
                engine, users: ["user00000002", "user00000003", "user00000003", "odd user"])
            #expect(
                counts
                    == .init(users: 3, added: 2, removed: 1, repeated: 1, unusual: 1, before: 2))
            try await fixture.wait(for: "the new ones") {
                try fixture.reader.states()["new"] == nil
            }
        }
        var states: [String: String] = [:]
        try fixture.reader.users { states[$0.user] = $0.state }
        #expect(states["user00000001"] == "unlisted")
        #expect(states["odd user"] == "parked")
        #expect(
            try fixture.mirror.keys.map(\.string).sorted() == [
                "odd user", "user00000002", "user00000003",
            ])
        #expect(try await !fixture.store.snapshot(of: 1).isEmpty)
    }

    @Test
    func theListOfUsersChangesWhoLeavesDuringAPassThatFails_isNoLongerOneThatFails() async throws {
        let fixture = try MirrorFixture()
        let gone = "user00000003"
        fixture.cloud.setFaults([Fault(.silence, user: gone)])
        let engine = try fixture.engine()
        _ = try await fixture.running(engine) {
            try await fixture.wait(for: "all the others") {
                try fixture.reader.states()["new"] == 1
            }
            try await fixture.reload(engine, users: CloudCore.userNames(20).filter { $0 != gone })
            try await fixture.wait(for: "the end of the pass") {
                !fixture.recorder.lines(of: "pass_failed").isEmpty
            }
        }
        let last = try #require(fixture.recorder.lines(of: "stats").last)
        #expect(last.contains(" failing=0 "))
    }

    /// They count as failed: who waits for the request is told the truth, and does not wait for ever.
    @Test func theListOfUsersChangesWhoLeavesDuringARequest_isPartOfItsEnd() async throws {
        let fixture = try MirrorFixture()
        let gone = "user00000003"
        fixture.cloud.setFaults([Fault(.silence, user: gone)])
        let request = try fixture.store.ask(.resync, users: nil, at: fixture.clock.wallTime())
        let engine = try fixture.engine()
        _ = try await fixture.running(engine) {
            try await fixture.wait(for: "all the others") {
                try fixture.store.progress(of: request)?.done == 19
            }
            try await fixture.reload(engine, users: CloudCore.userNames(20).filter { $0 != gone })
            try await fixture.wait(for: "the end") {
                try fixture.store.progress(of: request)?.isFinished == true
            }
        }
        let progress = try #require(try fixture.store.progress(of: request))
        #expect(progress.done == 20 && progress.failed == 1)
        let result = try fixture.store.results(of: request).first { $0.user.string == gone }
        #expect(result?.result.detail == "it is not in the list of users")
    }
}

@Suite struct WhatStatusTellsOfTheCloud {
    private func cloud(_ fixture: MirrorFixture) throws -> String? {
        try fixture.reader.daemon()?.cloud
    }

    /// What it said before is up to a second old; who mended the cause asks at once.
    @Test func reloadedWhileTheCloudRefuses_isUnknownUntilItAnswers() async throws {
        let fixture = try MirrorFixture(faults: [Fault(.code(60020, applied: false))])
        let engine = try fixture.engine()
        _ = try await fixture.running(engine) {
            try await fixture.wait(for: "the refusal") { try cloud(fixture) == "refused" }
            fixture.cloud.setFaults([Fault(.silence, times: 1)])
            let reloaded = fixture.clock.now()
            try await fixture.reload(engine, users: Array(CloudCore.userNames(20)))
            try await fixture.wait(for: "another word") { try cloud(fixture) != "refused" }
            #expect(try cloud(fixture) == "unknown")
            #expect(fixture.clock.now() - reloaded < .milliseconds(500))
            try await fixture.wait(for: "the answer") { try cloud(fixture) == "accepting" }
            // The probe is silent for ten seconds; another one follows five later.
            #expect(fixture.clock.now() - reloaded < .seconds(20))
        }
    }

    /// Silence says nothing about why the app is refused.
    @Test func aProbeWithoutAnAnswer_leavesTheWordsOfTheRefusal() async throws {
        let fixture = try MirrorFixture(faults: [Fault(.code(60020, applied: false))])
        _ = try await fixture.running(try fixture.engine()) {
            try await fixture.wait(for: "the refusal") { try cloud(fixture) == "refused" }
            let words = try fixture.reader.daemon()?.cloudProblem
            fixture.cloud.setFaults([Fault(.resetBefore)])
            try await fixture.clock.sleep(for: .seconds(120))
            #expect(try cloud(fixture) == "refused")
            #expect(fixture.recorder.lines(of: "call_failed").last?.contains("reset") == true)
            #expect(try fixture.reader.daemon()?.cloudProblem == words)
        }
    }

    @Test func callsOfTheLastSecond_areNeverMoreThanTheLimit() async throws {
        var options = EmulatorOptions.small
        options.users = 1000
        let fixture = try MirrorFixture(options)
        let engine = try fixture.engine()
        _ = try await fixture.running(engine) {
            var most = 0.0
            try await fixture.wait(for: "the first round", every: .milliseconds(10)) {
                most = max(most, try fixture.reader.daemon()?.callsPerSecond ?? 0)
                return try fixture.reader.states()["new"] == nil
            }
            #expect(most > 100 && most <= 200)
        }
    }
}
