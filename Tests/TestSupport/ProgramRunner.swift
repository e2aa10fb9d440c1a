import Foundation
import Synchronization

/// The built programs, started as a user starts them.
package enum Program: String, Sendable {
    case groupmirror
    case webhook = "groupmirror-webhook"
    case emulator = "chat-emulator"

    /// Whether `path` is one of them.
    static func isOurs(_ path: String) -> Bool {
        [Program.groupmirror, .webhook, .emulator].contains { path.hasSuffix("/" + $0.rawValue) }
    }

    /// Beside the test bundle.
    package var url: URL {
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

/// A process under test; killed with its owner, by its id. Made with posix_spawn: every descriptor
/// of this process is closed in the child, so that the end of a pipe is the end of its process.
package final class RunningProgram: Sendable {
    private struct State {
        var stdout: [UInt8] = []
        var stderr: [UInt8] = []
        var status: Int32?
    }

    private static let starting = Mutex(())

    package let pid: Int32
    private let state: Shared<State>
    private let finished: DispatchGroup

    package convenience init(
        _ program: Program, _ arguments: [String], environment: [String: String] = [:],
        wrapper: [String] = []
    ) throws {
        try self.init(
            command: wrapper + [program.url.path] + arguments, environment: environment)
    }

    package init(command: [String], environment: [String: String] = [:]) throws {
        // One start at a time: else a child could inherit a pipe that is being made for another.
        let (pid, out, err) = try RunningProgram.starting.withLock { _ in
            let (out, err) = (try RunningProgram.pipe(), try RunningProgram.pipe())
            let pid = try RunningProgram.spawn(command, environment, out.write, err.write)
            close(out.write)
            close(err.write)
            return (pid, out.read, err.read)
        }
        self.pid = pid
        let (state, finished) = (Shared(State()), DispatchGroup())
        let name = command.joined(separator: " ")
        // This command is there to print one.
        let isToTell = command.contains("usersig")
        RunningProgram.collect(out, isToTell ? nil : "output of \(name)", finished) { bytes in
            state.change { $0.stdout += bytes }
        }
        RunningProgram.collect(err, "errors of \(name)", finished) { bytes in
            state.change { $0.stderr += bytes }
        }
        RunningProgram.inBackground(finished) {
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
            let signal = status & 0x7F
            state.change { $0.status = signal == 0 ? (status >> 8) & 0xFF : 128 + signal }
        }
        self.state = state
        self.finished = finished
    }

    deinit {
        if isRunning { kill(pid, SIGKILL) }
    }

    package var stdout: String { String(decoding: state.value.stdout, as: UTF8.self) }
    package var stderr: String { String(decoding: state.value.stderr, as: UTF8.self) }
    package var isRunning: Bool { state.value.status == nil }

    package func signal(_ number: Int32) {
        if isRunning { kill(pid, number) }
    }

    /// The status of a process that SIGKILL has ended.
    package static let killed = 128 + SIGKILL

    /// Waits for the end; the exit status, or 128 and the number of the signal that ended it. A
    /// process that takes longer than `seconds` is killed.
    @discardableResult
    package func wait(atMost seconds: Double = 240) -> Int32 {
        if finished.wait(timeout: .now() + seconds) == .timedOut {
            signal(SIGKILL)
            finished.wait()
        }
        return state.value.status ?? -1
    }

    /// Polls real processes: their clocks are their own. The bound only ends a test that would never
    /// end.
    package func wait(for what: String, seconds: Double = 240, _ condition: () throws -> Bool)
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

    private static func pipe() throws -> (read: Int32, write: Int32) {
        var ends: [Int32] = [0, 0]
        guard Glibc.pipe(&ends) == 0 else { throw NeverHappened(what: "a pipe") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    private static func spawn(
        _ command: [String], _ environment: [String: String], _ out: Int32, _ err: Int32
    ) throws -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, out, 1)
        posix_spawn_file_actions_adddup2(&actions, err, 2)
        let whole = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        // Programs of the system may be called with a usersig by a test; ours never are.
        if command.contains(where: Program.isOurs) {
            for text in command + whole.map({ "\($0.key)=\($0.value)" }) {
                SecretSearch.expectNone(in: text, of: "the start of \(command[0])")
            }
        }
        var arguments = command.map { strdup($0) } + [nil]
        var variables = whole.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in arguments + variables { free(text) } }
        var pid: pid_t = 0
        guard posix_spawnp(&pid, command[0], &actions, nil, &arguments, &variables) == 0 else {
            throw NeverHappened(what: "the start of \(command[0])")
        }
        return pid
    }

    /// - Parameter name: what is searched for secrets; nil when that is not to be done.
    private static func collect(
        _ descriptor: Int32, _ name: String?, _ group: DispatchGroup,
        _ store: @escaping @Sendable ([UInt8]) -> Void
    ) {
        inBackground(group) {
            var bytes = [UInt8](repeating: 0, count: 1 << 16)
            // A secret may come in two parts.
            var tail: [UInt8] = []
            while case let count = read(descriptor, &bytes, bytes.count), count > 0 {
                let new = Array(bytes[..<count])
                if let name { SecretSearch.expectNone(in: tail + new, of: name) }
                tail = Array((tail + new).suffix(100))
                store(new)
            }
            close(descriptor)
        }
    }

    private static func inBackground(
        _ group: DispatchGroup, _ body: @escaping @Sendable () -> Void
    ) {
        group.enter()
        Thread.detachNewThread {
            body()
            group.leave()
        }
    }
}

/// A program that ran to its end.
package struct FinishedProgram: Sendable {
    package let status: Int32
    package let stdout: String
    package let stderr: String

    /// Waits for the end of a process.
    package init(_ process: RunningProgram) {
        status = process.wait()
        stdout = process.stdout
        stderr = process.stderr
    }
}

extension RunningProgram {
    /// Runs a program of the system to its end.
    package static func run(_ command: String...) throws -> FinishedProgram {
        FinishedProgram(try RunningProgram(command: command))
    }
}
