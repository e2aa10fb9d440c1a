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
        @Sendable func states() throws -> [EditState] {
            var states: [EditState] = []
            try fixture.reader.edits(EditSelection(states: EditState.allCases)) {
                states.append($0.state)
            }
            return states
        }
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

private func exchange(_ value: inout Bool, with new: Bool) -> Bool {
    defer { value = new }
    return value
}
