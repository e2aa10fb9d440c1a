import Foundation

/// What failures that pass cost: passes that fail, and the time of a round and of a one-shot run, as a
/// ratio to the same without faults beside it.
enum Weather {
    private static let kinds = ["502", "reset-before", "code:50004", "truncated", "garbage"]

    static func measure() throws -> [Figure] {
        let small = try Site(["--users", "1000", "--conversations", "20"])
        let calm = try small.run(nil)
        let large = try Site(["--users", "40", "--conversations", "900", "--page-size", "50"])
        let calmLarge = try large.run(nil)
        return try kinds.flatMap { kind in
            try figures(kind, "1000 users of a page", small.run(kind), calm)
                + figures(kind, "40 users of 18 pages", large.run(kind), calmLarge)
        }
    }

    private static func figures(
        _ kind: String, _ site: String, _ stormy: Site.Run, _ calm: Site.Run
    )
        -> [Figure]
    {
        let name = "\(kind) at 5 %, \(site): "
        return [
            Figure(
                name + "passes that succeed", rounded(stormy.success * 100, 2) + " %",
                goal: "≥ 99 %", isMet: stormy.success >= 0.99),
            ratio(name + "time of a round", stormy.round, calm.round),
            ratio(name + "time of 'resync --all', unchanged users", stormy.resync, calm.resync),
        ]
    }

    private static func ratio(_ name: String, _ stormy: Double, _ calm: Double) -> Figure {
        let ratio = stormy / calm
        return Figure(
            name + " (\(rounded(stormy, 2)) s to \(rounded(calm, 2)) s)", rounded(ratio, 2),
            goal: "≤ 1.2", isMet: ratio <= 1.2)
    }

    /// An emulator whose users have all been pulled.
    private struct Site {
        struct Run {
            let success: Double
            /// Seconds, the mean of all full rounds.
            let round: Double
            /// Seconds.
            let resync: Double
        }

        private let bed: Bed

        init(_ arguments: [String]) throws {
            bed = try Bed(arguments)
            try bed.groupmirror("resync", "--all")
        }

        /// A one-shot run, then a daemon for twenty seconds; `kind` strikes one call of twenty.
        func run(_ kind: String?) throws -> Run {
            try bed.setFaults(kind.map { #"[{"kind":"\#($0)","rate":"0.05"}]"# } ?? "[]")
            // The last calls of the run before count for a second.
            sleep(1)
            let start = Date()
            try bed.groupmirror("resync", "--all")
            let resync = Date().timeIntervalSince(start)
            let daemon = try bed.daemon()
            sleep(20)
            daemon.stop()
            let lines = daemon.text.split(separator: "\n")
            let rounds = lines.filter { $0.contains("event=round_done") }.compactMap {
                number("took_s", of: $0)
            }
            guard let stats = lines.last(where: { $0.contains("event=stats") }),
                let passes = number("passes", of: stats), passes > 0, !rounds.isEmpty
            else { throw Failure(words: "no round in twenty seconds: \(daemon.text.suffix(500))") }
            let failed = Double(lines.count { $0.contains("event=pass_failed") })
            return Run(
                success: 1 - failed / passes, round: rounds.reduce(0, +) / Double(rounds.count),
                resync: resync)
        }

        private func number(_ key: String, of line: Substring) -> Double? {
            line.split(separator: " ").first { $0.hasPrefix(key + "=") }.flatMap {
                Double($0.dropFirst(key.count + 1))
            }
        }
    }
}
