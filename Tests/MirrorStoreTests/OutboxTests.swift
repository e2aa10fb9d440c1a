import ChatModel
import MirrorStore
import SyncRules
import TestSupport
import Testing

private let eve = ConversationID.user("eve")
private let familyName = GroupReference(id: nil, name: "family")

extension Fixture {
    /// alice with her family, pulled.
    static func pulled() async throws -> Fixture {
        let fixture = try Fixture()
        try await fixture.store.commit([
            fixture.pulled(to: Snapshot(groups: [family], conversations: [bob]))
        ])
        return fixture
    }

    @discardableResult
    func queue(
        _ operation: EditOperation, user: String = "alice", key: String? = nil
    ) throws -> AcceptedEdit {
        try store.queue(at: noon) { queue in
            try queue.add(EditOrder(user: try UserID(user), key: key, operation: operation))
        }
    }

    func exported(pending: Bool, user: String = "alice") throws -> Snapshot {
        var snapshot = Snapshot.empty
        try reader.export(only: [UserID(user)], pending: pending) { snapshot = $0.snapshot }
        return snapshot
    }

    func rows(_ states: [EditState] = EditState.allCases) throws -> [MirrorReader.EditRow] {
        var rows: [MirrorReader.EditRow] = []
        try reader.edits(EditSelection(states: states)) { rows.append($0) }
        return rows
    }
}

@Suite struct QueueingEdits {
    @Test func theSameKeyAgain_changesNothing() async throws {
        let fixture = try await Fixture.pulled()
        let first = try fixture.queue(.add([eve], to: familyName), key: "k1")
        let second = try fixture.queue(.add([eve], to: familyName), key: "k1")
        #expect(first.isNew && !second.isNew && first.id == second.id)
        #expect(try fixture.rows().count == 1)
    }

