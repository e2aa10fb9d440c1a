import ChatAPI
import ChatModel
import EventLog
import Glibc
import LoopThread
import Synchronization

/// What the `stats` line says of the process: memory, processor time, files, the last reload.
final class ProcessGauges: Sendable {
    private let database: String
    private let startedAt: MonotonicTime
    private let time: any Timekeeper
    private let logDropped: @Sendable () -> Int
    private let signer: Signer
    private let loop: Loop
    private let reloadGood = Atomic(true)

    init(
        database: String, time: any Timekeeper, signer: Signer, loop: Loop,
        logDropped: @escaping @Sendable () -> Int
    ) {
        self.database = database
        self.time = time
        self.signer = signer
        self.loop = loop
        self.logDropped = logDropped
        startedAt = time.now()
    }

    /// Takes in what the last reload came to.
    func noteReload(isGood: Bool) { reloadGood.store(isGood, ordering: .relaxed) }

    var isReloadGood: Bool { reloadGood.load(ordering: .relaxed) }

    /// What the log says of the process now and then: memory, time, files.
    func numbers() -> ProcessNumbers {
        var numbers = ProcessNumbers()
        numbers.uptime = time.now() - startedAt
        numbers.residentBytes = ProcessGauges.residentBytes
        numbers.processorTime = ProcessGauges.processorTime
        numbers.databaseBytes = ProcessGauges.size(of: database)
        numbers.logBytes = ProcessGauges.size(of: database + "-wal")
        numbers.freeBytes = ProcessGauges.freeBytes(at: database)
        numbers.isReloadGood = isReloadGood
        numbers.signatureExpires = signer.expiresIn
        numbers.logDropped = logDropped()
        numbers.loopBlocked = loop.blocked
        return numbers
    }

    /// The second number of `/proc/self/statm`, in pages.
    private static var residentBytes: Int64 {
        let descriptor = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return 0 }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 128)
        let count = read(descriptor, &bytes, bytes.count)
        let words = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).split(
            separator: " ")
        return (words.dropFirst().first.flatMap { Int64($0) } ?? 0)
            * Int64(sysconf(Int32(_SC_PAGESIZE)))
    }

    private static var processorTime: Duration {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return [usage.ru_utime, usage.ru_stime].reduce(.zero) {
            $0 + .seconds($1.tv_sec) + .microseconds(Int64($1.tv_usec))
        }
    }

    private static func size(of path: String) -> Int64 {
        var file = stat()
        return stat(path, &file) == 0 ? Int64(file.st_size) : 0
    }

    private static func freeBytes(at path: String) -> Int64 {
        var system = statvfs()
        guard statvfs(path, &system) == 0 else { return 0 }
        return Int64(system.f_bavail) * Int64(system.f_frsize)
    }
}
