import Foundation
import Synchronization

/// The built programs, started as a user starts them.
package enum Program: String, Sendable {
    case groupmirror
    case emulator = "chat-emulator"

    /// Beside the test bundle.
    var url: URL {
        let bundle = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        var folder = bundle.deletingLastPathComponent()
        while folder.path != "/" {
            let candidate = folder.appending(path: rawValue)
            if FileManager.default.isExecutableFile(atPath: candidate.path) { return candidate }
            folder.deleteLastPathComponent()
        }
        return URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appending(path: "../../.build/debug/\(rawValue)")
    }
}

/// A process under test; killed with its owner, by its id.
package final class RunningProgram: Sendable {
    private struct Output {
        var stdout = Data()
        var stderr = Data()
    }

    private let process: Process
    private let output = Mutex(Output())
    private let readers = DispatchGroup()

    package init(
        _ program: Program, _ arguments: [String], environment: [String: String] = [:],
        wrapper: [String] = []
    ) throws {
        process = Process()
        let command = wrapper + [program.url.path] + arguments
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        let (out, err) = (Pipe(), Pipe())
        process.standardOutput = out
        process.standardError = err
        try process.run()
        collect(out) { $0.stdout += $1 }
        collect(err) { $0.stderr += $1 }
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    }

    private func collect(
        _ pipe: Pipe, _ store: @escaping @Sendable (inout Output, Data) -> Void
    ) {
        let handle = pipe.fileHandleForReading
        readers.enter()
        Thread.detachNewThread { [self] in
            while case let data = handle.availableData, !data.isEmpty {
                output.withLock { store(&$0, data) }
            }
            readers.leave()
        }
    }

    package var stdout: String { text(output.withLock { $0.stdout }) }
    package var stderr: String { text(output.withLock { $0.stderr }) }
    package var isRunning: Bool { process.isRunning }
    package var pid: Int32 { process.processIdentifier }

    private func text(_ data: Data) -> String { String(decoding: data, as: UTF8.self) }

    package func signal(_ number: Int32) { kill(process.processIdentifier, number) }

    /// Waits for the end; the exit status, or 128 and the number of the signal that ended it.
    @discardableResult
    package func wait() -> Int32 {
        process.waitUntilExit()
        readers.wait()
        return process.terminationReason == .exit
            ? process.terminationStatus : 128 + process.terminationStatus
    }

    /// Polls real processes: their clocks are their own. A minute is long enough for anything here.
    package func wait(for what: String, seconds: Double = 60, _ condition: () throws -> Bool)
        throws
    {
        let deadline = Date(timeIntervalSinceNow: seconds)
        while try !condition() {
            guard Date() < deadline else {
                throw NeverHappened(what: "\(what)\n\(stdout.suffix(2000))\(stderr.suffix(4000))")
            }
            usleep(20_000)
        }
    }
}

/// A program that ran to its end.
package struct FinishedProgram: Sendable {
    package let status: Int32
    package let stdout: String
    package let stderr: String
}

/// An emulator process and a directory with the configuration that goes with it.
package final class EmulatorProcess: Sendable {
    package let directory: TemporaryDirectory
    package let process: RunningProgram
    package let address: String

    package init(_ arguments: String...) throws {
        directory = try TemporaryDirectory()
        let process = try RunningProgram(
            .emulator, ["--port", "0", "--setup", directory.path] + arguments)
        try process.wait(for: "the emulator's address") { process.stdout.contains("\n") }
        self.process = process
        let words = process.stdout.split(whereSeparator: \.isWhitespace)
        guard let last = words.last else { throw NeverHappened(what: "an address") }
        address = String(last)
    }

    package var configuration: String { directory.file("groupmirror.yaml") }

    /// Adds settings to the configuration.
    package func configure(_ yaml: String) throws {
        let text = try String(contentsOfFile: configuration, encoding: .utf8)
        try directory.write(text + yaml + "\n", to: "groupmirror.yaml")
    }

    package func get(_ route: String) throws -> String {
        try http("GET", route, nil)
    }

    @discardableResult
    package func post(_ route: String, _ body: String) throws -> String {
        try http("POST", route, body)
    }

    private func http(_ method: String, _ route: String, _ body: String?) throws -> String {
        let curl = Process()
        curl.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        curl.arguments =
            ["curl", "-sS", "-m", "30", "-X", method]
            + (body.map { ["--data-binary", $0] } ?? []) + ["\(address)/emulator/\(route)"]
        let output = Pipe()
        curl.standardOutput = output
        try curl.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        curl.waitUntilExit()
        return String(decoding: data, as: UTF8.self)
    }

    /// Runs a command of groupmirror to its end.
    package func groupmirror(
        _ arguments: String..., environment: [String: String] = [:]
    ) throws -> FinishedProgram {
        let process = try RunningProgram(
            .groupmirror, arguments + ["--config", configuration], environment: environment)
        let status = process.wait()
        return FinishedProgram(status: status, stdout: process.stdout, stderr: process.stderr)
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

    /// Whether mirror and cloud are equal, line by line.
    package func isEqual() throws -> Bool { try export() == get("export") }
}