    @Test func theSameKeyForSomethingElse_isRefused() async throws {
        let fixture = try await Fixture.pulled()
        try fixture.queue(.add([eve], to: familyName), key: "k1")
        #expect(throws: EditFault.self) {
            try fixture.queue(.delete(familyName), key: "k1")
        }
        #expect(throws: EditFault.self) {
            try fixture.queue(.add([eve], to: familyName), user: "bob", key: "k1")
        }
    }

    @Test func aKeyThatTheDatabaseWouldCutShort_isRefused() async throws {
        let fixture = try await Fixture.pulled()
        #expect(throws: EditFault.self) {
            try fixture.queue(.add([eve], to: familyName), key: "k1\u{0}b")
        }
    }

    @Test func oneThatIsRefused_takesAllOfTheTransactionBack() async throws {
        let fixture = try await Fixture.pulled()
        #expect(throws: EditFault.self) {
            try fixture.store.queue(at: noon) { queue in
                let alice = try UserID("alice")
                _ = try queue.add(
                    EditOrder(user: alice, key: nil, operation: .add([eve], to: familyName)))
                _ = try queue.add(
                    EditOrder(
                        user: alice, key: nil,
                        operation: .delete(GroupReference(id: nil, name: "nobody"))))
            }
        }
        #expect(try fixture.rows().isEmpty)
        #expect(try fixture.exported(pending: true) == fixture.exported(pending: false))
    }

    @Test func whileAnEarlierOneIsUnderWay_standsOnWhatThatMakes() async throws {
        let fixture = try await Fixture.pulled()
        let mark = EditOperation.mark(bob.id, MarkEdit(custom: "first"))
        let first = try fixture.queue(mark)
        try fixture.queue(.mark(bob.id, MarkEdit(custom: "second")))
        let rename = try fixture.queue(.rename(familyName, to: "kin"))
        let old = Snapshot(groups: [family], conversations: [bob])
        let new = Snapshot(
            groups: [ConversationGroup(id: 1, name: "kin")],
            conversations: [
                Conversation(
                    id: bob.id, groups: bob.groups, standardMark: bob.standardMark,
                    customMark: "first", updatedAt: bob.updatedAt)
            ])
        let diff = SnapshotDiff(from: old, to: new)
        let origins = Dictionary(
            uniqueKeysWithValues: diff.changes.map {
                ($0, $0.conversation == nil ? rename.id : first.id)
            })
        try await fixture.store.commit([
            .pushed(PushedUser(user: 1, at: noon, diff: diff, origins: origins))
        ])
        #expect(try fixture.rows().map(\.base) == ["first", "first", "kin"])
    }

    /// Between the creation in the cloud and its commit here, the mirror knows no name of the group.
    @Test func whileItsGroupIsBeingMade_aRenameStandsOnTheNameThatItGets() async throws {
        let fixture = try await Fixture.pulled()
        let creation = try fixture.queue(.create(name: "club", [eve]))
        let rename = try fixture.queue(.rename(GroupReference(id: nil, name: "club"), to: "team"))
        #expect(try fixture.rows().map(\.base) == [nil, nil])
        let old = Snapshot(groups: [family], conversations: [bob])
        let new = Snapshot(
            groups: [family, ConversationGroup(id: 2, name: "club")], conversations: [bob])
        let diff = SnapshotDiff(from: old, to: new)
        var update = OutboxUpdate(user: 1, at: noon)
        update.renumbered = [.made(by: creation.id): NumberedGroup(id: 2, name: "club")]
        update.decisions = [EditDecision(edit: creation.id, course: .settle(.applied, nil))]
        try await fixture.store.commit([
            .pushed(PushedUser(user: 1, at: noon, diff: diff, origins: [:])), .outbox(update),
        ])
        #expect(try fixture.rows([.queued]).map(\.base) == ["club"])
        #expect(try fixture.rows([.queued]).map(\.id) == [rename.id.number])
    }

    @Test func eachIsCheckedWithTheEarlierOnesApplied() async throws {
        let fixture = try await Fixture.pulled()
        try fixture.queue(.rename(familyName, to: "kin"))
        #expect(throws: EditFault.self) { try fixture.queue(.delete(familyName)) }
        try fixture.queue(.create(name: "family", [eve]))
        try fixture.queue(.add([.user("dora")], to: familyName))
        let edits = try await fixture.store.unsettledEdits(of: 1)
        // The new family is the group of the second edit, not the old one.
        #expect(edits[2].operation == .add([.user("dora")], to: .init(id: -2, name: "family")))
    }

    @Test func queueingEditsOfAUserThatWasNeverPulled_isAcceptedUnchecked() async throws {
        let fixture = try Fixture()
        let edit = try fixture.queue(.add([eve], to: familyName), user: "bob")
        #expect(edit.isNew)
        #expect(throws: EditFault.self) {
            try fixture.queue(.add([], to: familyName), user: "bob")
        }
    }

    /// With nothing to compare with, what a phone does after the first pull would be overwritten.
    @Test(arguments: [Snapshot(groups: [family], conversations: [bob]), .empty])
    func ofAUserThatWasNeverPulled_standsOnWhatTheFirstPullFinds(listed: Snapshot) async throws {
        let fixture = try Fixture()
        try fixture.queue(.mark(bob.id, MarkEdit(custom: "ours")))
        try fixture.queue(.mark(eve, MarkEdit(set: StandardMark(bits: 2))))
        try await fixture.store.commit([fixture.pulled(to: listed)])
        #expect(
            try fixture.rows().map(\.base) == [listed.isEmpty ? "" : bob.customMark.string, nil])
    }

    @Test func queueingEditsOfSomebodyWhoIsNotInTheList_isRefused() async throws {
        let fixture = try Fixture()
        try fixture.store.unlist([2], at: noon)
        for user in ["bob", "nobody"] {
            #expect(throws: EditFault.self) {
                try fixture.queue(.add([eve], to: familyName), user: user)
            }
        }
    }

    @Test func queueingEditsIsNewsForTheDaemon() async throws {
        let fixture = try await Fixture.pulled()
        let edit = try fixture.queue(.add([eve], to: familyName))
        let news = try await fixture.store.outboxChanges(after: 0)
        #expect(news.users == [1])
        #expect(try await fixture.store.outboxChanges(after: news.last).users.isEmpty)
        _ = try fixture.store.cancelEdits(
            EditSelection(ids: [edit.id], states: [.queued]), at: noon)
        #expect(try await fixture.store.outboxChanges(after: news.last).users == [1])
    }
}

