import ChatEmulator
import ChatModel
import MirrorStore
import SyncEngine
import SyncRules
import Synchronization
import TestSupport
import Testing

// A person takes edits back while a pass is at work: what it had decided by them counts no more.

private let bob = ConversationID.user("bob")
private let eve = ConversationID.user("eve")
private let user = "user00000001"

@Suite struct TakenBackWhileAPassIsAtWork {
    /// Two groups are to be made, and then `last`. When a pass has read that and is about to store
    /// what it will send, `taken` of the three are taken back. Who is in the second group in the end?
    private func members(takingBack taken: [Int], _ last: EditOperation) async throws -> (
        members: [ConversationID]?, states: [EditState]
    ) {
        let fixture = try MirrorFixture()
        try await fixture.resync()
        let edits = try fixture.queue(
            .create(name: "choir", [bob]), .create(name: "club", [bob, eve]), last)
        let selection = EditSelection(ids: taken.map { edits[$0] }, states: [.queued])
        let isDone = Mutex(false)
        let store = HookedStore(
            fixture.store,
            before: { entries throws(StoreFailure) in
                let isSending = entries.contains {
                    if case .outbox(let update) = $0 { !update.sending.isEmpty } else { false }
                }
                guard isSending, !isDone.withLock({ exchange(&$0, with: true) }) else { return }
                let gone = try? fixture.store.cancelEdits(selection, at: fixture.clock.wallTime())
                #expect(gone == selection.ids)
            })
        @Sendable func states() throws -> [EditState] { try fixture.edits().map(\.state) }
        _ = try await fixture.running(try fixture.engine(store: store)) {
            try await fixture.wait(for: "the outbox") { try !states().contains(where: \.isOpen) }
        }
        let truth = try #require(fixture.cloud.truth[try UserID(user)])
        let club = truth.groups.first { $0.name == "club" }
        return (club.map { Draft(truth).members(of: $0.id) }, try states())
    }

    private let club = GroupReference(id: nil, name: "club")

    @Test func aRemoval_leavesWhatItWouldHaveTaken() async throws {
        let (members, states) = try await members(takingBack: [2], .remove([eve], from: club))
        #expect(members == [bob, eve])
        #expect(states == [.applied, .applied, .cancelled])
    }

    @Test func aDeletion_leavesTheGroupItWouldHaveSpared() async throws {
        let (members, states) = try await members(takingBack: [2], .delete(club))
        #expect(members == [bob, eve])
        #expect(states == [.applied, .applied, .cancelled])
    }

    @Test func aCreation_isNotMadeByACallThatWasPlannedBefore() async throws {
        let (members, states) = try await members(
            takingBack: [1, 2], .remove([eve], from: club))
        #expect(members == nil)
        #expect(states == [.applied, .cancelled, .cancelled])
    }
}

/// What the cloud said earlier tells nothing about an edit.
@Suite struct QueuedAfterTheListing {
    @Test func anEdit_isNotSettledByIt() async throws {
        var options = EmulatorOptions.small
        options.users = 1
        let fixture = try MirrorFixture(options)
        try await fixture.resync()
        @Sendable func states() throws -> [EditState] { try fixture.edits().map(\.state) }
        try fixture.queue(.create(name: "club", [bob, eve]))
        _ = try await fixture.running(try fixture.engine()) {
            try await fixture.wait(for: "the group") { try states() == [.applied] }
        }
        // As another process: the engine notices what others write.
        let person = try fixture.asAnotherProcess()
        let calls = Mutex<(listed: Int?, settled: Int?)>((nil, nil))
        let store = HookedStore(
            fixture.store,
            after: { entries in
                let isSettled = entries.contains {
                    guard case .outbox(let update) = $0 else { return false }
                    return update.decisions.contains { $0.edit == 3 && $0.course != .push }
                }
                if isSettled { calls.withLock { $0.settled = fixture.cloud.callCount } }
            },
            afterListing: {
                guard calls.withLock({ $0.listed }) == nil else { return }
                calls.withLock { $0.listed = fixture.cloud.callCount }
                _ = try? person.queue(at: fixture.clock.wallTime()) { queue in
                    try queue.add(
                        EditOrder(
                            user: try UserID(user), key: nil,
                            operation: .add([eve], to: GroupReference(id: nil, name: "club"))))
                }
            })
        // An edit of the same user, so that the pass that is under way then has edits.
        try fixture.queue(.mark(bob, MarkEdit(custom: "x")))
        _ = try await fixture.running(try fixture.engine(store: store)) {
            try await fixture.wait(for: "the addition") {
                try states() == [.applied, .applied, .satisfied]
            }
        }
        let (listed, settled) = calls.withLock { $0 }
        // The mark was made, and then somebody looked once more.
        #expect(try #require(settled) > #require(listed) + 1)
    }
}

private func exchange(_ value: inout Bool, with new: Bool) -> Bool {
    defer { value = new }
    return value
}
