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

    /// A daemon that has run for a while has pulled each of few users many times.
    @Test func howeverOftenTheyWerePulledBefore_deletionsAreHeld() async throws {
        let fixture = try await fixture()
        fixture.cloud.setFaults([])
        _ = try await fixture.running(try fixture.engine()) {
            try await fixture.clock.sleep(for: .seconds(30))
            fixture.cloud.setFaults([Fault(.emptyListing)])
            try await fixture.wait(for: "deletions to be held") {
                try fixture.reader.held().count == 41
            }
        }
        #expect(try fixture.mirror.values.count { $0.isEmpty } == 19)
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
        let other = try fixture.asAnotherProcess()
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
            let other = try fixture.asAnotherProcess()
            _ = try other.decide(.approved, users: nil, at: fixture.clock.wallTime())
            try await fixture.wait(for: "the rows to go") { try fixture.reader.held().isEmpty }
        }
        #expect(fixture.recorder.lines(of: "guard_reset").count == 1)
    }

    /// Who comes back is pulled before anybody has looked at the database.
    @Test func whenEverybodyLosesEverythingWhoComesBackIntoTheList_isHeldAsBefore() async throws {
        let fixture = try await fixture()
        try await fixture.resync()
        let held = Set(try fixture.reader.held().map(\.user))
        let all = Array(CloudCore.userNames(60))
        let isWell = Mutex(true)
        let store = HookedStore(
            fixture.store,
            beforeLooking: { () throws(StoreFailure) in
                if isWell.withLock({ $0 }) { return }
                throw StoreFailure(kind: .passing, problem: "the test says no", advice: "")
            })
        let engine = try fixture.engine(store: store)
        _ = try await fixture.running(engine) {
            try await fixture.reload(engine, users: all.filter { !held.contains($0) })
            try await fixture.wait(for: "the guard to open") {
                !fixture.recorder.lines(of: "guard_reset").isEmpty
            }
            isWell.withLock { $0 = false }
            try await fixture.reload(engine, users: all)
            try await fixture.clock.sleep(for: .seconds(120))
            isWell.withLock { $0 = true }
        }
        #expect(Set(try fixture.reader.held().map(\.user)) == held)
        #expect(try fixture.mirror.values.count { $0.isEmpty } == 19)
    }

    @Test func whenTheCloudIsWellAgain_aRunningEngineBelievesItAgain() async throws {
        let fixture = try await fixture()
        let last = try UserID("user00000060")
        _ = try await fixture.running(try fixture.engine()) {
            try await fixture.wait(for: "deletions to be held") {
                try fixture.reader.held().count == 41
            }
            fixture.cloud.setFaults([])
            try await fixture.wait(for: "the rows to be back") {
                try fixture.reader.held().isEmpty
            }
            fixture.cloud.setFaults([Fault(.emptyListing, user: last.string)])
            try await fixture.wait(for: "one user to lose everything") {
                try fixture.mirror[last]?.isEmpty == true
            }
        }
        #expect(fixture.recorder.lines(of: "guard_reset").count == 1)
    }

    /// It says that the cloud is wrong, which is no reason to believe it about the next users.
    @Test func aRejection_keepsTheGuardShut() async throws {
        let fixture = try await fixture()
        let ill = CloudCore.userNames(60).prefix(40)
        fixture.cloud.setFaults(ill.map { Fault(.emptyListing, user: $0) })
        try await fixture.resync()
        _ = try fixture.store.decide(.rejected, users: nil, at: fixture.clock.wallTime())
        fixture.cloud.setFaults([Fault(.emptyListing)])
        try await fixture.resync()
        #expect(try fixture.mirror.values.count { $0.isEmpty } == 19)
        #expect(try fixture.reader.held().count == 41)
    }
}

@Suite struct UsersThatLoseWhatTheyHad {
    private let alice = ConversationID(.user, "alice")
    private let bob = ConversationID(.user, "bob")
    private let carol = ConversationID(.user, "carol")

    /// As many users, thirty of whom have two conversations, lose these.
    private func fixture(users: Int) async throws -> (MirrorFixture, [String]) {
        var options = EmulatorOptions.small
        (options.users, options.conversations) = (users, 0)
        let fixture = try MirrorFixture(options)
        let names = Array(CloudCore.userNames(users).suffix(30))
        for name in names {
            try await fixture.pushByHand(
                .create(group: GroupID(1), name: "old", [alice, bob]), user: name)
        }
        try await fixture.resync()
        for name in names {
            try await fixture.pushByHand(.delete(GroupID(1), name: "old"), user: name)
        }
        try await fixture.resync()
        return (fixture, names)
    }

    /// A share of those who have something, not of everybody.
    @Test(arguments: [30, 900])
    func howeverManyOthersHaveNothing_theGuardTrips(users: Int) async throws {
        let (fixture, _) = try await fixture(users: users)
        #expect(fixture.recorder.lines(of: "guard_tripped").count == 1)
        #expect(try fixture.reader.held().count == 11)
        // The record says where it began, and who lost everything before.
        let trip = try #require(try fixture.reader.lastGuardTrip())
        #expect(trip.believed == 19)
        let before = try fixture.reader.changes(since: 0, user: nil, limit: 9999)
            .filter { $0.seq < trip.seq && $0.kind == "group_deleted" }
        #expect(Set(before.map(\.user)).count == 19)
    }

    @Test(arguments: [HeldDecision.rejected, nil])
    func whileTheyAreHeld_whatIsNewDoesNotLetTheOldGo(decision: HeldDecision?) async throws {
        let (fixture, names) = try await fixture(users: 30)
        if let decision {
            _ = try fixture.store.decide(decision, users: nil, at: fixture.clock.wallTime())
        }
        let user = try UserID(names[29])
        try await fixture.pushByHand(
            .create(group: GroupID(1), name: "new", [carol]), user: user.string)
        for _ in 1...2 { try await fixture.resync() }
        #expect(try fixture.reader.held().contains { $0.user == user.string })
        #expect(try fixture.mirror[user]?.conversations.map(\.id) == [alice, bob, carol])
        // What was held is listed again: the cloud is believed.
        try await fixture.pushByHand(
            .create(group: GroupID(1), name: "old", [alice]), user: user.string)
        try await fixture.resync()
        #expect(try !fixture.reader.held().contains { $0.user == user.string })
        #expect(try fixture.mirror[user] == fixture.cloud.truth[user])
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
