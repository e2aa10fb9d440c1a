import ChatModel
import Disk
import MirrorStore
import SyncRules
import Testing

private let app: Int64 = 1_400_000_000
private let noon = WallTime(seconds: 1_767_268_800)
private let path = SimulatedDisk.root + "mirror.db"

/// One at a time: the disk is one for the process.
@Suite(.serialized) struct APowerCut {
    /// A new disk, and what it loses in a power cut.
    private func disk(_ seed: UInt64 = 7) -> SimulatedDisk {
        SimulatedDisk.current = SimulatedDisk(seed: seed)
        return SimulatedDisk.current
    }

    private func open(_ access: SQLiteMirror.Access = .onCallersThread) throws -> SQLiteMirror {
        SimulatedDisk.current.user = DiskUser()
        return try SQLiteMirror(path: path, sdkAppID: app, access: access)
    }

    private func add(_ number: UserNumber, to store: SQLiteMirror) throws {
        try store.list([(number, try UserID("user \(number)"))], at: noon)
    }

    private func users() throws -> [UserNumber] {
        var users: [UserNumber] = []
        try open().readUsers { users.append($0.number) }
        return users
    }

    @Test(arguments: [SQLiteMirror.Access.pooled, .onCallersThread], UInt64(1)...8)
    func takesNothingThatACommitHasAcknowledged(_ access: SQLiteMirror.Access, seed: UInt64) throws
    {
        let disk = disk(seed)
        let store = try open(access)
        for number in 1...20 { try add(UserNumber(number), to: store) }
        disk.cutPower()
        #expect(try users() == Array(1...20))
    }

    @Test func aPowerCutTakesWhatWasNotSynced() throws {
        let disk = disk()
        let store = try open()
        disk.trouble = .stop(at: disk.operations + 3)
        #expect(throws: StoreFailure.self) { try add(1, to: store) }
        disk.trouble = nil
        disk.cutPower()
        #expect(try users() == [])
    }

    /// A killed process leaves frames in the log that everybody sees and no sync has written. When
    /// the next sync fails, Linux takes them for clean: they never reach the disk, and whatever is
    /// committed behind them must not depend on them.
    @Test(arguments: 0..<12, 0..<12)
    func afterAKillAndAnOperationThatFailed_takesNothingAcknowledged(kill: Int, failure: Int) throws
    {
        let disk = disk()
        let first = try open()
        disk.trouble = .stop(at: disk.operations + kill)
        _ = try? add(1, to: first)
        let failing = DiskTrouble.fail(at: disk.operations + failure, times: 1)
        disk.trouble = failing
        let second = try (try? open()) ?? open()
        if (try? add(2, to: second)) == nil { try add(2, to: second) }
        try add(3, to: second)
        disk.trouble = nil
        disk.cutPower()
        #expect(Set(try users()).isSuperset(of: [2, 3]))
    }
}
