import ChatEmulator
import ChatModel
import MirrorStore
import SyncEngine
import SyncRules
import TestSupport
import Testing

@Suite struct AWriteInDoubt {
    /// While it may still take effect nothing is sent, but its user may be pulled.
    @Test func aWriteInDoubtHasItsChangesInTheRecord_howeverSoonTheyAreSeen() async throws {
        let fixture = try MirrorFixture()
        try await fixture.resync()
        fixture.cloud.setFaults([
            Fault(.resetAfter, times: 1, command: "create_contact_group")
        ])
        let edit = try fixture.queue(.create(name: "club", [.user("bob")]))[0]
        let before = try fixture.reader.lastChange()
        _ = try await fixture.running(try fixture.engine()) {
            try await fixture.wait(for: "the doubt") {
                !fixture.recorder.lines(of: "edits_in_doubt").isEmpty
            }
            let other = try fixture.asAnotherProcess()
            _ = try other.ask(.resync, users: [1], at: fixture.clock.wallTime())
            try await fixture.wait(for: "what it has done", every: .milliseconds(20)) {
                try fixture.reader.lastChange() > before
            }
            #expect(try fixture.edits().map(\.state) == [.sending])
            try await fixture.wait(for: "its end") {
                try fixture.edits().map(\.state) == [.applied]
            }
        }
        let changes = try fixture.reader.changes(since: before, user: "user00000001", limit: 10)
        #expect(changes.map(\.kind) == ["group_created", "conversation_added"])
        #expect(changes.allSatisfy { $0.edit == edit.number })
    }
}
