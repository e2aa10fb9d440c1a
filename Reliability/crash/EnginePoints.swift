import Disk
import Simulation

// The whole engine in a small world, with an accident at one operation on the disk. Then it lives
// on, in a new process where the old one was killed, until the world is quiet and everything is
// compared with what is true.

/// Tries every accident at every operation of one small world. A world in which nothing is written to
/// the cloud would prove little: others are taken.
struct EnginePoints {
    private let plan: WorldPlan
    private static let leastWrites = 3

    init(seed: UInt64) {
        let kept: Set<Ingredient> = [.phones, .edits, .requests, .shuffle]
        var plan = WorldPlan(
            seed: seed, without: Set(Ingredient.allCases).subtracting(kept), users: 2)
        plan.trouble = .seconds(6)
        self.plan = plan
    }

    /// The first seeds from `seed` on whose worlds write to the cloud often enough.
    static func seeds(from seed: UInt64, _ count: Int) -> [UInt64] {
        Array((seed...).lazy.filter { EnginePoints(seed: $0).writes >= leastWrites }.prefix(count))
    }

    /// Writes to the cloud for as long as accidents can come.
    private var writes: Int {
        let world = World(plan)
        world.run()
        return world.diary.counts["writes done in the trouble", default: 0]
    }

    func run() -> CrashPoints.Tally {
        var tally = CrashPoints.Tally()
        let world = World(plan)
        world.run()
        if let problem = world.diary.problems.first {
            tally.failures.append("world \(plan.seed) without an accident: \(problem)")
            return tally
        }
        for operation in 0..<world.diary.counts["operations before the quiet", default: 0] {
            for kind in Accident.Kind.allCases { meet(Accident(kind, at: operation), &tally) }
        }
        return tally
    }

    private func meet(_ accident: Accident, _ tally: inout CrashPoints.Tally) {
        var plan = plan
        plan.accident = accident
        let world = World(plan)
        world.run()
        switch accident.kind {
        case .powercut:
            // Had the world become quiet before, it was spared.
            tally.powerCuts += world.diary.counts["power cuts", default: 0]
        case .kill: tally.points += 1
        case .error, .errors, .full:
            // A sync needs no room, and nothing may be written after it.
            if world.diary.counts["disk operations that failed", default: 0] > 0 {
                tally.points += 1
            }
        }
        for problem in world.diary.problems {
            tally.failures.append(
                "engine in world \(plan.seed), \(accident.kind) at operation "
                    + "\(accident.operation): \(problem)")
        }
    }
}