@Suite struct TheMirrorWithOpenEdits {
    @Test func isInTheViewsAndInTheExport_whileTheMirrorStaysAsTheCloudWas() async throws {
        let fixture = try await Fixture.pulled()
        let before = try fixture.exported(pending: false)
        try fixture.queue(.rename(familyName, to: "kin"))
        try fixture.queue(.create(name: "club", [eve]))
        try fixture.queue(.mark(eve, MarkEdit(custom: "x")))
        #expect(try fixture.exported(pending: false) == before)
        let pending = try fixture.exported(pending: true)
        #expect(Set(pending.groups.map(\.name.string)) == ["kin", "club"])
        let groups = try fixture.sql(
            "SELECT group_name FROM conversation_groups_pending ORDER BY group_name")
        #expect(groups == ["club", "kin"])
        #expect(
            try fixture.sql("SELECT peer FROM memberships_pending WHERE group_name = 'club'")
                == ["eve"])
        #expect(
            try fixture.sql("SELECT custom_mark FROM conversations_pending WHERE peer = 'eve'")
                == ["x"])
    }

    @Test func followsACancellation() async throws {
        let fixture = try await Fixture.pulled()
        let edit = try fixture.queue(.delete(familyName))
        #expect(try fixture.sql("SELECT * FROM memberships_pending").isEmpty)
        _ = try fixture.store.cancelEdits(
            EditSelection(ids: [edit.id], states: [.queued]), at: noon)
        #expect(try fixture.sql("SELECT peer FROM memberships_pending") == ["bob"])
    }

    @Test func followsAPull() async throws {
        let fixture = try await Fixture.pulled()
        try fixture.queue(.add([eve], to: familyName))
        let old = try fixture.exported(pending: false)
        let new = Snapshot(
            groups: [ConversationGroup(id: 1, name: "clan")], conversations: [bob])
        try await fixture.store.commit([fixture.pulled(from: old, to: new)])
        #expect(
            try fixture.sql(
                "SELECT group_name || ' ' || peer FROM memberships_pending ORDER BY peer")
                == ["clan bob", "clan eve"])
    }
}

@Suite struct WhatIsSettled {
    @Test func whatIsSettledGoesAfterAWhile_andWhatIsOpenOrRejectedStays() async throws {
        let fixture = try await Fixture.pulled()
        let edits = try [
            fixture.queue(.add([eve], to: familyName)),
            fixture.queue(.rename(familyName, to: "kin")),
            fixture.queue(.mark(eve, MarkEdit(custom: "x"))),
        ]
        var update = OutboxUpdate(user: 1, at: noon)
        update.decisions = [
            EditDecision(edit: edits[0].id, course: .settle(.applied, nil)),
            EditDecision(
                edit: edits[1].id, course: .reject(.groupMissing, nil, words: "it is gone")),
        ]
        try await fixture.store.commit([.outbox(update)])
        let changes = try fixture.reader.lastChange()
        #expect(changes > 0)
        #expect(try await fixture.store.prune(before: noon, changesUpTo: 0) == 0)
        var removed = 0
        while true {
            let part = try await fixture.store.prune(before: noon + .seconds(1), changesUpTo: 0)
            if part == 0 { break }
            removed += part
        }
        #expect(removed == 1 + Int(changes))
        #expect(try fixture.rows().map(\.state) == [.rejected, .queued])
        // A number is never given twice.
        let old = try fixture.exported(pending: false)
        try await fixture.store.commit([fixture.pulled(from: old, to: .empty)])
        #expect(try fixture.reader.changes(since: 0, user: nil, limit: 1).first?.seq == changes + 1)
    }

