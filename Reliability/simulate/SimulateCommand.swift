import ArgumentParser
import Simulation

@main
struct SimulateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "simulate")

    @Option var seed: UInt64 = 1
    @Option var seeds: UInt64 = 1
    @Option var users: Int?
    @Option var without = ""
    @Flag var loud = false

    mutating func run() throws {
        let out = Set(without.split(separator: ",").compactMap { Ingredient(rawValue: String($0)) })
        var totals: [String: Int] = [:]
        for seed in seed..<(seed + seeds) {
            let plan = WorldPlan(seed: seed, without: out, users: users)
            let world = World(plan)
            world.diary.isLoud = loud
            world.run()
            for (k, v) in world.diary.counts { totals[k, default: 0] += v }
            if !world.diary.problems.isEmpty {
                print("FAIL \(plan.replay)")
                for problem in world.diary.problems.prefix(5) { print("   ", problem.prefix(1500)) }
            }
            if loud || seeds <= 20 { print(seed, String(world.diary.hash, radix: 16), plan.users) }
        }
        for (k, v) in totals.sorted(by: { $0.key < $1.key }) { print(k, v) }
    }
}
