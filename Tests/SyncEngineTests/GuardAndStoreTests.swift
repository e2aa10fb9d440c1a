import ChatEmulator
import ChatModel
import MirrorStore
import SyncEngine
import SyncRules
import Synchronization
import TestSupport
import Testing

@Suite struct WhenEverybodyLosesEverything {
    private func fixture() async throws -> MirrorFixture {
        var options = EmulatorOptions.small
        options.users = 60
        options.conversations = 4
        let fixture = try MirrorFixture(options)
        try await fixture.resync()
        fixture.cloud.setFaults([Fault(.emptyListing)])
        return fixture
    }

    @Test func deletionsAreHeldFromTheTwentiethOn() async throws {
        let fixture = try await fixture()
        try await fixture.resync()
        #expect(try fixture.reader.held().count == 41)
        #expect(try fixture.mirror.values.count { $0.isEmpty } == 19)
        #expect(fixture.recorder.lines(of: "guard_tripped").count == 1)
        #expect(try fixture.reader.states()["held"] == 41)
    }

    @Test func whenTheCloudIsWellAgain_nobodyIsHeldAnyMore() async throws {
        let fixture = try await fixture()
        try await fixture.resync()
        fixture.cloud.setFaults([])
        try await fixture.resync()
        #expect(try fixture.reader.held().isEmpty)
        #expect(try fixture.mirror == fixture.cloud.truth)
    }

    @Test func approved_theRowsGo() async throws {
        let fixture = try await fixture()
        try await fixture.resync()
        _ = try fixture.store.decide(.approved, users: nil, at: fixture.clock.wallTime())
        try await fixture.resync()
        #expect(try fixture.reader.held().isEmpty)
        #expect(try fixture.mirror.values.allSatisfy(\.isEmpty))
    }

    @Test func rejected_theRowsStayAndNobodyIsAsked() async throws {
        let fixture = try await fixture()
        try await fixture.resync()
        _ = try fixture.store.decide(.rejected, users: nil, at: fixture.clock.wallTime())
        try await fixture.resync()
        let held = try fixture.reader.held()
        #expect(held.count == 41 && held.allSatisfy { $0.decision == "rejected" })
        #expect(try fixture.mirror.values.count { $0.isEmpty } == 19)
        #expect(fixture.recorder.lines(of: "guard_tripped").count == 1)
    }

    /// What is held is written some time after the verdict. Who reads the decisions in between does
    /// not see it, and must not take that for a decision.
    @Test func whileTheHoldIsNotYetStored_whatOthersWriteDoesNotOpenTheGuard() async throws {
        let fixture = try await fixture()
        let isWell = Mutex(false)
        let store = HookedStore(
            fixture.store,
            before: { entries throws(StoreFailure) in
                let holds = entries.contains {
                    if case .pulled(let user) = $0 { user.held != nil } else { false }
                }
                if holds, !isWell.withLock({ $0 }) {
                    throw StoreFailure(kind: .passing, problem: "the test says no", advice: "")
                }
            })
        let other = try SQLiteMirror(
            path: fixture.directory.file("mirror.db"), sdkAppID: fixture.app)
        _ = try await fixture.running(try fixture.engine(store: store)) {
            try await fixture.wait(for: "the guard to trip") {
                !fixture.recorder.lines(of: "guard_tripped").isEmpty
            }
            let request = try other.ask(.compare, users: [1], at: fixture.clock.wallTime())
            try await fixture.wait(for: "the engine to look") {
                fixture.recorder.lines(of: "resync_asked").count > 1
            }
            isWell.withLock { $0 = true }
            try await fixture.wait(for: "all to be held") {
                try fixture.reader.held().count == 41
            }
            try other.withdraw(request)
        }
        #expect(fixture.recorder.lines(of: "guard_reset").isEmpty)
        #expect(try fixture.mirror.values.count { $0.isEmpty } == 19)
    }

    @Test func aRunningEngine_carriesTheDecisionOut() async throws {
        let fixture = try await fixture()
        let engine = try fixture.engine()
        _ = try await fixture.running(engine) {
            try await fixture.wait(for: "deletions to be held") {
                try fixture.reader.held().count == 41
            }
            let other = try SQLiteMirror(
                path: fixture.directory.file("mirror.db"), sdkAppID: fixture.app)
            _ = try other.decide(.approved, users: nil, at: fixture.clock.wallTime())
            try await fixture.wait(for: "the rows to go") { try fixture.reader.held().isEmpty }
        }
        #expect(fixture.recorder.lines(of: "guard_reset").count == 1)
    }
}

@Suite struct AStoreThatFails {
    @Test func lockedForAWhile_isWaitedForAndNothingIsLost() async throws {
        let fixture = try MirrorFixture()
        let store = HookedStore.failing(fixture.store, failures: 3)
        let commits = try fixture.engine(store: store)
        _ = try await fixture.running(commits) {
            try await fixture.waitUntilEqual()
        }
        #expect(fixture.recorder.lines(of: "store_failed").count == 3)
        #expect(fixture.recorder.lines(of: "store_recovered").count == 1)
    }

    /// Waiting for a disk is no standstill: nobody is helped when the watchdog ends the process.
    @Test func asLongAsItIsTried_theEngineIsAlive() async throws {
        let fixture = try MirrorFixture()
        let store = HookedStore.failing(fixture.store, failures: .max)
        let engine = try fixture.engine(store: store)
        _ = try await fixture.running(engine) {
            try await fixture.wait(for: "a failing store") {
                fixture.recorder.lines(of: "store_failed").count >= 3
            }
            for _ in 0..<3 {
                let (beats, time) = (await engine.beats, fixture.clock.now())
                try await fixture.wait(for: "a sign of life") { await engine.beats > beats }
                #expect(fixture.clock.now() - time < .seconds(40))
            }
        }
    }

    @Test func damaged_endsTheEngine() async throws {
        let fixture = try MirrorFixture()
        let store = HookedStore.failing(fixture.store, failures: .max, kind: .unusable)
        guard case .storeUnusable = await fixture.run(try fixture.engine(store: store)) else {
            Issue.record("the engine went on")
            return
        }
    }
}
