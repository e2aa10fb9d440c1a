import ChatEmulator
import ChatModel
import MirrorStore
import SyncEngine
import SyncRules
import TestSupport
import Testing

private let first = "user00000001"
private let bob = ConversationID.user("bob")
private let eve = ConversationID.user("eve")
private let dora = ConversationID.user("dora")

extension MirrorFixture {
    @discardableResult
    func queue(_ operations: EditOperation..., user: String = first) throws -> [EditID] {
        try store.queue(at: clock.wallTime()) { queue in
            try operations.map {
                try queue.add(
                    EditOrder(user: try UserID(user), key: nil, operation: $0)
                ).id
            }
        }
    }

    func edits(_ states: [EditState] = EditState.allCases) throws
        -> [MirrorReader.EditRow]
    {
        var rows: [MirrorReader.EditRow] = []
        try reader.edits(EditSelection(states: states)) { rows.append($0) }
        return rows
    }

    fileprivate func state(of edit: EditID) throws -> EditState? {
        try edits().first { $0.id == edit.number }?.state
    }

    /// Writes that reached the cloud: all but listings and look-ups.
    fileprivate var writes: Int {
        cloud.with { $0.journalLines.count }
    }

    /// Runs the engine until no edit is open.
    fileprivate func pushAll(
        _ settings: MirrorEngine.Settings = MirrorFixture.settings()
    ) async throws {
        _ = try await running(try engine(settings: settings)) {
            try await wait(for: "the outbox") { try edits([.queued, .sending]).isEmpty }
        }
    }

    fileprivate func snapshot(_ user: String = first) throws -> Snapshot? {
        try mirror[try UserID(user)]
    }

    /// Pulls everybody once more and compares.
    fileprivate func expectEqual() async throws {
        try await resync()
        #expect(try mirror == cloud.truth)
    }
}

private func group(_ name: String) -> GroupReference {
    GroupReference(id: nil, name: ExactText(name))
}

@Suite struct PushingEdits {
    /// Few users: the fewer are pulled beside it, the sooner a test has seen its seconds.
    private func fixture(_ faults: [Fault] = [], users: Int = 3) async throws -> MirrorFixture {
        var options = EmulatorOptions.small
        options.users = users
        let fixture = try MirrorFixture(options)
        try await fixture.resync()
        fixture.cloud.setFaults(faults)
        return fixture
    }

