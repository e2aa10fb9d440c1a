import Foundation
import TestSupport

// What systemd does for the daemon: starts it, starts it again when it ends, and listens for its
// signs of life.

/// Keeps one daemon running.
final class Keeper {
    private let emulator: EmulatorProcess
    private let calendar: Calendar
    private let manager: NotifySocket
    private let findings: Findings
    private(set) var daemon: RunningProgram
    /// Whether its end is what was asked for.
    private var isToEnd = false
    /// While the disk is full a daemon that starts may end, to be started again.
    var mayFailOnStorage = false

    /// A daemon that says nothing for so many seconds is killed. The unit waits for three minutes.
    static let watchdog = 2.0

    init(_ emulator: EmulatorProcess, _ calendar: Calendar, _ findings: Findings) throws {
        self.emulator = emulator
        self.calendar = calendar
        self.findings = findings
        manager = try NotifySocket(emulator.directory.file("notify"))
        daemon = try Keeper.begin(emulator, calendar, manager)
    }

    private static func begin(
        _ emulator: EmulatorProcess, _ calendar: Calendar, _ manager: NotifySocket
    ) throws -> RunningProgram {
        manager.clear()
        return try emulator.daemon(
            calendar.environment.merging([
                "NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "\(Int(watchdog * 1_000_000))",
            ]) { $1 })
    }

    /// Starts another one, without waiting for it.
    func start() throws {
        isToEnd = false
        daemon = try Keeper.begin(emulator, calendar, manager)
        findings.count("starts")
    }

    /// Waits until a daemon is ready; starts another one when it has ended.
    func keepAlive() throws {
        let deadline = Date(timeIntervalSinceNow: 180)
        while !manager.messages.contains(where: { $0.hasPrefix("READY=1") }) || !daemon.isRunning {
            if !daemon.isRunning {
                judge(daemon.wait())
                usleep(200_000)
                try start()
            }
            guard Date() < deadline else {
                throw NeverHappened(what: "a daemon that is ready\n\(daemon.stderr.suffix(4000))")
            }
            usleep(5000)
        }
    }

    /// SIGKILL.
    func kill() {
        // One that has ended by itself was not killed.
        if !daemon.isRunning { judge(daemon.wait()) }
        isToEnd = true
        daemon.signal(SIGKILL)
        if daemon.wait() == RunningProgram.killed { findings.count("kills of run") }
    }

    /// SIGTERM: it ends by itself, with 0.
    func stop() {
        isToEnd = true
        daemon.signal(SIGTERM)
        let status = daemon.wait()
        findings.count("stops")
        if status != 0 {
            findings.problem("told to stop, it ended with \(status)\n\(daemon.stderr.suffix(2000))")
        }
    }

    /// SIGSTOP, until its last sign of life is too old.
    func freezeBeyondTheWatchdog() {
        daemon.signal(SIGSTOP)
        let deadline = Date(timeIntervalSinceNow: 60)
        while Date() < deadline {
            usleep(100_000)
            let silence = -(manager.lastHeard ?? .distantPast).timeIntervalSinceNow
            if silence > Keeper.watchdog + 0.5 { return findings.count("frozen daemons") }
        }
        findings.problem("a stopped daemon gives signs of life")
    }

    /// What systemd does then.
    func killForSilence() {
        isToEnd = true
        daemon.signal(SIGABRT)
        kill()
    }

    /// SIGCONT: the same process goes on.
    func thaw() throws {
        let frozen = manager.messages.count
        daemon.signal(SIGCONT)
        try wait("life after a standstill") { manager.messages.count > frozen }
    }

    /// Waits for something while the daemon must live.
    func wait(_ what: String, seconds: Double = 60, _ condition: () throws -> Bool) throws {
        let deadline = Date(timeIntervalSinceNow: seconds)
        while try !condition() {
            guard Date() < deadline else {
                throw NeverHappened(what: "\(what)\n\(daemon.stderr.suffix(4000))")
            }
            if !daemon.isRunning { try keepAlive() }
            usleep(20_000)
        }
    }

    private func judge(_ status: Int32) {
        if isToEnd || status == 74 && mayFailOnStorage { return }
        findings.problem("the daemon ended with \(status)\n\(daemon.stderr.suffix(3000))")
    }
}

/// What was found, and how often what was done.
final class Findings {
    /// Each as it was told.
    private(set) var problems: [String] = []
    private(set) var counts: [String: Int] = [:]
    /// What is going on: said with each problem.
    var now = ""

    func problem(_ text: String) {
        problems.append("\(now): \(text)")
        print("PROBLEM \(now): \(text)")
        fflush(nil)
    }

    func count(_ what: String) { counts[what, default: 0] += 1 }
}

/// The machine's calendar, as the daemon sees it.
struct Calendar {
    private let file: String
    private let shim: String

    init(in directory: TemporaryDirectory) throws {
        file = directory.file("calendar")
        let program = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        shim = program.deletingLastPathComponent().appending(path: "libcalendar.so").path
        guard FileManager.default.fileExists(atPath: shim) else {
            throw NeverHappened(what: "the build of \(shim)")
        }
        try set(ahead: 0)
    }

    var environment: [String: String] { ["LD_PRELOAD": shim, "CALENDAR_FILE": file] }

    /// From now on it is so many seconds ahead; running programs see it too.
    func set(ahead seconds: Int64) throws {
        // In place: programs have the file in their memory.
        let descriptor = open(file, O_WRONLY | O_CREAT, 0o600)
        guard descriptor >= 0 else { throw NeverHappened(what: "a calendar at \(file)") }
        defer { close(descriptor) }
        let isWritten = withUnsafeBytes(of: seconds.littleEndian) {
            write(descriptor, $0.baseAddress, $0.count) == $0.count
        }
        guard isWritten else { throw NeverHappened(what: "a calendar at \(file)") }
    }
}
