import ChatModel
import MirrorStore
import SyncEngine
import TestSupport
import Testing

// Who commits what, and in which order.

private let trouble = UserFailure(
    kind: "not_imported", code: 50001, problem: "it is not imported", failures: 1,
    at: WallTime(seconds: 1_767_300_000), retryAt: WallTime(seconds: 1_767_386_400), isParked: true)

@Suite struct TheTroubleOfAUser {
    /// Who is parked after `body` has committed.
    private func parkedUsers(
        failures: Int = 0, _ body: (CommitGroup, MirrorFixture) async throws -> Void
    ) async throws -> [String] {
        let fixture = try MirrorFixture()
        try await fixture.resync()
        let commits = CommitGroup(
            store: HookedStore.failing(fixture.store, failures: failures), time: fixture.clock,
            log: fixture.recorder.log(fixture.clock))
        try await fixture.clock.run { try await body(commits, fixture) }
        var parked: [String] = []
        try fixture.reader.users(state: "parked") { parked.append($0.user) }
        return parked
    }

    @Test func theTroubleOfAUserIsNotForgotten_forAPullBeforeIt() async throws {
        let parked = try await parkedUsers { commits, fixture in
            await commits.note(1, pulledAt: fixture.clock.now())
            try await commits.commit([.failed(1, trouble)])
        }
        #expect(parked == ["user00000001"])
    }

    /// What was to be written before it waits for the disk.
    @Test
    func theTroubleOfAUserIsNotForgotten_forAPullBeforeItThatCouldNotBeWritten() async throws {
        let parked = try await parkedUsers(failures: 1) { commits, fixture in
            await commits.note(1, pulledAt: fixture.clock.now())
            async let first: Void = commits.flush()
            try await fixture.clock.sleep(for: .milliseconds(500))
            try await commits.commit([.failed(1, trouble)])
            await first
        }
        #expect(parked == ["user00000001"])
    }

    @Test func theTroubleOfAUserIsForgotten_withThePullAfterIt() async throws {
        let parked = try await parkedUsers { commits, fixture in
            try await commits.commit([.failed(1, trouble)])
            await commits.note(1, pulledAt: fixture.clock.now())
            await commits.flush()
        }
        #expect(parked.isEmpty)
    }
}
