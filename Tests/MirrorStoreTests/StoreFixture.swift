import ChatModel
import Foundation
import MirrorStore
import SyncRules
import TestSupport
import Testing

let app: Int64 = 1_400_000_000
let noon = WallTime(seconds: 1_767_268_800)
let family = ConversationGroup(id: 1, name: "family")
let bob = Conversation(
    id: .user("bob"), groups: [1], standardMark: StandardMark(bits: 1 << 63 | 1),
    customMark: "vip \"x\"", updatedAt: 5)

/// A store in a directory of its own, with alice (1) and bob (2) in the list.
struct Fixture {
    let directory: TemporaryDirectory
    let store: SQLiteMirror

    init() throws {
        directory = try TemporaryDirectory()
        store = try SQLiteMirror(path: directory.file("m.db"), sdkAppID: app)
        try store.list([(1, try UserID("alice")), (2, try UserID("bob"))], at: noon)
    }

    var reader: MirrorReader {
        get throws { try MirrorReader(path: directory.file("m.db"), sdkAppID: app) }
    }

    func pulled(
        _ user: UserNumber = 1, from old: Snapshot = .empty, to new: Snapshot,
        held: HeldDeletions? = nil
    ) -> StoreEntry {
        .pulled(
            PulledUser(
                user: user, at: noon, digest: Digest(Array(repeating: 7, count: 32)),
                diff: SnapshotDiff(from: old, to: new), held: held))
    }

    /// The first column of what a reader's own SQL gives.
    func sql(_ query: String) throws -> [String] {
        try RunningProgram.run("sqlite3", "-readonly", directory.file("m.db"), query)
            .stdout.split(separator: "\n").map(String.init)
    }

    func state(_ user: String) throws -> String? {
        var state: String?
        try reader.users(user: user) { state = $0.state }
        return state
    }
}
