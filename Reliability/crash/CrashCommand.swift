import ArgumentParser
import Disk
import Foundation
import GRDB
import MirrorStore
import Simulation

/// `make crash` runs this.
@main
struct CrashCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "crash",
        abstract: "Crashes the store at every operation on its disk.",
        discussion: """
            Replays what simulated worlds asked of their stores, and the migration from every older \
            schema; then small worlds with the whole engine. At each operation on the disk: a kill, \
            power cuts, an error once, errors without end, a full disk. Ends with 1 when a database \
            did not open, was damaged, lacked what had been acknowledged, or when going on led to \
            another end.
            """)

    @Option(help: "How many worlds.")
    var worlds = 4

    @Option(help: "The first world's seed.")
    var seed: UInt64 = 1

    @Option(help: "Power cuts at each operation.")
    var damages = 50

    @Option(help: "Steps of each world.")
    var steps = 60

    @Option(help: "Small worlds in which the whole engine meets each accident, and goes on.")
    var engines = 2

    func validate() throws {
        guard worlds >= 0, engines >= 0, worlds + engines > 0, damages > 0, steps > 0 else {
            throw ValidationError(
                "--worlds or --engines, --damages and --steps are 1 or more")
        }
    }

    func run() async throws {
        SimulatedDisk.isAlone = true
        let began = Date()
        var total = CrashPoints.Tally()
        var scenarios: [Scenario] = []
        for number in 0..<UInt64(worlds) {
            scenarios.append(Scenario.world(seed + number, steps: steps))
        }
        for index in scenarios.indices.dropFirst() { scenarios[index].isFirst = false }
        if let first = scenarios.first {
            for version in Schema.migrator.migrations.dropLast() {
                scenarios.append(try await .migration(from: version, then: first))
            }
        }
        for scenario in scenarios {
            var points = CrashPoints(scenario, damages: damages)
            try await points.run()
            total.add(points.tally)
            for failure in points.tally.failures.prefix(5) { print("FAILED \(failure)") }
            defer { fflush(nil) }
            print(
                "\(scenario.name): \(points.tally.steps) steps, \(points.tally.points) points, "
                    + "\(points.tally.powerCuts) power cuts, \(points.tally.failures.count) failed")
        }
        // Without damages a power cut is nothing but a kill.
        let cuts = total.points * 3
        if total.powerCuts < cuts { print("VOID: only \(total.powerCuts) power cuts, not \(cuts)") }
        let hasCuts = total.powerCuts >= cuts
        for world in EnginePoints.seeds(from: seed, engines) {
            let tally = EnginePoints(seed: world).run()
            total.add(tally)
            for failure in tally.failures.prefix(5) { print("FAILED \(failure)") }
            print(
                "engine in world \(world): \(tally.points) points, "
                    + "\(tally.powerCuts) power cuts, \(tally.failures.count) failed")
            fflush(nil)
        }
        let took = Int(Date().timeIntervalSince(began))
        print(
            "\(total.points) crash points and \(total.powerCuts) power cuts, "
                + "\(total.failures.count) failed; \(took) s")
        // Steps that are not recorded any more would fail nothing.
        let least = worlds * min(steps, 40) * 30 + engines * 200
        if total.points < least { print("VOID: only \(total.points) points, not \(least)") }
        guard total.failures.isEmpty, hasCuts, total.points >= least else { throw ExitCode(1) }
    }
}
