import ArgumentParser
import Foundation

/// `make mutate` runs this.
@main
struct MutateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mutate",
        abstract: "Puts small faults into the rules and sees whether their tests notice.",
        discussion: """
            Works on a copy of Sources/SyncRules. Each fault that no test notices must be in \
            Reliability/mutate/Survivors.txt with the reason why it cannot be noticed. Ends with 1 \
            when one is not there, when one there is noticed or gone, or when less than 95 % of all \
            faults are noticed.
            """)

    @Option(help: "Where the copy is built.")
    var scratch = ".build-mutants"

    @Option(help: "How many faults are tried at once.")
    var jobs = 2

    @Option(help: "Only faults in this file, like EditPlan.swift.")
    var file: String?

    /// The share of all faults that the tests must notice.
    private static let goal = 0.95
    /// Fewer faults in all say nothing by their share.
    private static let least = 700

    func validate() throws {
        guard jobs > 0 else { throw ValidationError("--jobs is 1 or more") }
        if let file, !FileManager.default.fileExists(atPath: "\(MutatedCopy.rules)/\(file)") {
            throw ValidationError("there is no \(MutatedCopy.rules)/\(file)")
        }
    }

    func run() throws {
        let root = URL(fileURLWithPath: FileManager.default.currentDirectoryPath)
        let copy = MutatedCopy(root: root, folder: URL(fileURLWithPath: scratch, relativeTo: root))
        let (all, spared) = try copy.make()
        for (file, lines) in spared.sorted(by: { $0.key < $1.key }) {
            for line in lines.sorted() where self.file ?? file == file {
                print("SPARED line \(line) of \(file): one of its faults does not compile")
            }
        }
        let mutations = all.filter { file == nil || $0.file == file }
        print("\(mutations.count) faults")
        fflush(nil)
        guard let survivors = try Trials(tests: copy.tests, jobs: jobs).survivors(of: mutations)
        else {
            print("the tests fail without a fault: AWAKE=0 \(copy.tests.path)")
            throw ExitCode(1)
        }
        let known = try Survivors(
            reading: root.appending(path: "Reliability/mutate/Survivors.txt"))
        let share = 1 - Double(survivors.count) / Double(max(1, mutations.count))
        // A small file has few faults, and may owe more of them to what cannot be noticed.
        var isGood = file != nil || share >= Self.goal && mutations.count >= Self.least
        for survivor in survivors where known.reasons[survivor.name] == nil {
            print("SURVIVED line \(survivor.line) of \(survivor.name)")
            isGood = false
        }
        let names = Set(survivors.map(\.name))
        for name in known.reasons.keys.sorted()
        where !names.contains(name) && (file.map(name.hasPrefix) ?? true) {
            print("NOTICED OR GONE \(name)")
            isGood = false
        }
        print(
            String(
                format: "%d faults, %d noticed (%.1f %%), %d survived", mutations.count,
                mutations.count - survivors.count, share * 100, survivors.count))
        guard isGood else { throw ExitCode(1) }
    }
}

/// The faults that no test can notice, and why.
struct Survivors {
    /// By the fault's name.
    let reasons: [String: String]

    /// One a line: file | line | fault | reason. Lines that begin with # are for the reader.
    init(reading url: URL) throws {
        var reasons: [String: String] = [:]
        for line in try String(contentsOf: url, encoding: .utf8).split(separator: "\n")
        where !line.hasPrefix("#") {
            let parts = line.split(separator: " | ").map(String.init)
            guard parts.count >= 4, let reason = parts.last else { continue }
            reasons[parts.dropLast().joined(separator: " | ")] = reason
        }
        self.reasons = reasons
    }
}
