import ChatModel
import MirrorStore
import SyncEngine
import SyncRules
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

    /// A note says when a user was pulled, and waits; what it says of the user's health is old by then.
    @Test func theTroubleOfAUserIsNotForgotten_forANoteThatWaited() async throws {
        let parked = try await parkedUsers { commits, fixture in
            await commits.note(
                PullNote(
                    user: 1, at: fixture.clock.wallTime(), evidence: .prior, calls: 1))
            try await commits.commit([.failed(1, trouble)])
            await commits.flush(all: true)
        }
        #expect(parked == ["user00000001"])
    }

    /// What was to be written before it waits for the disk.
    @Test
    func theTroubleOfAUserIsNotForgotten_forAPullBeforeItThatCouldNotBeWritten() async throws {
        let parked = try await parkedUsers(failures: 1) { commits, fixture in
            async let first: Void = commits.flush([.unchanged(1, at: fixture.clock.wallTime())])
            try await fixture.clock.sleep(for: .milliseconds(500))
            try await commits.commit([.failed(1, trouble)])
            await first
        }
        #expect(parked == ["user00000001"])
    }

    @Test func theTroubleOfAUserIsForgotten_withThePullAfterIt() async throws {
        let parked = try await parkedUsers { commits, fixture in
            try await commits.commit([.failed(1, trouble)])
            try await commits.commit([.unchanged(1, at: fixture.clock.wallTime())])
        }
        #expect(parked.isEmpty)
    }
}

@Suite struct NotesOfPulls {
    /// Users with their notes in the store.
    private func noted(_ fixture: MirrorFixture) throws -> Set<UserNumber> {
        var users: Set<UserNumber> = []
        try fixture.store.readUsers { if $0.calls == 9 { users.insert($0.number) } }
        try fixture.store.readRecentPulls { if $0.calls == 9 { users.insert($0.user) } }
        return users
    }

    /// Whose notes are in the store at each step.
    private func noting(
        _ body: (CommitGroup, MirrorFixture, () throws -> Set<UserNumber>) async throws -> Void
    ) async throws {
        let fixture = try MirrorFixture()
        try await fixture.resync()
        let commits = CommitGroup(
            store: fixture.store, time: fixture.clock, log: fixture.recorder.log(fixture.clock))
        await commits.set(maxStaleness: .seconds(14_400))
        try await fixture.clock.run {
            for user in 1...3 as ClosedRange<UserNumber> {
                await commits.note(
                    PullNote(
                        user: user, at: fixture.clock.wallTime(), evidence: .prior, calls: 9))
            }
            try await body(commits, fixture) { try noted(fixture) }
        }
    }

    @Test func waitForAMinute_andThenGoWithTheNextCommit() async throws {
        try await noting { commits, fixture, noted in
            await commits.flush()
            try await commits.commit([.unchanged(4, at: fixture.clock.wallTime())])
            #expect(try noted().isEmpty)
            try await fixture.clock.sleep(for: .seconds(60))
            try await commits.commit([.unchanged(4, at: fixture.clock.wallTime())])
            #expect(try noted() == [1, 2, 3])
        }
    }

    @Test func areWrittenWithoutACommit_whenTheyAreDue() async throws {
        try await noting { commits, fixture, noted in
            try await fixture.clock.sleep(for: .seconds(60))
            await commits.flush()
            #expect(try noted() == [1, 2, 3])
        }
    }

    @Test func areAllWritten_atTheEnd() async throws {
        try await noting { commits, _, noted in
            await commits.flush(all: true)
            let users = try noted()
            #expect(users == [1, 2, 3])
        }
    }

    /// An operator has asked for the user, and looks at once.
    @Test func ofOneUser_goWithTheResultOfARequest() async throws {
        try await noting { commits, fixture, noted in
            await commits.commit(
                [.unchanged(4, at: fixture.clock.wallTime())], withPullOf: 2)
            let users = try noted()
            #expect(users == [2])
        }
    }
}
