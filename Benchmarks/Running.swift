import Foundation

/// A program of this build, started for a measurement and stopped by its id.
final class Running {
    private let process = Process()
    let log: String

    init(_ program: String, _ arguments: [String], log: String) throws {
        self.log = log
        let folder = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
            .deletingLastPathComponent()
        process.executableURL = folder.appending(path: program)
        process.arguments = arguments
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        let output = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
        process.standardOutput = output
        process.standardError = output
        try process.run()
    }

    deinit { stop() }

    func stop() {
        guard process.isRunning else { return }
        process.terminate()
        process.waitUntilExit()
    }

    /// Waits for its end; its exit status.
    func wait() -> Int32 {
        process.waitUntilExit()
        return process.terminationStatus
    }

    var text: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }

    func wait(for words: String) throws {
        let deadline = Date(timeIntervalSinceNow: 120)
        while !text.contains(words) {
            guard Date() < deadline, process.isRunning else {
                throw Failure(words: "never seen: \(words)\n\(text.suffix(1000))")
            }
            usleep(5000)
        }
    }

    /// Used so far, by all its threads that live.
    var usage: Usage {
        let folder = "/proc/\(process.processIdentifier)"
        let stat = (try? String(contentsOfFile: folder + "/stat", encoding: .utf8)) ?? ""
        let fields = stat.split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12])
        else { return Usage(time: 0, switches: 0) }
        let threads =
            (try? FileManager.default.contentsOfDirectory(atPath: folder + "/task")) ?? []
        let switches = threads.map { thread -> Double in
            let status = try? String(
                contentsOfFile: "\(folder)/task/\(thread)/status", encoding: .utf8)
            let line = status?.split(separator: "\n").first {
                $0.hasPrefix("voluntary_ctxt_switches:")
            }
            return line?.split(whereSeparator: \.isWhitespace).last.flatMap { Double($0) } ?? 0
        }
        return Usage(
            time: (user + system) / Double(sysconf(Int32(_SC_CLK_TCK))),
            switches: switches.reduce(0, +))
    }

    /// Resident memory in megabytes.
    var residentMemory: Double { residentKilobytes(of: "\(process.processIdentifier)") / 1000 }
}

/// Resident memory of a process.
/// - Parameter process: its id, or `self`.
func residentKilobytes(of process: String) -> Double {
    let status = (try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
    return line.flatMap { Double($0.split(whereSeparator: \.isWhitespace)[1]) } ?? 0
}

struct Failure: Error {
    let words: String
}

/// An emulator with its configuration, and a daemon for it.
final class Bed {
    let folder: String
    let emulator: Running
    let address: String

    init(_ arguments: [String]) throws {
        folder = NSTemporaryDirectory() + "groupmirror-bench-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        emulator = try Running(
            "chat-emulator", ["--port", "0", "--setup", folder] + arguments,
            log: folder + "/emulator.log")
        try emulator.wait(for: "\n")
        address = String(emulator.text.split(whereSeparator: \.isWhitespace).last ?? "")
    }

    deinit {
        emulator.stop()
        try? FileManager.default.removeItem(atPath: folder)
    }

    var configuration: String { folder + "/groupmirror.yaml" }

    func configure(_ yaml: String) throws {
        let text = try String(contentsOfFile: configuration, encoding: .utf8)
        try (text + yaml + "\n").write(toFile: configuration, atomically: true, encoding: .utf8)
    }

    /// Runs a command to its end.
    func groupmirror(_ arguments: String...) throws {
        let program = try Running(
            "groupmirror", arguments + ["--config", configuration], log: folder + "/command.log")
        guard program.wait() == 0 else { throw Failure(words: "\(arguments): \(program.text)") }
    }

    func daemon() throws -> Running {
        try Running("groupmirror", ["run", "--config", configuration], log: folder + "/daemon.log")
    }

    /// A number of the emulator's statistics about a command.
    func statistic(_ name: String, of command: String = "get_contact_group") throws -> Double {
        let data = try curl([address + "/emulator/stats"])
        let json = try JSONSerialization.jsonObject(with: data) as? [String: Any]
        let commands = json?["commands"] as? [String: [String: Any]]
        return (commands?[command]?[name] as? NSNumber)?.doubleValue ?? 0
    }

    /// Sets the faults that are in force from now on.
    func setFaults(_ json: String) throws {
        _ = try curl(["-d", json, address + "/emulator/faults"])
    }

    private func curl(_ arguments: [String]) throws -> Data {
        let curl = Process()
        curl.executableURL = URL(fileURLWithPath: "/usr/bin/curl")
        curl.arguments = ["-sS"] + arguments
        let pipe = Pipe()
        curl.standardOutput = pipe
        try curl.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        curl.waitUntilExit()
        return data
    }

    /// Waits until the emulator has seen so many listing calls.
    func waitForCalls(_ count: Double) throws {
        let deadline = Date(timeIntervalSinceNow: 300)
        while try statistic("calls") < count {
            guard Date() < deadline else { throw Failure(words: "\(count) calls never came") }
            usleep(200_000)
        }
    }
}
