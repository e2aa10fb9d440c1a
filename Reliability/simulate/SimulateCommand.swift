import ArgumentParser
import Foundation
import Simulation

// Worlds from seeds. Each job is a process of its own, so that a world that takes the program down
// is told by its seed like any other that fails.

/// `make simulate` runs this.
@main
struct SimulateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Runs the engine in simulated worlds and checks what became of everything.",
        discussion: """
            A world is made from its seed alone: users, phones, operators, faults, crashes, power \
            cuts. Prints one line for each world that fails, with the command that repeats it, and \
            in the end what happened in all of them. Ends with 1 when a world failed, when a world \
            that was run twice came out differently, or, from a hundred worlds on, when too little \
            happened.
            """)

    @Option(help: "The first seed.")
    var seed: UInt64 = 1

    @Option(help: "How many worlds.")
    var seeds: UInt64 = 1

    @Option(help: "How many processes share them.")
    var jobs = 1

    @Option(help: "Run each so many-th world twice and compare; 0: none.")
    var again: UInt64 = 0

    @Option(help: "Only so many users.")
    var users: Int?

    @Option(help: "Ingredients to leave out, with commas between them.")
    var without = ""

    @Flag(help: "Print every line of the log and everything else that happens.")
    var loud = false

    @Flag(help: "Do not look for a smaller world that fails too.")
    var noShrinking = false

    @Flag(help: .hidden)
    var worker = false

    mutating func validate() throws {
        for name in without.split(separator: ",") where Ingredient(rawValue: String(name)) == nil {
            let known = Ingredient.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("there is no ingredient '\(name)'; there are \(known)")
        }
        guard jobs > 0, seeds > 0, users ?? 1 > 0 else {
            throw ValidationError("--jobs, --seeds and --users are 1 or more")
        }
    }

    mutating func run() throws {
        if worker || loud {
            let isWell = work()
            // The parent of a worker reads its lines.
            guard isWell || worker else { throw ExitCode(1) }
            return
        }
        let run = SimulationRun(
            seeds: seed..<(seed + seeds), jobs: jobs, again: again, without: leftOut, users: users,
            shrinks: !noShrinking)
        guard try run.perform() else { throw ExitCode(1) }
    }

    private var leftOut: Set<Ingredient> {
        Set(without.split(separator: ",").compactMap { Ingredient(rawValue: String($0)) })
    }

    /// Runs the worlds one after another and reports each in lines that the parent reads; false when
    /// something was wrong.
    private func work() -> Bool {
        var isWell = true
        for seed in seed..<(seed + seeds) {
            print("begin \(seed)")
            // A world that takes the program down must be known by its seed.
            fflush(nil)
            let world = World(WorldPlan(seed: seed, without: leftOut, users: users))
            world.diary.isLoud = loud
            world.run()
            for (what, number) in world.diary.counts.sorted(by: { $0.key < $1.key }) {
                print("count \(number) \(what)")
            }
            for problem in world.diary.problems {
                print("problem \(problem.replacing("\n", with: "\\n").prefix(2000))")
            }
            print("end \(seed) \(String(world.diary.hash, radix: 16))")
            isWell = isWell && world.diary.problems.isEmpty
        }
        return isWell
    }
}