    /// The times of changes are those of their passes' beginnings: a later number may have an earlier
    /// one. A reader who remembers the last number it saw must miss nothing.
    @Test func whatIsSettledGoesFromTheFrontOfTheRecordAlone() async throws {
        let fixture = try Fixture()
        for (user, time) in [(1, 1), (2, 5), (1, 2)] as [(UserNumber, Int)] {
            let old = try fixture.exported(pending: false, user: user == 1 ? "alice" : "bob")
            let new =
                old.isEmpty ? Snapshot(groups: [family], conversations: []) : Snapshot.empty
            try await fixture.store.commit([
                .pulled(
                    PulledUser(
                        user: user, at: noon + .seconds(time), digest: nil,
                        diff: SnapshotDiff(from: old, to: new), held: nil))
            ])
        }
        #expect(try await fixture.store.prune(before: noon + .seconds(3), changesUpTo: 0) == 1)
        #expect(
            try fixture.reader.changes(since: 0, user: nil, limit: 9).map(\.seq) == [2, 3])
    }

    @Test func whatIsSettledCannotBeTakenBack_norWhatIsBeingSent() async throws {
        let fixture = try await Fixture.pulled()
        let edit = try fixture.queue(.add([eve], to: familyName)).id
        var update = OutboxUpdate(user: 1, at: noon)
        update.sending = [edit]
        try await fixture.store.commit([.outbox(update)])
        let all = EditSelection(ids: [edit], states: EditState.allCases)
        #expect(try fixture.store.cancelEdits(all, at: noon).isEmpty)
        #expect(try fixture.store.retryEdits(all, force: true, at: noon).isEmpty)
    }

    @Test func whatIsSettledIsDoneForGood_andWhatWasRefusedForAMomentIsStillOpen() async throws {
        let fixture = try await Fixture.pulled()
        let (dora, zed) = (ConversationID.user("dora"), ConversationID.user("zed"))
        let id = try fixture.queue(.add([eve, dora, zed], to: familyName)).id
        var edit = try #require(try await fixture.store.unsettledEdits(of: 1).first)
        let call = PushCall(
            action: .update(1, name: "family", remove: [], add: [eve, dora, zed]), edits: [id],
            wanted: [eve: [id], dora: [id], zed: [id]])
        let (full, stale) = (Refusal(code: 51008, words: "full"), Refusal(code: 51007, words: "?"))
        edit.refused = [dora: full]
        var update = OutboxUpdate(user: 1, at: noon)
        update.ended = [
            EndedPush(
                call: call, at: noon,
                outcome: .done(PushReply(results: [eve: nil, dora: full, zed: stale])),
                edits: [edit])
        ]
        update.decisions = [EditDecision(edit: id, course: .reject(.refused, full, words: "full"))]
        try await fixture.store.commit([.outbox(update)])
        let told = try fixture.reader.items(of: id.number)
        #expect(told.map(\.code) == [0, 51008, nil])
        #expect(told.map(\.problem) == [nil, "full", "? (code 51007)"])
        _ = try fixture.store.retryEdits(
            EditSelection(ids: [id], states: [.rejected]), force: false, at: noon)
        let again = try #require(try await fixture.store.unsettledEdits(of: 1).first)
        #expect(again.done == [eve])
        #expect(again.refused.isEmpty)
    }

    /// When its call left is not known: it may have waited for its turn for long.
    @Test func whatAnEarlierProcessWasSending_isInDoubtSinceTheStart() async throws {
        let fixture = try await Fixture.pulled()
        let id = try fixture.queue(.add([eve], to: familyName)).id
        var update = OutboxUpdate(user: 1, at: noon)
        update.sending = [id]
        try await fixture.store.commit([.outbox(update)])
        let start = noon + .seconds(60)
        #expect(try await fixture.store.usersWithOpenEdits(at: start) == [1: start])
        // The same doubt does not grow younger with each start.
        #expect(try await fixture.store.usersWithOpenEdits(at: start + .seconds(5)) == [1: start])
        #expect(try fixture.reader.calls(of: id.number).map(\.outcome) == ["in_doubt"])
        #expect(try fixture.rows().map(\.attempts) == [1])
    }

    @Test func takenBackSinceTheSenderLooked_leavesNothingOfWhatWasDecidedByIt() async throws {
        let fixture = try await Fixture.pulled()
        let edits = try [
            fixture.queue(.add([eve], to: familyName)).id,
            fixture.queue(.mark(eve, MarkEdit(custom: "x"))).id,
        ]
        _ = try fixture.store.cancelEdits(
            EditSelection(ids: [edits[0]], states: [.queued]), at: noon)
        try fixture.queue(.mark(eve, MarkEdit(custom: "y")))
        var update = OutboxUpdate(user: 1, at: noon)
        update.premise = .init(unsettled: 2, through: edits[1])
        update.sending = edits
        #expect(try await fixture.store.commit([.outbox(update)]).outdated == [1])
        #expect(try fixture.rows().map(\.state) == [.cancelled, .queued, .queued])
        update.premise = .init(unsettled: 1, through: edits[1])
        #expect(try await fixture.store.commit([.outbox(update)]).outdated.isEmpty)
        #expect(try fixture.rows().map(\.state) == [.cancelled, .sending, .queued])
    }
}
