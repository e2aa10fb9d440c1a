import Foundation
import MirrorStore
import HostSystem

/// Another process: a program of the system, or this one with another command.
enum OtherProgram {
    /// What it gave.
    struct Answer {
        let output: String
        let errors: String
        let status: Int32
    }

    /// Runs a program found on the path to its end, with nothing as its input.
    /// - Returns: nil when there is no such program.
    static func run(_ words: [String]) -> Answer? {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = words
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        process.standardInput = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return nil }
        // A program that says so much that one pipe is full says little on the other.
        let said = output.fileHandleForReading.readDataToEndOfFile()
        let noted = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        // What `env` says of a program that is not there.
        if process.terminationStatus == 127 { return nil }
        return Answer(
            output: String(decoding: said, as: UTF8.self),
            errors: String(decoding: noted, as: UTF8.self), status: process.terminationStatus)
    }

    /// Runs this program with other words, for a configuration.
    static func runThis(_ words: [String], configuration: String) throws -> Answer {
        guard let program = OwnedFile.resolved("/proc/self/exe"),
            let answer = run([program] + words + ["--config", configuration])
        else { throw ProgramFailure(.unexpected, "no process could be started") }
        return answer
    }
}

extension String {
    /// Its lines, without the empty one at the end.
    var lines: [Substring] { split(separator: "\n") }
}
