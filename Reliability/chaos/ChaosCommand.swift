import ArgumentParser
import ChatEmulator
import Foundation
import TestSupport

/// `make chaos` runs this, on a small disk of its own.
@main
struct ChaosCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chaos",
        abstract: "Runs the built programs through kills, full disks, locks and moved clocks.",
        discussion: """
            Scenes of up to 200 rounds; in six of seven rounds the trouble is the daemon's own, in \
            the rest the cloud is restarted under it. Each scene ends quiet, and then the mirror \
            must equal the cloud, every edit be settled as it should, and the record of changes \
            give the mirror. Ends with 1 when anything was found. Start it with Scripts/chaos, \
            which gives it a small file system.
            """)

    @Option(help: "How many troubles.") var rounds = 200
    @Option(help: "What they are drawn from.") var seed: UInt64 = 1
    @Option(help: "Users of a scene.") var users = 1000

    func validate() throws {
        guard rounds > 0, users > 1 else {
            throw ValidationError("--rounds is 1 or more, --users 2 or more")
        }
    }

    func run() throws {
        let findings = Findings()
        let began = Date()
        var left = rounds
        var number: UInt64 = 0
        while left > 0 {
            let part = min(left, 200)
            try play(part, seed: seed &+ number, findings)
            left -= part
            number += 1
        }
        // With so many, some must have been in the way.
        if findings.counts["full disks", default: 0] >= 20,
            findings.counts["full disks that a daemon met"] == nil
        {
            findings.problem("no full disk was met by a daemon")
        }
        for (what, times) in findings.counts.sorted(by: { $0.key < $1.key }) { print(times, what) }
        // Once more: whoever is given the end of a long output needs to know what it was.
        for problem in findings.problems.prefix(5) {
            print("PROBLEM", problem.prefix(while: { !$0.isNewline }))
        }
        let took = Int(Date().timeIntervalSince(began))
        print("\(rounds) rounds, \(findings.problems.count) problems; \(took) s")
        guard findings.problems.isEmpty else { throw ExitCode(1) }
    }

    private func play(_ rounds: Int, seed: UInt64, _ findings: Findings) throws {
        var random = SplitMix(seed: seed)
        let ofTheCloud = rounds / 7
        print("scene \(seed): \(rounds - ofTheCloud) rounds")
        fflush(nil)
        try Scene(
            .init(
                users: users, busy: users / 2, editsARound: max(1, 10_000 / rounds),
                phoneSeconds: rounds), seed: seed, findings
        ).play(Trouble.deck(rounds: rounds - ofTheCloud, &random))
        guard ofTheCloud > 0 else { return }
        print("scene \(seed), the cloud restarted: \(ofTheCloud) rounds")
        fflush(nil)
        try Scene(
            .init(users: users / 5, busy: 0, editsARound: 50, phoneSeconds: 0), seed: seed, findings
        ).play(Trouble.deckOfTheCloud(rounds: ofTheCloud, &random))
    }
}
