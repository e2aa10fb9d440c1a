import ChatModel
import Foundation
import MirrorStore
import SyncRules
import TestSupport
import Testing

/// What the protocol MirrorStore promises, on the real database.
@Suite struct TheStoreKeepsItsContract {
    @Test func aSnapshotComesBackAsItWasStored() async throws {
        let fixture = try Fixture()
        let snapshot = Snapshot(
            groups: [family, ConversationGroup(id: 2, name: "家人")],
            conversations: [bob, Conversation(id: .chatGroup("@TGS#1"), groups: [1, 2])])
        try await fixture.store.commit([fixture.pulled(to: snapshot)])
        #expect(try await fixture.store.snapshot(of: 1) == snapshot)
        #expect(try await fixture.store.snapshot(of: 2) == .empty)
    }

    @Test func aSecondPull_writesTheDifference() async throws {
        let fixture = try Fixture()
        let first = Snapshot(groups: [family], conversations: [bob])
        let kin = ConversationGroup(id: 1, name: "kin")
        let second = Snapshot(
            groups: [kin], conversations: [Conversation(id: .user("carol"), groups: [1])])
        try await fixture.store.commit([fixture.pulled(to: first)])
        try await fixture.store.commit([fixture.pulled(from: first, to: second)])
        #expect(try await fixture.store.snapshot(of: 1) == second)
        let kinds = try fixture.reader.changes(since: 4, user: nil, limit: 10).map(\.kind)
        #expect(
            kinds == [
                "group_renamed", "conversation_removed", "standard_mark_changed",
                "custom_mark_changed", "conversation_added",
            ])
    }

    @Test func changes_areNumberedWithoutGaps() async throws {
        let fixture = try Fixture()
        let snapshot = Snapshot(groups: [family], conversations: [bob])
        try await fixture.store.commit([fixture.pulled(1, to: snapshot)])
        try await fixture.store.commit([fixture.pulled(2, to: snapshot)])
        let rows = try fixture.reader.changes(since: 0, user: nil, limit: 100)
        #expect(rows.map(\.seq) == Array(1...8))
        #expect(try fixture.reader.lastChange() == 8)
        #expect(try fixture.reader.changes(since: 6, user: "bob", limit: 1).map(\.seq) == [7])
    }

    @Test func entriesThatContradictTheStore_changeNothing() async throws {
        let fixture = try Fixture()
        let snapshot = Snapshot(groups: [family], conversations: [bob])
        let failure = await #expect(throws: StoreFailure.self) {
            try await fixture.store.commit([
                fixture.pulled(1, to: snapshot), fixture.pulled(99, to: snapshot),
            ])
        }
        #expect(failure?.kind == .refused)
        #expect(try await fixture.store.snapshot(of: 1) == .empty)
        #expect(try fixture.reader.lastChange() == 0)
    }

    @Test func whatIsKnownOfUsers_comesBackAtStart() async throws {
        let fixture = try Fixture()
        try await fixture.store.commit([
            fixture.pulled(to: Snapshot(groups: [family], conversations: [])),
            .failed(
                2,
                UserFailure(
                    kind: "not_imported", code: 50001, problem: "unknown", failures: 3, at: noon,
                    retryAt: noon + .seconds(60), isParked: true)),
        ])
        try fixture.store.unlist([1], at: noon)
        var users: [StoredUser] = []
        try fixture.store.readUsers { users.append($0) }
        #expect(users.map(\.id.string) == ["alice", "bob"])
        #expect(users.map(\.isListed) == [false, true])
        #expect(users[0].pulledAt == noon)
        #expect(users[0].digest == Digest(Array(repeating: 7, count: 32)))
        #expect(users[1].failures == 3 && users[1].isParked)
        #expect(users[1].retryAt == noon + .seconds(60))
    }

    @Test func usersLeavingTheList_areMarkedAndKeepEverything() async throws {
        let fixture = try Fixture()
        let snapshot = Snapshot(groups: [family], conversations: [bob])
        try await fixture.store.commit([fixture.pulled(to: snapshot)])
        try fixture.store.unlist([1], at: noon)
        #expect(try fixture.state("alice") == "unlisted")
        #expect(try await fixture.store.snapshot(of: 1) == snapshot)
        try fixture.store.list([(1, try UserID("alice"))], at: noon)
        #expect(try fixture.state("alice") != "unlisted")
    }

    @Test func theStatesOfAUser_followWhatHappens() async throws {
        let fixture = try Fixture()
        try fixture.store.setMaxStaleness(.seconds(3600))
        let now = WallTime(seconds: Int64(Date().timeIntervalSince1970))
        #expect(try fixture.state("alice") == "new")
        try await fixture.store.commit([.unchanged(1, at: now + .seconds(-7200))])
        #expect(try fixture.state("alice") == "stale")
        try await fixture.store.commit([.unchanged(1, at: now)])
        #expect(try fixture.state("alice") == "fresh")
        let trouble = UserFailure(
            kind: "transient", code: nil, problem: "gone", failures: 1, at: now, retryAt: now,
            isParked: false)
        try await fixture.store.commit([.failed(1, trouble)])
        #expect(try fixture.state("alice") == "failing")
        try await fixture.store.commit([.unchanged(1, at: now)])
        #expect(try fixture.state("alice") == "fresh")
        try await fixture.store.commit([
            fixture.pulled(to: .empty, held: HeldDeletions(groups: 1, conversations: 2))
        ])
        #expect(try fixture.state("alice") == "held")
        try await fixture.store.commit([fixture.pulled(to: .empty)])
        #expect(try fixture.state("alice") != "held")
    }

    @Test func aDecision_isSeenUntilTheUserIsPulledWithout() async throws {
        let fixture = try Fixture()
        let deletions = HeldDeletions(groups: 1, conversations: 2)
        let held = fixture.pulled(to: .empty, held: deletions)
        try await fixture.store.commit([held])
        #expect(try await fixture.store.holds() == [1: Hold(deletions)])
        #expect(
            try fixture.store.decide(.approved, users: nil, at: noon).map(\.string) == ["alice"])
        #expect(try await fixture.store.holds() == [1: Hold(deletions, .approved)])
        #expect(try fixture.store.decide(.approved, users: nil, at: noon).isEmpty)
        try await fixture.store.commit([held])
        #expect(try await fixture.store.holds() == [1: Hold(deletions, .approved)])
        try await fixture.store.commit([fixture.pulled(to: .empty)])
        #expect(try await fixture.store.holds().isEmpty)
    }

    @Test func aRequest_isOpenUntilItIsFinished() async throws {
        let fixture = try Fixture()
        let request = try fixture.store.ask(.compare, users: [2], at: noon)
        #expect(
            try await fixture.store.openRequests()
                == [ResyncRequest(id: request, kind: .compare, users: [2])])
        var progress = RequestProgress(request: request, total: 1)
        let result = RequestResult(.drifted, changes: 3, detail: "a\nb")
        progress.add(result)
        progress.isFinished = true
        try await fixture.store.commit([
            .result(request: request, user: 2, result), .progress(progress),
        ])
        #expect(try await fixture.store.openRequests().isEmpty)
        #expect(try fixture.store.progress(of: request) == progress)
        let results = try fixture.store.results(of: request)
        #expect(results.map(\.user.string) == ["bob"] && results[0].result == result)
    }

    /// Found as "pulled 19 of 20 users": the second loop wrote what it had read before the end.
    @Test func progressThatArrivesLate_doesNotUndoWhatCameAfter() async throws {
        let fixture = try Fixture()
        let request = try fixture.store.ask(.resync, users: nil, at: noon)
        var progress = RequestProgress(request: request, total: 2)
        let early = progress
        progress.add(RequestResult(.same))
        try await fixture.store.commit([.progress(progress), .progress(early)])
        #expect(try fixture.store.progress(of: request)?.done == 1)
    }

    @Test func aWithdrawnRequest_staysWithdrawn() async throws {
        let fixture = try Fixture()
        let request = try fixture.store.ask(.resync, users: nil, at: noon)
        try fixture.store.withdraw(request)
        try await fixture.store.commit([.progress(RequestProgress(request: request, total: 2))])
        #expect(try await fixture.store.openRequests().isEmpty)
    }

    @Test func whatAnotherConnectionWrites_isNoticed() async throws {
        let fixture = try Fixture()
        #expect(try await !fixture.store.wasWrittenByOthers())
        try await fixture.store.commit([.unchanged(1, at: noon)])
        #expect(try await !fixture.store.wasWrittenByOthers())
        let other = try SQLiteMirror(path: fixture.directory.file("m.db"), sdkAppID: app)
        _ = try other.ask(.resync, users: nil, at: noon)
        #expect(try await fixture.store.wasWrittenByOthers())
        #expect(try await !fixture.store.wasWrittenByOthers())
    }

    @Test func theDaemonsState_isReadBack() async throws {
        let fixture = try Fixture()
        var state = DaemonState(version: "1", pid: 9, startedAt: noon, at: noon + .seconds(1))
        state.cloud = "refused"
        state.cloudCode = 70009
        state.callsPerSecond = 12.5
        state.lastRound = DaemonState.Round(endedAt: noon, took: .seconds(58))
        state.price = 137.5
        state.sweep = .seconds(5000)
        state.limit = .seconds(14_400)
        state.expectedFresh = 0.984
        try await fixture.store.commit([.daemon(state)])
        #expect(try fixture.reader.daemon() == state)
    }

    @Test func whereTheGuardTripped_isMarkedInTheRecord() async throws {
        let fixture = try Fixture()
        #expect(try fixture.reader.lastGuardTrip() == nil)
        try await fixture.store.commit([
            fixture.pulled(
                to: Snapshot(groups: [ConversationGroup(id: 1, name: "work")], conversations: []))
        ])
        let empty = SnapshotDiff(from: .empty, to: .empty)
        try await fixture.store.commit([
            .pulled(
                PulledUser(
                    user: 1, at: noon, digest: nil, diff: empty,
                    held: HeldDeletions(groups: 1, conversations: 0),
                    trip: GuardTrip(believed: 19)))
        ])
        let trip = try #require(try fixture.reader.lastGuardTrip())
        #expect((trip.seq, trip.at, trip.believed) == (2, noon, 19))
        let marker = try #require(
            try fixture.reader.changes(since: 1, user: nil, limit: 9).first)
        #expect((marker.seq, marker.kind, marker.after) == (2, "guard_tripped", "19"))
        #expect(marker.user == "alice")
    }

    @Test func acceptedOnce_isKnownFromTheFirstPull() async throws {
        let fixture = try Fixture()
        #expect(try !fixture.store.wasEverAccepted())
        try await fixture.store.commit([.unchanged(2, at: noon)])
        #expect(try fixture.store.wasEverAccepted())
    }
}
