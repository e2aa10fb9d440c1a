import ChatModel
import Glibc
import MirrorStore
import Synchronization
import SyncEngine
import HostSystem

// The heartbeat of the daemon, in a file beside the database: it must be visible also when the database
// cannot be written, and nothing else would show that the daemon stands still. The file is written over
// in place, so that a full disk does not stop it.

/// Writes the heartbeat.
package final class PulseFile: Sendable {
    private let descriptor: Mutex<Int32>
    private let path: String

    /// A daemon that has been silent for longer does not respond.
    package static let patience = Duration.seconds(15)
    /// One that is starting may take as long as systemd allows it (`TimeoutStartSec`).
    package static let patienceAtStart = Duration.seconds(120)
    private static let size = 2048

    /// Makes the file; a daemon without one works, but looks as if it stood still, so that is a failure.
    package init(database: String) throws(StoreFailure) {
        path = PulseFile.path(database)
        let file = OwnedFile.open(path, mayBeLink: false)
        descriptor = Mutex(file)
        guard file >= 0 else {
            throw StoreFailure(
                kind: .passing,
                problem: "\(path): the heartbeat cannot be written: "
                    + OwnedFile.problem(path, errno),
                advice: "may this user write in the directory of the database?")
        }
    }

    deinit { descriptor.withLock { _ = close($0) } }

    /// Says that the daemon is alive, and how it is.
    package func write(_ pulse: Pulse, time: any Timekeeper) {
        var text = """
            process \(getpid())
            beat \(time.now().nanoseconds / 1_000_000)
            at \(time.wallTime().milliseconds)
            cloud \(pulse.cloud)
            cloud_problem \(PulseFile.line(pulse.cloudProblem))

            """
        if let problem = pulse.storeProblem {
            text += "store_problem \(PulseFile.line(problem))\n"
        }
        if pulse.isReloadRejected { text += "reload rejected\n" }
        if let offset = pulse.clockOffset { text += "clock_offset \(offset.milliseconds)\n" }
        // Always the same size: written in place, in one piece.
        var bytes = Array(text.utf8.prefix(PulseFile.size))
        bytes += [UInt8](repeating: UInt8(ascii: "\n"), count: PulseFile.size - bytes.count)
        descriptor.withLock { descriptor in
            // A clean-up may have removed it.
            if FileIdentity(path) == nil {
                let new = OwnedFile.open(path, mayBeLink: false)
                if new >= 0 {
                    close(descriptor)
                    descriptor = new
                }
            }
            _ = pwrite(descriptor, bytes, bytes.count, 0)
        }
    }

    /// After a clean end there is no heartbeat to be missed.
    package func remove() { unlink(path) }

    private static func line(_ text: String) -> String {
        String(text.unicodeScalars.prefix(300).map { $0 == "\n" ? " " : Character($0) })
    }

    /// The heartbeat of the daemon that serves a database.
    static func path(_ database: String) -> String { database + ".pulse" }
}

/// A heartbeat as another process finds it.
package struct Heartbeat: Sendable {
    package let process: Int32
    /// How long ago it was written.
    package let age: Duration
    package let at: WallTime
    package let pulse: Pulse

    package var isSilent: Bool {
        age > (pulse == .starting ? PulseFile.patienceAtStart : PulseFile.patience)
    }

    /// The daemon that has left a heartbeat and is still alive; nil when none is.
    static func livingProcess(database: String) -> Int32? {
        guard let process = values(of: database)["process"].flatMap({ Int32($0) }), process > 0,
            isAlive(process, database: database)
        else { return nil }
        return process
    }

    /// Whether the process runs: on this machine as far as it can be seen from here, or in a container
    /// that shares the directory, from which it gives its heartbeat.
    static func isAlive(_ process: Int32, database: String) -> Bool {
        if kill(process, 0) == 0 || errno == EPERM { return true }
        let now = SystemTimekeeper().now()
        return Heartbeat(database: database, of: process, now: now)?.isSilent == false
    }

    /// What stands in the file, by key.
    private static func values(of database: String) -> [Substring: Substring] {
        let descriptor = OwnedFile.openForReading(PulseFile.path(database))
        guard descriptor >= 0 else { return [:] }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(descriptor, &bytes, bytes.count)
        var values: [Substring: Substring] = [:]
        let text = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 1)
            if let key = words.first { values[key] = words.dropFirst().first ?? "" }
        }
        return values
    }

    /// The last heartbeat of the daemon with this process id; nil when it has given none yet.
    package init?(database: String, of process: Int32, now: MonotonicTime) {
        let values = Heartbeat.values(of: database)
        guard values["process"].flatMap({ Int32($0) }) == process,
            let beat = values["beat"].flatMap({ Int64($0) }),
            let at = values["at"].flatMap({ Int64($0) }), let cloud = values["cloud"]
        else { return nil }
        self.process = process
        age = max(.zero, now - MonotonicTime(nanoseconds: beat * 1_000_000))
        self.at = WallTime(milliseconds: at)
        pulse = Pulse(
            cloud: String(cloud), cloudProblem: String(values["cloud_problem"] ?? ""),
            storeProblem: values["store_problem"].map(String.init),
            clockOffset: values["clock_offset"].flatMap { Int64($0) }.map { .milliseconds($0) },
            isReloadRejected: values["reload"] == "rejected")
    }
}
