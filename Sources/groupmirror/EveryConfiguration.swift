import Daemon
import Foundation

// `--all`: the same command for every configuration of the machine. Each has a process of its own, because root
// becomes the owner of a mirror for good.

/// The command for each configuration.
enum EveryConfiguration {
    /// What the command gave for one of them.
    struct Answer {
        let name: String
        let output: String
        let errors: String
        let status: Int32
    }

    /// Runs this program with `arguments` for every configuration, one after the other.
    static func run(_ arguments: [String]) throws -> [Answer] {
        try ConfigurationPlace.all().map { name in
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/proc/self/exe")
            process.arguments = arguments + ["--config", ConfigurationPlace.path(of: name)]
            let (output, errors) = (Pipe(), Pipe())
            process.standardOutput = output
            process.standardError = errors
            process.standardInput = FileHandle.nullDevice
            do {
                try process.run()
            } catch {
                throw ProgramFailure(.unexpected, "no process could be started: \(error)")
            }
            // A command that says so much that one pipe is full says little on the other.
            let said = output.fileHandleForReading.readDataToEndOfFile()
            let noted = errors.fileHandleForReading.readDataToEndOfFile()
            process.waitUntilExit()
            return Answer(
                name: name, output: String(decoding: said, as: UTF8.self),
                errors: String(decoding: noted, as: UTF8.self), status: process.terminationStatus)
        }
    }
}

extension String {
    /// Its lines, without the empty one at the end.
    var lines: [Substring] { split(separator: "\n") }
}
