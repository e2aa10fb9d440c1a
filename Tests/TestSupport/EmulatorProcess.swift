import Foundation

/// An emulator process and a directory with the configuration that goes with it.
package final class EmulatorProcess: Sendable {
    package let directory: TemporaryDirectory
    package let process: RunningProgram
    package let address: String

    package convenience init(_ arguments: String...) throws { try self.init(arguments) }

    package init(_ arguments: [String]) throws {
        directory = try TemporaryDirectory()
        let process = try RunningProgram(
            .emulator, ["--port", "0", "--setup", directory.path] + arguments)
        try process.wait(for: "the emulator's address") { process.stdout.contains("\n") }
        self.process = process
        let words = process.stdout.split(whereSeparator: \.isWhitespace)
        guard let last = words.last else { throw NeverHappened(what: "an address") }
        address = String(last)
    }

    /// One with twenty users, all of whom have been pulled.
    package static func pulled(_ arguments: String...) throws -> EmulatorProcess {
        let emulator = try EmulatorProcess(["--users", "20", "--seed", "5"] + arguments)
        let resync = try emulator.groupmirror("resync", "--all")
        guard resync.status == 0 else {
            throw NeverHappened(what: "a pull of everybody: \(resync.stderr)")
        }
        return emulator
    }

    package var configuration: String { directory.file("groupmirror.yaml") }

    /// Adds settings to the configuration.
    package func configure(_ yaml: String) throws {
        let text = try String(contentsOfFile: configuration, encoding: .utf8)
        try directory.write(text + yaml + "\n", to: "groupmirror.yaml")
    }

    /// Replaces a line, or a part of one, of the configuration.
    package func configure(_ old: String, _ new: String) throws {
        let text = try String(contentsOfFile: configuration, encoding: .utf8)
        try directory.write(
            text.replacingOccurrences(of: old, with: new), to: "groupmirror.yaml")
    }

    package func get(_ route: String) throws -> String {
        try http("GET", route, nil)
    }

    @discardableResult
    package func post(_ route: String, _ body: String) throws -> String {
        try http("POST", route, body)
    }

    private func http(_ method: String, _ route: String, _ body: String?) throws -> String {
        let curl = try RunningProgram(
            command: ["curl", "-sS", "-m", "30", "-X", method]
                + (body.map { ["--data-binary", $0] } ?? []) + ["\(address)/emulator/\(route)"])
        curl.wait()
        return curl.stdout
    }

    /// Runs a command of groupmirror to its end.
    package func groupmirror(
        _ arguments: String..., environment: [String: String] = [:]
    ) throws -> FinishedProgram {
        try run(arguments, environment: environment)
    }

    /// Runs a command of groupmirror given as a list.
    package func run(_ arguments: [String], environment: [String: String] = [:]) throws
        -> FinishedProgram
    {
        FinishedProgram(
            try RunningProgram(
                .groupmirror, arguments + ["--config", configuration], environment: environment))
    }

    /// Starts a command of groupmirror that goes on for a while.
    package func start(_ arguments: String...) throws -> RunningProgram {
        try RunningProgram(.groupmirror, arguments + ["--config", configuration])
    }

    /// Starts the daemon.
    package func daemon(_ environment: [String: String] = [:], wrapper: [String] = []) throws
        -> RunningProgram
    {
        try RunningProgram(
            .groupmirror, ["run", "--config", configuration], environment: environment,
            wrapper: wrapper)
    }

    /// The export without the times of the pulls, which the cloud does not know.
    package func export() throws -> String {
        try groupmirror("export").stdout.replacing(
            /"pulled_at":"[^"]*"/, with: "\"pulled_at\":null")
    }

    /// What the database's own program prints for a statement; it must not complain.
    @discardableResult
    package func sqlite(_ statement: String) throws -> String {
        let end = try RunningProgram.run("sqlite3", directory.file("mirror.db"), statement)
        guard end.status == 0, end.stderr.isEmpty else {
            throw NeverHappened(what: "\(statement): \(end.stderr)")
        }
        return end.stdout
    }

    /// Whether mirror and cloud are equal, line by line.
    package func isEqual() throws -> Bool { try export() == get("export") }
}
