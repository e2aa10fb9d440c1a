import Foundation
import Simulation
import Synchronization

/// Many worlds, spread over processes.
struct SimulationRun {
    let seeds: Range<UInt64>
    let jobs: Int
    let again: UInt64
    let without: Set<Ingredient>
    let users: Int?
    let shrinks: Bool

    /// Seeds that one process works through.
    private static let batch: UInt64 = 50

    /// False when something failed; everything has been printed then.
    func perform() throws -> Bool {
        let began = Date()
        var total = WorkerReport()
        let parts = stride(from: seeds.lowerBound, to: seeds.upperBound, by: Int(Self.batch)).map {
            $0..<min($0 + Self.batch, seeds.upperBound)
        }
        try run(parts) { _, report in
            for failure in report.failures { tell(failure) }
            let before = total.hashes.count
            total.add(report)
            tellProgress(of: total, since: before, began)
        }
        let different = try compare(total.hashes)
        let took = Date().timeIntervalSince(began)
        total.print(worlds: seeds.count, seconds: took)
        let missing = Expectations.missing(total.counts, seeds.count)
        for what in missing { print("VOID: \(what)") }
        return total.failures.isEmpty && different == 0 && missing.isEmpty
    }

    /// A process for each part, so many at a time; `each` gets the reports as they come.
    private func run(
        _ parts: [Range<UInt64>], each: (Range<UInt64>, WorkerReport) throws -> Void
    ) throws {
        let ended = EndedWorkers()
        var next = parts[...]
        var running = 0
        while running > 0 || !next.isEmpty {
            while running < jobs, let part = next.popFirst() {
                ended.watch(try Worker(part, without, users))
                running += 1
            }
            let worker = ended.next()
            running -= 1
            try each(worker.seeds, worker.report())
            // Whoever follows a long run in a file wants to see it.
            fflush(nil)
        }
    }

    /// A run of many worlds takes hours.
    private func tellProgress(of total: WorkerReport, since before: Int, _ began: Date) {
        let (every, done) = (2000, total.hashes.count)
        guard done / every > before / every, done < seeds.count else { return }
        let seconds = Date().timeIntervalSince(began)
        print(
            String(
                format: "%d of %d worlds, %d failed; %.0f s", done, seeds.count,
                total.failures.count, seconds))
    }

    private func tell(_ failure: WorkerReport.Failure) {
        print("FAILED \(plan(failure.seed).replay)")
        for problem in failure.problems.prefix(5) { print("    \(problem)") }
        guard shrinks, let smaller = smaller(than: failure.seed) else { return }
        print("    smaller: \(smaller.replay)")
    }

    // MARK: Smaller worlds

    private func plan(_ seed: UInt64) -> WorldPlan {
        WorldPlan(seed: seed, without: without, users: users)
    }

    /// Leaves out one ingredient after another, as long as the world still fails.
    private func smaller(than seed: UInt64) -> WorldPlan? {
        var left = without
        for ingredient in Ingredient.allCases where !left.contains(ingredient) {
            let tried = left.union([ingredient])
            guard let worker = try? Worker(seed..<(seed + 1), tried, users) else { continue }
            worker.read()
            if !worker.report().failures.isEmpty { left = tried }
        }
        return left == without ? nil : WorldPlan(seed: seed, without: left, users: users)
    }

    // MARK: One seed, one outcome

    /// Runs some worlds again, in processes of their own; how many came out differently.
    private func compare(_ hashes: [UInt64: String]) throws -> Int {
        guard again > 0 else { return 0 }
        let chosen = stride(from: seeds.lowerBound, to: seeds.upperBound, by: Int(again)).map {
            $0..<($0 + 1)
        }
        var different = 0
        try run(chosen) { seeds, second in
            let seed = seeds.lowerBound
            if second.hashes[seed] != hashes[seed] {
                different += 1
                print("FAILED \(plan(seed).replay): two runs came out differently")
            }
        }
        print("\(chosen.count) worlds were run twice, \(different) came out differently")
        return different
    }
}

/// One process with some seeds.
final class Worker: Sendable {
    let seeds: Range<UInt64>
    private let process = Process()
    private let output = Pipe()
    private let text = Mutex("")

    init(_ seeds: Range<UInt64>, _ without: Set<Ingredient>, _ users: Int?) throws {
        self.seeds = seeds
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments =
            ["--worker", "--seed", String(seeds.lowerBound), "--seeds", String(seeds.count)]
            + ["--without", without.map(\.rawValue).sorted().joined(separator: ",")]
            + (users.map { ["--users", String($0)] } ?? [])
        process.standardOutput = output
        try process.run()
    }

    /// Reads what it prints until it has ended.
    func read() {
        let data = output.fileHandleForReading.readDataToEndOfFile()
        text.withLock { $0 = String(decoding: data, as: UTF8.self) }
    }

