import ChatEmulator
import ChatModel
import MirrorStore
import SyncEngine
import SyncRules
import Synchronization
import TestSupport
import Testing

// What the simulation found: each was lost, waited for ever, or kept others waiting.

@Suite struct WhenTheDatabaseCannotBeRead {
    /// An engine whose looks at the outbox and at requests fail while `isBad`.
    private func engine(_ fixture: MirrorFixture, _ isBad: Switch) throws -> MirrorEngine {
        let store = HookedStore(
            fixture.store,
            beforeLooking: { () throws(StoreFailure) in
                if isBad.isOn {
                    throw StoreFailure(kind: .passing, problem: "the disk is ill", advice: "")
                }
            })
        return try fixture.engine(store: store)
    }

    private final class Switch: Sendable {
        private let state: Mutex<Bool>

        init(_ isOn: Bool) { state = Mutex(isOn) }

        var isOn: Bool {
            get { state.withLock { $0 } }
            set { state.withLock { $0 = newValue } }
        }
    }

    @Test func theNewsOfARequest_isNotLost() async throws {
        let fixture = try MirrorFixture()
        let other = try fixture.asAnotherProcess()
        let isBad = Switch(false)
        _ = try await fixture.running(try engine(fixture, isBad)) {
            isBad.isOn = true
            let request = try other.ask(.resync, users: [1], at: fixture.clock.wallTime())
            try await fixture.clock.sleep(for: .seconds(2))
            isBad.isOn = false
            try await fixture.wait(for: "the request") {
                try other.progress(of: request)?.isFinished == true
            }
        }
    }

    /// A permit that nobody gives back is missing for ever.
    @Test func theEditsOfAUser_areSentWhenTheyCanBeReadAgain() async throws {
        let fixture = try MirrorFixture()
        try await fixture.resync()
        try fixture.queue(.create(name: "made here", [.user("eve")]))
        let isBad = Switch(true)
        let store = HookedStore(
            fixture.store,
            beforeEdits: { () throws(StoreFailure) in
                if isBad.isOn {
                    throw StoreFailure(kind: .passing, problem: "the disk is ill", advice: "")
                }
            })
        _ = try await fixture.running(try fixture.engine(store: store)) {
            // Longer than the calls that may be in flight last, one in five seconds.
            try await fixture.clock.sleep(for: .seconds(600))
            isBad.isOn = false
            try await fixture.wait(for: "the group") {
                fixture.cloud.truth.values.contains {
                    $0.groups.contains { $0.name == "made here" }
                }
            }
        }
    }

    @Test func whatAnEarlierProcessLeftInTheOutbox_isSentLater() async throws {
        let fixture = try MirrorFixture()
        try await fixture.resync()
        let edit = try fixture.store.queue(at: fixture.clock.wallTime()) { queue in
            try queue.add(
                EditOrder(
                    user: try UserID("user00000001"), key: nil,
                    operation: .create(name: "made here", [.user("eve")])))
        }
        let isBad = Switch(true)
        _ = try await fixture.running(try engine(fixture, isBad)) {
            try await fixture.clock.sleep(for: .seconds(2))
            isBad.isOn = false
            try await fixture.wait(for: "the edit") {
                try fixture.reader.outboxTotals().open == 0
            }
        }
        #expect(edit.isNew)
        #expect(
            fixture.cloud.truth[try UserID("user00000001")]?.groups
                .contains { $0.name == "made here" } == true)
    }
}

@Suite struct SeveralRequests {
    private func settings() -> MirrorEngine.Settings {
        var settings = MirrorFixture.settings()
        settings.passesAtOnce = 1
        return settings
    }

    @Test func aComparisonOfAUserThatIsAlsoToBePulled_endsAndLetsThePullBegin() async throws {
        let fixture = try MirrorFixture()
        try await fixture.resync()
        let other = try fixture.asAnotherProcess()
        let now = fixture.clock.wallTime()
        let asked = [
            try other.ask(.resync, users: [1], at: now),
            try other.ask(.compare, users: [1], at: now),
        ]
        _ = try await fixture.running(
            try fixture.engine(users: ["user00000001"], settings: settings())
        ) {
            try await fixture.wait(for: "both") {
                try asked.allSatisfy { try other.progress(of: $0)?.isFinished == true }
            }
        }
    }

    @Test func aComparisonThatTheCloudRefuses_isMadeWhenItNoLongerDoes() async throws {
        let fixture = try MirrorFixture(
            faults: [Fault(.code(60020, applied: false), times: 2)])
        let other = try fixture.asAnotherProcess()
        let request = try other.ask(.compare, users: nil, at: fixture.clock.wallTime())
        _ = try await fixture.running(try fixture.engine()) {
            try await fixture.wait(for: "the comparison") {
                try other.progress(of: request)?.isFinished == true
            }
        }
    }

    @Test func oneThatAnEarlierProcessHadNearlyDone_endsThoughTheListIsShorterNow() async throws {
        let fixture = try MirrorFixture()
        try await fixture.resync()
        let request = try fixture.store.ask(.resync, users: nil, at: fixture.clock.wallTime())
        var progress = RequestProgress(request: request, total: 20)
        progress.done = 18
        try await fixture.store.commit([.progress(progress)])
        let other = try fixture.asAnotherProcess()
        let few = (1...3).map { "user0000000\($0)" }
        _ = try await fixture.running(try fixture.engine(users: few)) {
            try await fixture.wait(for: "its end") {
                try other.progress(of: request)?.isFinished == true
            }
        }
        #expect(try other.progress(of: request)?.done == 3)
    }
}

