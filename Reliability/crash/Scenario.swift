import ChatModel
import Disk
import GRDB
import MirrorStore
import Simulation
import SyncRules

/// A store's life: how the disk is before, and what is asked of the store.
struct Scenario {
    let name: String
    /// The disk before the first opening.
    let start: SimulatedDisk
    let steps: [StoreStep]
    /// Whether its opening is to be tried too.
    var isFirst = true

    /// What a world asked of its store.
    static func world(_ seed: UInt64, steps most: Int) -> Scenario {
        // A world whose disk and processes are well: the accidents come here.
        let plan = WorldPlan(
            seed: seed,
            without: [.disk, .kills, .powercuts, .stops, .locks, .reloads, .clocks, .refusals])
        let world = World(plan)
        var steps: [StoreStep] = [
            .list(
                plan.userNames.enumerated().map {
                    (UserNumber($0.offset + 1), UserID(checkedBytes: $0.element.utf8))
                }, WallTime(seconds: 1_790_000_000))
        ]
        world.record = { steps.append($0) }
        world.run()
        return Scenario(
            name: "world \(seed)", start: SimulatedDisk(),
            steps: Array(steps.filter(\.isInteresting).prefix(most)) + tidying(plan))
    }

    /// What those worlds never do: a user leaves the list and comes back, and history is removed.
    private static func tidying(_ plan: WorldPlan) -> [StoreStep] {
        let later = WallTime(seconds: 1_800_000_000)
        let first = plan.userNames.prefix(1).map { (UserNumber(1), UserID(checkedBytes: $0.utf8)) }
        return [
            .unlist([1], later), .list(first, later), .prune(later, changesUpTo: .max),
            .prune(later, changesUpTo: .max),
        ]
    }

    /// The same with a database that an older version has written.
    static func migration(from version: String, then other: Scenario) async throws -> Scenario {
        let disk = SimulatedDisk()
        SimulatedDisk.current = disk
        var configuration = Configuration()
        configuration.journalMode = .wal
        let database = try DatabaseQueue(path: Store.path, configuration: configuration)
        try Schema.migrator.migrate(database, upTo: version)
        try database.inDatabase { try $0.execute(sql: oldContent) }
        try database.close()
        return Scenario(
            name: "migration from '\(version)'", start: disk, steps: Array(other.steps.prefix(10)))
    }

    /// What the first version could hold; user numbers above those of the worlds.
    private static let oldContent = """
        INSERT INTO setting VALUES ('sdk_app_id', '\(Store.app)');
        INSERT INTO user VALUES (901, 'old user', 1, 1), (902, 'another', 0, 1);
        INSERT INTO pull VALUES (901, 1790000000000);
        INSERT INTO listing VALUES (901, zeroblob(32));
        INSERT INTO conversation_group VALUES (901, 1, 'family'), (901, 2, 'work');
        INSERT INTO conversation VALUES (901, 1, 'peer', '[1,2]', 5, 'mark', 1789000000);
        INSERT INTO change (at, user, kind, group_id, group_name)
            VALUES (1, 901, 'group_created', 1, 'family');
        """
}

extension StoreStep {
    /// Not a mere sign of life.
    fileprivate var isInteresting: Bool {
        guard case .commit(let entries) = self else { return true }
        return entries.contains {
            switch $0 {
            case .daemon, .unchanged, .pulls, .presence: false
            default: true
            }
        }
    }
}