    @Test func anEdit_isInTheCloudAndTheMirrorAndTheRecordOnce() async throws {
        let fixture = try await fixture()
        let before = try fixture.reader.lastChange()
        let edit = try fixture.queue(.create(name: "club", [bob, eve]))[0]
        try await fixture.pushAll()
        #expect(try fixture.state(of: edit) == .applied)
        #expect(fixture.writes == 1)
        let changes = try fixture.reader.changes(since: before, user: first, limit: 10)
        #expect(
            changes.map(\.kind) == ["group_created", "conversation_added", "conversation_added"])
        #expect(changes.allSatisfy { $0.edit == edit.number })
        try await fixture.expectEqual()
        #expect(try fixture.reader.lastChange() == changes.last?.seq)
    }

    @Test func whatIsSoAlready_isSatisfiedWithoutACall() async throws {
        let fixture = try await fixture()
        try fixture.queue(.create(name: "club", [bob]))
        try await fixture.pushAll()
        let writes = fixture.writes
        let edit = try fixture.queue(.add([bob], to: group("club")))[0]
        try await fixture.pushAll()
        #expect(try fixture.state(of: edit) == .satisfied)
        #expect(fixture.writes == writes)
    }

    @Test func afterALostReply_looksBeforeRepeating() async throws {
        let fixture = try await fixture([
            Fault(.resetAfter, times: 1, command: "create_contact_group")
        ])
        let edit = try fixture.queue(.create(name: "club", [bob]))[0]
        try await fixture.pushAll()
        #expect(try fixture.state(of: edit) == .applied)
        #expect(fixture.writes == 1)
        let story = try fixture.reader.calls(of: edit.number)
        #expect(story.map(\.outcome) == ["in_doubt"])
        let changes = try fixture.reader.changes(since: 0, user: first, limit: 10_000)
        #expect(changes.filter { $0.edit == edit.number }.count == 2)
    }

    @Test(arguments: [
        Fault.Kind.resetBefore, .resetAfter, .badGateway, .truncated, .garbage, .stall,
        .code(50005, applied: true), .code(50005, applied: false), .code(60008, applied: true),
        .code(50004, applied: true), .code(99999, applied: false), .silence,
    ])
    func afterAnyUnclearAnswer_eachEditHasItsEffectOnce(kind: Fault.Kind) async throws {
        let fixture = try await fixture(
            ["create_contact_group", "update_contact_group", "mark_contact", "del_contact_group"]
                .map { Fault(kind, times: 2, command: $0) })
        let edits = try fixture.queue(
            .create(name: "club", [bob]), .create(name: "gone", [bob]),
            .mark(eve, MarkEdit(set: StandardMark(bits: 1), custom: "x")))
        try await fixture.pushAll()
        let more = try fixture.queue(
            .rename(group("club"), to: "team"), .add([eve], to: group("team")),
            .delete(group("gone")))
        try await fixture.pushAll()
        for edit in edits + more { #expect(try fixture.state(of: edit) == .applied, "\(kind)") }
        let truth = try #require(fixture.cloud.truth[try UserID(first)])
        let team = try #require(truth.groups.first { $0.name == "team" })
        #expect(Draft(truth).members(of: team.id) == [bob, eve])
        #expect(!truth.groups.contains { $0.name == "gone" || $0.name == "club" })
        try await fixture.expectEqual()
    }

    @Test func tooOften_spendsNoAttempt() async throws {
        let fixture = try await fixture([
            Fault(.code(60007, applied: false), times: 3, command: "mark_contact")
        ])
        let edit = try fixture.queue(.mark(bob, MarkEdit(custom: "x")))[0]
        try await fixture.pushAll()
        #expect(try fixture.state(of: edit) == .applied)
        #expect(try fixture.edits().first?.attempts == 1)
    }

    @Test func oneConversationThatIsRefused_leavesItsBrothersDone() async throws {
        let fixture = try await fixture()
        try fixture.queue(.create(name: "club", [dora]))
        try await fixture.pushAll()
        fixture.cloud.setFaults([
            Fault(.itemFails(51008, applied: false), times: 1, command: "update_contact_group")
        ])
        let edits = try fixture.queue(
            .add([bob], to: group("club")), .add([eve], to: group("club")))
        try await fixture.pushAll()
        #expect(try fixture.state(of: edits[0]) == .rejected)
        #expect(try fixture.state(of: edits[1]) == .applied)
        let row = try #require(try fixture.edits([.rejected]).first)
        #expect(row.reason == "refused" && row.code == 51008)
        #expect(try fixture.reader.items(of: edits[0].number).map(\.code) == [51008])
        #expect(fixture.recorder.lines.contains { $0.contains("event=edit_rejected") })
    }

    @Test func aCallThatIsRefusedAsAWhole_isSplitBeforeAnybodyIsBlamed() async throws {
        let fixture = try await fixture()
        try fixture.queue(.create(name: "club", [dora]))
        try await fixture.pushAll()
        fixture.cloud.setFaults([
            Fault(.code(50002, applied: false), times: 1, command: "update_contact_group")
        ])
        let edits = try fixture.queue(
            .add([bob], to: group("club")), .add([eve], to: group("club")))
        try await fixture.pushAll()
        #expect(try fixture.state(of: edits[0]) == .applied)
        #expect(try fixture.state(of: edits[1]) == .applied)
    }

    @Test func refusedForGood_isRejectedAndRetriedByAPerson() async throws {
        let fixture = try await fixture([
            Fault(.code(51010, applied: false), times: 1, command: "create_contact_group")
        ])
        let edits = try fixture.queue(
            .create(name: "club", [bob]), .add([eve], to: group("club")))
        _ = try await fixture.running(try fixture.engine()) {
            try await fixture.wait(for: "the rejection") {
                // Both went in one call, which was split; the creation alone is to blame.
                try fixture.edits([.queued, .sending]).isEmpty
                    || fixture.state(of: edits[0]) == .rejected
            }
        }
        try await fixture.pushAll()
        #expect(try fixture.state(of: edits[0]) == .applied)
        #expect(try fixture.state(of: edits[1]) == .applied)
    }

    @Test func behindARejectedEdit_laterOnesOfItsGroupWaitForAPerson() async throws {
        let fixture = try await fixture([
            Fault(.code(51010, applied: false), times: 2, command: "create_contact_group")
        ])
        let edits = try fixture.queue(
            .create(name: "club", [bob]), .add([eve], to: group("club")),
            .mark(dora, MarkEdit(custom: "x")))
        _ = try await fixture.running(try fixture.engine()) {
            try await fixture.wait(for: "the rejection") {
                try fixture.state(of: edits[0]) == .rejected
                    && fixture.state(of: edits[2]) == .applied
            }
            #expect(try fixture.state(of: edits[1]) == .queued)
            #expect(try fixture.reader.outboxTotals().waiting == 1)
            // As another process: the engine notices what others write.
            let person = try fixture.asAnotherProcess()
            let retried = try person.retryEdits(
                EditSelection(ids: [edits[0]], states: [.rejected]), force: false,
                at: fixture.clock.wallTime())
            #expect(retried == [edits[0]])
            try await fixture.wait(for: "the outbox") {
                try fixture.edits([.queued, .sending]).isEmpty
            }
        }
        #expect(try fixture.state(of: edits[0]) == .applied)
        #expect(try fixture.state(of: edits[1]) == .applied)
        try await fixture.expectEqual()
    }

    @Test func aCancelledEdit_isNeverSent() async throws {
        let fixture = try await fixture()
        let edit = try fixture.queue(.create(name: "club", [bob]))[0]
        let cancelled = try fixture.store.cancelEdits(
            EditSelection(ids: [edit], states: [.queued]), at: fixture.clock.wallTime())
        #expect(cancelled == [edit])
        _ = try fixture.queue(.mark(bob, MarkEdit(custom: "x")))
        try await fixture.pushAll()
        #expect(try fixture.state(of: edit) == .cancelled)
        #expect(!fixture.cloud.truth.values.contains { $0.groups.contains { $0.name == "club" } })
    }

    @Test func renamedByAPhoneBetweenQueueingAndPushing_theGroupIsFoundByItsNumber() async throws {
        let fixture = try await fixture()
        try fixture.queue(.create(name: "club", [bob]))
        try await fixture.pushAll()
        let edit = try fixture.queue(.add([eve], to: group("club")))[0]
        // Another admin renames it through the API, as a phone would.
        try await fixture.renameInTheCloud("club", to: "team")
        try await fixture.pushAll()
        #expect(try fixture.state(of: edit) == .applied)
        let truth = try #require(fixture.cloud.truth[try UserID(first)])
        let team = try #require(truth.groups.first { $0.name == "team" })
        #expect(Draft(truth).members(of: team.id) == [bob, eve])
    }

    @Test func aConflict_showsBaseOursAndTheirs_andForceOverridesIt() async throws {
        let fixture = try await fixture()
        try fixture.queue(.create(name: "club", [bob]))
        try await fixture.pushAll()
        let edit = try fixture.queue(.rename(group("club"), to: "ours"))[0]
        try await fixture.renameInTheCloud("club", to: "theirs")
        try await fixture.pushAll()
        let row = try #require(try fixture.edits([.rejected]).first)
        #expect(row.reason == "conflict")
        #expect(row.base == "club" && row.newName == "ours" && row.theirs == "theirs")
        _ = try fixture.store.retryEdits(
            EditSelection(ids: [edit], states: [.rejected]), force: true,
            at: fixture.clock.wallTime())
        try await fixture.pushAll()
        #expect(try fixture.state(of: edit) == .applied)
        #expect(try fixture.snapshot()?.groups.contains { $0.name == "ours" } == true)
    }

    @Test func aPullWhileEditsAreOpen_neverTakesThemFromThePendingView() async throws {
        let fixture = try await fixture([
            Fault(.badGateway, command: "create_contact_group")
        ])
        try fixture.queue(.create(name: "club", [bob]))
        @Sendable func pending() throws -> Bool {
            var found = false
            try fixture.reader.export(only: [UserID(first)], pending: true) {
                found = $0.snapshot.groups.contains { $0.name == "club" }
            }
            return found
        }
        #expect(try pending())
        _ = try await fixture.running(try fixture.engine()) {
            for _ in 0..<5 {
                fixture.cloud.churn(20)
                let passes = fixture.cloud.callCount
                try await fixture.wait(for: "passes") { fixture.cloud.callCount > passes + 10 }
                #expect(try pending())
                #expect(try fixture.snapshot()?.groups.contains { $0.name == "club" } == false)
            }
        }
    }

    @Test func foundSendingAtStart_isSettledByLookingFirst() async throws {
        let fixture = try await fixture()
        let edit = try fixture.queue(.create(name: "club", [bob]))[0]
        // What a killed process leaves: the store says sending, and the cloud has done it.
        var update = OutboxUpdate(user: 1, at: fixture.clock.wallTime())
        update.sending = [edit]
        try await fixture.store.commit([.outbox(update)])
        try await fixture.createInTheCloud("club", "bob")
        let writes = fixture.writes
        try await fixture.pushAll()
        #expect(try fixture.state(of: edit) == .applied)
        #expect(fixture.writes == writes)
    }

    @Test func oneUserWithThousandsOfEdits_doesNotDelayAnother() async throws {
        let fixture = try await fixture()
        let many = (0..<3000).map { ConversationID.user(ExactText("peer\($0)")) }
        // Each in an edit and, for the marks are the same, as many items.
        _ = try fixture.store.queue(at: fixture.clock.wallTime()) { queue in
            for id in many {
                _ = try queue.add(
                    EditOrder(
                        user: try UserID("user00000002"), key: nil,
                        operation: .mark(id, MarkEdit(custom: "x"))))
            }
        }
        let edit = try fixture.queue(.mark(bob, MarkEdit(custom: "y")))[0]
        _ = try await fixture.running(try fixture.engine()) {
            try await fixture.wait(for: "the one") { try fixture.state(of: edit) == .applied }
        }
        #expect(try !fixture.edits([.queued]).isEmpty)
    }

    @Test func draining_leavesNothingHalfDone() async throws {
        let fixture = try await fixture(users: 20)
        for number in 1...20 {
            _ = try fixture.queue(
                .create(name: "club", [bob]), .mark(eve, MarkEdit(custom: "x")),
                user: "user000000" + (number < 10 ? "0\(number)" : "\(number)"))
        }
        let end = try await fixture.running(try fixture.engine()) {
            try await fixture.wait(for: "the first write") { fixture.writes > 0 }
        }
        guard case .drained = end else {
            Issue.record("\(end)")
            return
        }
        #expect(try fixture.edits([.sending]).isEmpty)
        try await fixture.pushAll()
        #expect(fixture.writes == 40)
        try await fixture.expectEqual()
    }

    @Test func whileDeletionsAreHeld_editsWait() async throws {
        let fixture = try await fixture()
        try fixture.queue(.create(name: "club", [bob]))
        var settings = MirrorFixture.settings()
        settings.guardLimits = .init(share: 0, atLeast: 1, window: .seconds(600))
        fixture.cloud.setFaults([Fault(.emptyListing)])
        _ = try await fixture.running(try fixture.engine(settings: settings)) {
            try await fixture.wait(for: "held deletions") { try !fixture.reader.held().isEmpty }
            let calls = fixture.cloud.callCount
            try await fixture.wait(for: "more passes") { fixture.cloud.callCount > calls + 10 }
        }
        #expect(fixture.writes == 0)
        #expect(try fixture.edits([.queued]).count == 1)
    }
}

extension MirrorFixture {
    /// A change that somebody else makes.
    fileprivate func renameInTheCloud(_ old: String, to new: String) async throws {
        try await pushByHand(.rename(0, from: ExactText(old), to: ExactText(new)), user: first)
    }

    fileprivate func createInTheCloud(_ name: String, _ member: String) async throws {
        try await pushByHand(
            .create(group: 0, name: ExactText(name), [.user(ExactText(member))]), user: first)
    }
}
