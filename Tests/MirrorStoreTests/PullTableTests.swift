import ChatModel
import Foundation
import MirrorStore
import SyncRules
import TestSupport
import Testing

private func note(_ user: UserNumber, _ second: Int, changes: Float = 1.5) -> PullNote {
    PullNote(
        user: user, at: noon + .seconds(second),
        evidence: Evidence(changes: changes, watched: 9000),
        calls: 2)
}

@Suite struct ThePullsOfUsers {
    /// Users with their last pulls, as a process reads them at its start.
    private func known(_ store: SQLiteMirror) throws -> [UserNumber: PullNote] {
        var known: [UserNumber: PullNote] = [:]
        func enter(_ note: PullNote) {
            if let other = known[note.user], other.at > note.at { return }
            known[note.user] = note
        }
        try store.readUsers { user in
            guard let at = user.pulledAt else { return }
            enter(
                PullNote(
                    user: user.number, at: at, evidence: user.evidence ?? .prior, calls: user.calls)
            )
        }
        try store.readRecentPulls(enter)
        return known
    }

    @Test(arguments: [[], [0], [0, 1]] as [Set<Int>])
    func areReadBack_foldedOrNot(folded: Set<Int>) async throws {
        let fixture = try Fixture()
        let notes = [note(1, 5), note(2, 3, changes: 0.7)]
        try await fixture.store.commit([.pulls(PullBatch(notes: notes, folded: folded))])
        #expect(try known(fixture.store) == [1: notes[0], 2: notes[1]])
    }

    /// Two batches, then the slice is folded with a third that has a note of one user.
    @Test func countByTheLatest_whenTheirSliceIsFolded() async throws {
        let fixture = try Fixture()
        for second in [1, 5] {
            try await fixture.store.commit([
                .pulls(PullBatch(notes: [note(1, second), note(2, second)]))
            ])
        }
        try await fixture.store.commit([.pulls(PullBatch(notes: [note(1, 9)], folded: [0]))])
        #expect(try known(fixture.store) == [1: note(1, 9), 2: note(2, 5)])
        #expect(
            try fixture.sql("SELECT count(*) FROM recent_pull; SELECT user, at FROM pull") == [
                "0", "1|1767268809000", "2|1767268805000",
            ])
    }

    /// A pull that found a change is written at once; a note of an earlier one follows it.
    @Test(arguments: [[], [0]] as [Set<Int>])
    func areNotSetBack_byANoteThatIsOlder(folded: Set<Int>) async throws {
        let fixture = try Fixture()
        try await fixture.store.commit([.unchanged(1, at: noon + .seconds(60))])
        try await fixture.store.commit([
            .pulls(PullBatch(notes: [note(1, 5)], folded: folded))
        ])
        #expect(try known(fixture.store)[1]?.at == noon + .seconds(60))
        #expect(try fixture.reader.lastPulls(of: [UserID("alice")])[0].at == noon + .seconds(60))
    }

    /// Wherever a pull stands, everyone who reads the mirror sees it.
    @Test(arguments: [[], [0]] as [Set<Int>])
    func areSeenByEveryReader(folded: Set<Int>) async throws {
        let fixture = try Fixture()
        try fixture.store.setMaxStaleness(.seconds(3600))
        let now = WallTime(seconds: Int64(Date().timeIntervalSince1970))
        try await fixture.store.commit([
            .unchanged(1, at: noon), .unchanged(2, at: now + .seconds(-60)),
        ])
        #expect(try fixture.state("alice") == "stale")
        #expect(try fixture.reader.oldestPull() == noon)
        let later = PullNote(user: 1, at: now, evidence: .prior, calls: 1)
        try await fixture.store.commit([.pulls(PullBatch(notes: [later], folded: folded))])
        #expect(try fixture.state("alice") == "fresh")
        #expect(try fixture.reader.oldestPull() == now + .seconds(-60))
        #expect(
            try fixture.sql("SELECT pulled_at FROM users WHERE user = 'alice'") == [
                now.description
            ])
        #expect(try fixture.reader.lastPulls(of: [UserID("alice")])[0].at == now)
        var exported: [WallTime?] = []
        try fixture.reader.export { exported.append($0.pulledAt) }
        #expect(exported == [now, now + .seconds(-60)])
        #expect(try fixture.reader.lastPull(of: UserID("alice")) == later)
        #expect(try fixture.reader.lastPull(of: UserID("bob")) == nil)
    }

    @Test func theConversationsThatHaveChangedLately_areCounted() async throws {
        let fixture = try Fixture()
        let times = [noon.seconds - 10, noon.seconds, noon.seconds + 10]
        let conversations = times.enumerated().map { place, time in
            Conversation(id: .user(ExactText("peer\(place)")), groups: [1], updatedAt: time)
        }
        try await fixture.store.commit([
            fixture.pulled(to: Snapshot(groups: [family], conversations: conversations))
        ])
        #expect(try await fixture.store.recentChanges(of: 1...2, since: noon) == [1: 2])
        #expect(try await fixture.store.recentChanges(of: 2...9, since: noon).isEmpty)
    }
}