@Suite struct ABackOff {
    @Test func writtenByACalendarThatWasAhead_isNotBelieved() async throws {
        let fixture = try MirrorFixture()
        try await fixture.resync()
        let wall = fixture.clock.wallTime()
        let ahead = wall + .seconds(10 * 86_400)
        try await fixture.store.commit([
            .failed(
                1,
                UserFailure(
                    kind: "transient", code: nil, problem: "", failures: 3, at: ahead,
                    retryAt: ahead + .seconds(8), isParked: false))
        ])
        let start = fixture.clock.now()
        _ = try await fixture.running(try fixture.engine()) {
            try await fixture.wait(for: "the user") {
                try fixture.reader.states()["failing"] == nil
            }
        }
        #expect(fixture.clock.now() - start < .seconds(3600))
    }

    @Test func aBackOffIsNotProlonged_byScriptsThatQueueEditsMeanwhile() async throws {
        let fixture = try MirrorFixture()
        try await fixture.resync()
        fixture.cloud.setFaults([Fault(.badGateway, user: "user00000001")])
        let other = try fixture.asAnotherProcess()
        _ = try await fixture.running(try fixture.engine()) {
            for number in 1...40 {
                _ = try other.queue(at: fixture.clock.wallTime()) { queue in
                    try queue.add(
                        EditOrder(
                            user: try UserID("user00000001"), key: nil,
                            operation: .mark(
                                .user("eve"), MarkEdit(custom: ExactText("\(number)")))))
                }
                try await fixture.clock.sleep(for: .milliseconds(300))
            }
        }
        let failures = fixture.recorder.lines(of: "pass_failed")
        #expect(failures.count > 10)
        // Twelve seconds of failures are back-offs of about 2, 4 and 8 seconds.
        #expect(!failures.contains { $0.contains(" failures=6 ") })
    }

    /// Each start looks at once at a user with open edits.
    @Test func aBackOffIsNotProlonged_byRestarts() async throws {
        let fixture = try MirrorFixture()
        try await fixture.resync()
        fixture.cloud.setFaults([Fault(.badGateway, user: "user00000001")])
        try fixture.queue(.mark(.user("eve"), MarkEdit(custom: "x")))
        for _ in 1...12 {
            _ = try await fixture.running(try fixture.engine()) {
                try await fixture.clock.sleep(for: .seconds(2))
            }
        }
        let failures = fixture.recorder.lines(of: "pass_failed")
        #expect(failures.count >= 12)
        #expect(!failures.contains { $0.contains(" failures=7 ") })
    }
}

@Suite struct EditsOnABadDay {
    private let bob = ConversationID.user("bob")

    private func open(_ fixture: MirrorFixture) throws -> Int {
        try fixture.reader.outboxTotals().open
    }

    private func fixture(users: Int) throws -> MirrorFixture {
        var options = EmulatorOptions.small
        options.users = users
        return try MirrorFixture(options)
    }

    @Test func aCreationAndItsRename_bothRefused_areRejectedAfterAFewCalls() async throws {
        let fixture = try fixture(users: 3)
        try await fixture.resync()
        fixture.cloud.setFaults([
            Fault(.code(51010, applied: false), command: "create_contact_group")
        ])
        try fixture.queue(.create(name: "club", [bob]))
        try fixture.queue(.rename(GroupReference(id: nil, name: "club"), to: "kin"))
        _ = try await fixture.running(try fixture.engine()) {
            try await fixture.wait(for: "the outbox") { try open(fixture) == 0 }
        }
        #expect(try fixture.reader.outboxTotals().rejected == 2)
        #expect(try fixture.reader.calls(of: 1).count == 3)
    }

    /// Two thousand users are pulled once in ten seconds: who has lost its turn waits so long.
    @Test func aPullDuringThePauseAfterADoubt_doesNotCostTheEditItsTurn() async throws {
        let fixture = try fixture(users: 2000)
        try await fixture.resync()
        fixture.cloud.setFaults([Fault(.resetAfter, times: 1, command: "mark_contact")])
        try fixture.queue(.mark(bob, MarkEdit(custom: "x")))
        _ = try await fixture.running(try fixture.engine()) {
            try await fixture.wait(for: "the doubt") {
                !fixture.recorder.lines(of: "edits_in_doubt").isEmpty
            }
            let doubt = fixture.clock.now()
            _ = try fixture.store.ask(.resync, users: [1], at: fixture.clock.wallTime())
            try await fixture.wait(for: "the outbox") { try open(fixture) == 0 }
            #expect(fixture.clock.now() - doubt < .seconds(8))
        }
    }

    @Test func comparingEverybody_doesNotKeepOthersWaiting() async throws {
        let fixture = try fixture(users: 400)
        try await fixture.resync()
        fixture.cloud.churn(400)
        let asked = try fixture.store.ask(.compare, users: nil, at: fixture.clock.wallTime())
        try fixture.queue(.mark(bob, MarkEdit(custom: "x")))
        var settings = MirrorFixture.settings()
        settings.passesAtOnce = 1
        _ = try await fixture.running(try fixture.engine(settings: settings)) {
            try await fixture.wait(for: "the outbox") { try open(fixture) == 0 }
            #expect(try fixture.store.progress(of: asked)?.isFinished == false)
            let pulled = fixture.recorder.lines(of: "pass_changed").count
            try await fixture.wait(for: "other users") {
                fixture.recorder.lines(of: "pass_changed").count > pulled + 10
            }
            #expect(try fixture.store.progress(of: asked)?.isFinished == false)
        }
    }
}
