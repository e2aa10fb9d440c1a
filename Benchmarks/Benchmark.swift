import ArgumentParser
import Foundation

// The figures of the project, measured on the shipped programs and printed as a table. Not a test:
// nothing here fails by being slow.

/// `make bench`, or `make bench BENCH="share memory"` for some parts.
@main
struct Benchmark {
    static func main() async throws {
        let parts: [(name: String, run: () async throws -> [Figure])] = [
            ("share", ShareOfTheLimit.measure), ("cpu", CostOfAPass.measure),
            ("edits", CostOfEdits.measure), ("unlimited", WithoutALimit.measure),
            ("memory", SizeOfTheList.measure), ("weather", Weather.measure),
            ("freshness", FreshnessOfCopies.measure), ("writes", BytesWritten.measure),
        ]
        let wanted = CommandLine.arguments.dropFirst()
        if wanted.first == "freshness", wanted.count > 1 {
            return FreshnessOptions.parseOrExit(Array(wanted.dropFirst())).printAll()
        }
        for name in wanted where !parts.contains(where: { $0.name == name }) {
            FileHandle.standardError.write(
                Data("no part '\(name)': \(parts.map(\.name).joined(separator: ", "))\n".utf8))
            exit(64)
        }
        print(Machine.description)
        print("")
        print("| figure | measured | goal | |")
        print("| --- | ---: | ---: | --- |")
        for part in parts where wanted.isEmpty || wanted.contains(part.name) {
            for figure in try await part.run() { print(figure.row) }
            fflush(nil)
        }
    }
}

/// One line of the table.
struct Figure {
    let name: String
    let measured: String
    let goal: String
    /// nil: there is no goal.
    let isMet: Bool?

    init(_ name: String, _ measured: String, goal: String = "", isMet: Bool? = nil) {
        self.name = name
        self.measured = measured
        self.goal = goal
        self.isMet = isMet
    }

    var row: String {
        "| \(name) | \(measured) | \(goal) | \(isMet.map { $0 ? "met" : "missed" } ?? "") |"
    }
}

/// What it was measured on.
enum Machine {
    static var description: String {
        let model = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?
            .split(separator: "\n").first { $0.hasPrefix("model name") }?
            .split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) }
        let cores = ProcessInfo.processInfo.activeProcessorCount
        let memory = ProcessInfo.processInfo.physicalMemory >> 30
        return "\(model ?? "unknown processor"), \(cores) cores, \(memory) GiB; "
            + "daemon, emulator and benchmark share them"
    }
}

func rounded(_ number: Double, _ digits: Int = 1) -> String {
    String(format: "%.\(digits)f", number)
}