    /// What it has said, once that is read.
    func report() -> WorkerReport {
        process.waitUntilExit()
        var report = WorkerReport(reading: text.withLock { $0 })
        if process.terminationStatus != 0 || process.terminationReason == .uncaughtSignal {
            report.fell(with: process.terminationStatus, seeds)
        }
        return report
    }
}

/// Processes in the order in which they end. Each is read by a thread of its own: one that nobody
/// reads would wait for its reader.
final class EndedWorkers: Sendable {
    private let ended = Mutex<[Worker]>([])
    private let count = DispatchSemaphore(value: 0)

    func watch(_ worker: Worker) {
        Thread.detachNewThread {
            worker.read()
            self.ended.withLock { $0.append(worker) }
            self.count.signal()
        }
    }

    /// Waits for the next one.
    func next() -> Worker {
        count.wait()
        return ended.withLock { $0.removeFirst() }
    }
}

/// What came of some worlds.
struct WorkerReport {
    struct Failure {
        let seed: UInt64
        var problems: [String]
    }

    private(set) var failures: [Failure] = []
    private(set) var counts: [String: Int] = [:]
    private(set) var hashes: [UInt64: String] = [:]
    private var current: UInt64?

    init() {}

    init(reading text: String) {
        var problems: [String] = []
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 2).map(String.init)
            switch words.first {
            case "begin": current = UInt64(words[1])
            case "count" where words.count == 3: counts[words[2], default: 0] += Int(words[1]) ?? 0
            case "problem": problems.append(String(line.dropFirst("problem ".count)))
            case "end":
                guard let seed = current, words.count == 3 else { continue }
                hashes[seed] = words[2]
                if !problems.isEmpty { failures.append(Failure(seed: seed, problems: problems)) }
                (problems, current) = ([], nil)
            default: break
            }
        }
    }

    /// The process has come down in the midst of a world.
    mutating func fell(with status: Int32, _ seeds: Range<UInt64>) {
        failures.append(
            Failure(
                seed: current ?? seeds.lowerBound,
                problems: ["the program came down (status \(status)): run it alone to see where"]))
    }

    mutating func add(_ other: WorkerReport) {
        failures += other.failures
        counts.merge(other.counts, uniquingKeysWith: +)
        hashes.merge(other.hashes) { $1 }
    }

    func print(worlds: Int, seconds: Double) {
        for (what, number) in counts.sorted(by: { $0.key < $1.key }) {
            Swift.print(number, what)
        }
        let hours = Double(counts["virtual milliseconds", default: 0]) / 3_600_000
        Swift.print(
            String(
                format: "%d worlds, %d failed; %.0f s: %.1f worlds/s, %.2f simulated hours/s",
                worlds,
                failures.count, seconds, Double(worlds) / seconds, hours / seconds))
    }
}

/// What must have happened in a run that is to mean anything.
enum Expectations {
    /// Per hundred worlds, at least.
    private static let least: KeyValuePairs<String, Int> = [
        "calls": 10_000, "calls that filled a second": 500, "additions looked for": 100,
        "mirrors compared with the cloud's past": 300, "reasons looked into": 1, "writes done": 400,
        "calls in the trouble": 2500, "calls that filled a second in the trouble": 40,
        "mirrors compared with the cloud's past in the trouble": 150,
        "writes done in the trouble": 200,
        "changes replayed": 5000, "edits": 800,
        "edits applied": 400, "changes by phones": 500, "kills": 20, "kills in mid-write": 20,
        "power cuts": 20, "stops": 10, "reloads": 20, "requests": 30, "calls lost": 10,
        "calls that came late": 10, "replies lost": 10, "limits cut": 10, "calendar jumps": 20,
        "downgrades": 5, "disk operations that failed": 100, "locks": 5, "quiet users compared": 20,
        "event guard_tripped": 1, "event deletions_held": 1,
    ]

    /// In a run of 500 worlds, at least once: every fault that the worlds can have.
    private static let kinds = [
        "502", "reset-before", "reset-after", "stall", "silence", "truncated", "garbage",
        "stuck-cursor", "no-complete-flag", "no-content-type", "code:50004", "code:50005:applied",
        "code:60008", "code:60008:applied", "code:60022", "code:90994:applied", "code:51007",
        "code:50001", "empty-listing", "omission", "dangling", "drift", "code:51009",
        "item:51007", "item:51007:applied", "item:50002", "item:50002:applied",
    ]

    /// What did not happen often enough. Fewer than a hundred worlds prove nothing by their number.
    static func missing(_ counts: [String: Int], _ worlds: Int) -> [String] {
        guard worlds >= 100 else { return [] }
        return least.compactMap { what, number in
            let wanted = number * worlds / 100
            let found = counts[what, default: 0]
            return found < wanted ? "only \(found) \(what), not \(wanted)" : nil
        }
            + (worlds < 500 ? [] : kinds).filter { counts["fault \($0)", default: 0] == 0 }.map {
                "no fault '\($0)' has struck"
            }
    }
}
