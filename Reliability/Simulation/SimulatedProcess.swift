import ChatAPI
import ChatEmulator
import ChatModel
import Disk
import EventLog
import Foundation
import MirrorStore
import SyncEngine
import SyncRules
import TestSupport

/// One life of the daemon: from opening the database to a graceful end, or to its death.
final class SimulatedProcess: @unchecked Sendable {
    let number: Int
    let engine: MirrorEngine
    let store: SQLiteMirror
    private let clock: ProcessClock
    private let user: DiskUser
    /// Whether it was told to end.
    var isTold = false

    static let database = SimulatedDisk.root + "mirror.db"
    static let app: Int64 = 1_400_000_000

    /// Starts as the daemon does. Throws what a daemon would end with.
    init(
        number: Int, _ plan: WorldPlan, users: [String], clock: ProcessClock, disk: SimulatedDisk,
        network: SimulatedNetwork, diary: WorldDiary,
        committed: @escaping @Sendable ([StoreEntry]) -> Void
    ) throws {
        self.number = number
        self.clock = clock
        let user = DiskUser()
        self.user = user
        let operatorUser = disk.user
        disk.user = user
        defer { disk.user = operatorUser }
        store = try SQLiteMirror(
            path: Self.database, sdkAppID: Self.app, access: .onCallersThread)
        try store.setMaxStaleness(plan.maxStaleness)
        var book = try KnownUsers(reading: store)
        _ = try book.relist(in: store, at: clock.wallTime()) { each in
            for user in users { each(Array(user.utf8)[...]) }
        }
        let log = Log(
            app: Self.app, level: .info, format: .logfmt, time: clock, redactor: Redactor(),
            write: { line, _ in
                SecretSearch.expectNone(in: line, of: "the log of a world: \(line)")
                diary.line(line)
                SimulatedProcess.count(line, diary)
            })
        let signer = Signer(
            sdkAppID: Self.app, admin: "administrator",
            key: try SecretKey(contents: EmulatorOptions().key), time: clock, log: log)
        let gate = CallGate(
            limit: plan.limit, margin: .measured, inFlight: plan.inFlight, time: clock, log: log)
        let counters = CallCounters()
        let door = network.door(of: number) { user.isDead }
        let draws = Draws(plan.random(UInt64(1000 + number)))
        let cloud = ChatCloud(
            through: door, signer: signer, gate: gate, counters: counters, time: clock, log: log,
            random: { UInt32(draws.next() >> 32) })
        var settings = MirrorEngine.Settings(
            maxStaleness: plan.maxStaleness, passesAtOnce: plan.passesAtOnce, listingCap: 0,
            guardLimits: plan.guardLimits, endsWhenRefused: try !store.wasEverAccepted(),
            version: "simulated", pid: Int32(number))
        settings.pushPolicy = plan.policy
        engine = MirrorEngine(
            parts: MirrorEngine.Parts(
                cloud: cloud, gate: gate, counters: counters,
                store: HookedStore(store, after: committed), time: clock, log: log,
                chance: { draws.chance() }),
            settings: settings, book: book)
        user.died = { [weak self] in self?.die() }
    }

    /// Called when the disk says that the process is dead.
    var hasDied: () -> Void = {}

    private func die() {
        clock.die()
        hasDied()
    }

    /// Takes over a list of users, as on SIGHUP.
    func reload(_ users: [String], _ plan: WorldPlan) async throws {
        var book = try KnownUsers(reading: store)
        _ = try book.relist(in: store, at: clock.wallTime()) { each in
            for user in users { each(Array(user.utf8)[...]) }
        }
        await engine.reload(
            book, maxStaleness: plan.maxStaleness, guardLimits: plan.guardLimits,
            pushPolicy: plan.policy, history: nil)
    }

    /// SIGKILL.
    func kill(_ disk: SimulatedDisk) { disk.kill(user) }

    /// Whether the disk has killed it or it was killed.
    var isKilled: Bool { user.isDead }

    private static func count(_ line: String, _ diary: WorldDiary) {
        guard let start = line.range(of: " event=")?.upperBound else { return }
        diary.count("event " + line[start...].prefix { $0 != " " && $0 != "\n" })
    }

    private final class Draws: @unchecked Sendable {
        private var random: SplitMix

        init(_ random: SplitMix) { self.random = random }

        func next() -> UInt64 { random.next() }

        func chance() -> Double { random.chance() }
    }
}
