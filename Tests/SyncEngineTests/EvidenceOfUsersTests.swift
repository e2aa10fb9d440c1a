import ChatEmulator
import ChatModel
import MirrorStore
import SyncEngine
import SyncRules
import TestSupport
import Testing

// What is known of how often users change outlives the process, and is looked for where it was lost.

@Suite struct WhatIsKnownOfUsers {
    /// What the next process will know.
    private func stored(_ fixture: MirrorFixture) throws -> [UserNumber: Evidence] {
        var stored: [UserNumber: Evidence] = [:]
        try fixture.store.readUsers { user in
            if let evidence = user.evidence { stored[user.number] = evidence }
        }
        try fixture.store.readRecentPulls { stored[$0.user] = $0.evidence }
        return stored
    }

    /// A mirror that a daemon has kept for five minutes after the first pulls.
    private func keptForFiveMinutes() async throws -> MirrorFixture {
        let fixture = try MirrorFixture()
        let engine = try fixture.engine()
        _ = try await fixture.running(engine) {
            try await fixture.waitForTheFirstRound()
            try await fixture.clock.sleep(for: .seconds(300))
        }
        return fixture
    }

    @Test func outlivesTheProcess() async throws {
        let fixture = try await keptForFiveMinutes()
        let users = fixture.cloud.with { $0.options.users }
        let evidence = try stored(fixture)
        #expect(evidence.count == users)
        // They were watched for five minutes and did not change after their first pull.
        #expect(evidence.values.allSatisfy { $0.watched > Evidence.prior.watched + 250 })
    }

    /// Within a minute, and without an end: a crash loses no more.
    @Test func isWrittenOnceInAMinute() async throws {
        let fixture = try MirrorFixture()
        let engine = try fixture.engine()
        _ = try await fixture.running(engine) {
            try await fixture.waitForTheFirstRound()
            try await fixture.clock.sleep(for: .seconds(70))
            let users = fixture.cloud.with { $0.options.users }
            #expect(try stored(fixture).count == users)
        }
    }

    /// A command that pulls for an operator knows what the daemon knew.
    @Test func isNotForgotten_whenACommandPullsTheUser() async throws {
        let fixture = try await keptForFiveMinutes()
        let before = try stored(fixture)
        try await fixture.resync()
        let after = try stored(fixture)
        #expect(after.count == before.count)
        #expect(after.values.allSatisfy { $0.watched > Evidence.prior.watched + 250 })
    }

    /// A mirror of an older version holds none: what its conversations show is taken instead.
    @Test func isLookedForInTheMirror_afterAnUpgrade() async throws {
        let fixture = try MirrorFixture()
        try await fixture.resync()
        try fixture.forgetEvidence()
        #expect(try stored(fixture).isEmpty)
        let engine = try fixture.engine()
        _ = try await fixture.running(engine) {
            try await fixture.clock.sleep(for: .seconds(10))
        }
        let evidence = try stored(fixture)
        #expect(!evidence.isEmpty)
        #expect(evidence.values.allSatisfy { $0.watched > Evidence.prior.watched + 6 * 86_400 })
        #expect(evidence.values.contains { $0.changes > 2 })
    }

    @Test func isUsed_soThatWhoChangesIsPulledMoreOften() async throws {
        let fixture = try MirrorFixture()
        var settings = MirrorFixture.settings()
        settings.minInterval = .seconds(60)
        let engine = try fixture.engine(settings: settings)
        _ = try await fixture.running(engine) {
            try await fixture.waitForTheFirstRound()
            fixture.cloud.churn(20)
            try await fixture.clock.sleep(for: .seconds(300))
        }
        let rates = try stored(fixture).mapValues(\.rate)
        let (least, most) = (rates.values.min() ?? 0, rates.values.max() ?? 0)
        #expect(most > least * 1.5)
    }

    @Test func aUserIsWellAgain_isWrittenAtOnce() async throws {
        let fixture = try MirrorFixture(faults: [
            Fault(.code(50002, applied: false), rate: 1, times: 1)
        ])
        let engine = try fixture.engine()
        _ = try await fixture.running(engine) {
            try await fixture.wait(for: "a failing user") {
                try fixture.reader.states()["failing"] == 1
            }
            try await fixture.wait(for: "it to be well again") {
                try fixture.reader.states()["failing"] == nil
            }
        }
    }
}

@Suite struct AUserThatComesBackIntoTheList {
    /// It left while it failed; what the store says of that must end with the next pull that succeeds.
    @Test func isNoLongerFailing_onceItWasPulled() async throws {
        let fixture = try MirrorFixture(
            faults: [Fault(.code(50002, applied: false), rate: 1, times: 20)])
        let users = fixture.cloud.with { Array(CloudCore.userNames($0.options.users)) }
        let engine = try fixture.engine()
        _ = try await fixture.running(engine) {
            try await fixture.wait(for: "failing users") {
                (try fixture.reader.states()["failing"] ?? 0) > 0
            }
            try await fixture.reload(engine, users: [])
            fixture.cloud.setFaults([])
            try await fixture.reload(engine, users: users)
            try await fixture.wait(for: "all to be well again") {
                try fixture.reader.states()["failing"] == nil
            }
        }
    }
}

@Suite struct TheGreatestAgeOfCopies {
    /// 20 users at 200 calls a second take a tenth of a second, and a quarter more.
    @Test func isSaidToBeOutOfReach_whereTheCallsDoNotSuffice() async throws {
        let fixture = try MirrorFixture()
        var settings = MirrorFixture.settings()
        settings.maxStaleness = .milliseconds(50)
        let engine = try fixture.engine(settings: settings)
        _ = try await fixture.running(engine) {
            try await fixture.waitForTheFirstRound()
            try await fixture.clock.sleep(for: .seconds(40))
            let said = fixture.recorder.lines(of: "staleness_out_of_reach")
            #expect(said.count == 1)
            #expect(said.first?.contains("max_staleness_s=0.050") == true)
            _ = try await fixture.reload(
                engine, users: fixture.cloud.with { Array(CloudCore.userNames($0.options.users)) })
            try await fixture.clock.sleep(for: .seconds(40))
            #expect(fixture.recorder.lines(of: "staleness_in_reach").count == 1)
        }
        let state = try fixture.reader.daemon()
        #expect((state?.sweep ?? .zero) > .zero)
        #expect(state?.limit == .seconds(60))
        #expect((state?.expectedFresh ?? 0) > 0.9)
    }
}
