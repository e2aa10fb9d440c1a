import ChatEmulator
import ChatModel
import GRDBSQLite

// A disk in memory on which everything can go wrong, at any operation: the process dies, the power
// goes, an operation fails, the disk is full. SQLite reaches it through a VFS of its own
// (DiskVFS.swift). One thread only.

/// What goes wrong with the disk, and when. Operations are counted from 0, over all files.
package enum DiskTrouble: Sendable, Hashable {
    /// The process is killed at this operation: what it wrote before is seen, nothing later is.
    case stop(at: Int)
    /// The operation fails, and so many after it (a read or write error).
    case fail(at: Int, times: Int)
    /// From this operation on so many writes find no room.
    case full(at: Int, times: Int)
}

/// A process as the disk sees it: once dead, nothing that it still tries has an effect.
package final class DiskUser {
    package fileprivate(set) var isDead = false
    /// Called once, when the disk kills it.
    package var died: () -> Void = {}

    package init() {}
}

/// The simulated disk: files by name.
package final class SimulatedDisk {
    /// The disk that SQLite's files are on; one at a time, for one thread.
    package nonisolated(unsafe) static var current = SimulatedDisk()

    /// Nothing else in this process uses SQLite: its clock, its random numbers and its waiting are
    /// the simulation's.
    package nonisolated(unsafe) static var isAlone = false
    /// Files below this are on the simulated disk.
    package static let root = DiskVFS.root

    private var files: [String: StoredFile] = [:]
    /// Files whose removal no sync of the directory has followed yet.
    private var removed: [String: StoredFile] = [:]
    /// Connections that have something open.
    private var handles: Set<DiskHandle> = []
    /// Who opens files from now on.
    package var user = DiskUser()
    package var trouble: DiskTrouble?
    /// Whether reads count as operations too.
    package var countsReads = false
    /// Operations so far that changed something, or all with `countsReads`.
    package private(set) var operations = 0
    /// How often an operation was made to fail.
    package private(set) var failures = 0
    /// How often it has killed a process at an operation.
    package private(set) var kills = 0
    /// Called before each operation that is counted.
    package var watch: (() -> Void)?
    /// The time that SQL's own functions see.
    package var wallTime: () -> WallTime = { WallTime(milliseconds: 0) }
    private var random: SplitMix

    package init(seed: UInt64 = 1) {
        random = SplitMix(seed: seed)
        DiskVFS.register()
        // SQLite asks the VFS for its random numbers' seed again, so that a disk is the same whatever
        // this process did before.
        sqlite3_randomness(0, nil)
    }

    // MARK: Accidents

    /// Ends a process: its locks are gone, what it wrote stays.
    package func kill(_ user: DiskUser) {
        guard !user.isDead else { return }
        user.isDead = true
        for handle in handles where handle.user === user { release(handle) }
        user.died()
    }

    /// Ends every process, and takes what was not synced: each write is kept, lost or torn.
    package func cutPower() {
        for user in Set(handles.map(\.user).map(Reference.init)) { kill(user.object) }
        var left: [String: StoredFile] = [:]
        for (name, file) in files.sorted(by: { $0.key < $1.key })
        where file.isEntered || random.chance() < 0.5 {
            left[name] = file.afterPowerCut(&random)
        }
        for (name, file) in removed.sorted(by: { $0.key < $1.key })
        where left[name] == nil && random.chance() < 0.5 {
            left[name] = file.afterPowerCut(&random)
        }
        files = left
        removed = [:]
    }

    /// Whether a power cut would take anything.
    package var hasUnsynced: Bool {
        !removed.isEmpty || files.values.contains { !$0.unsynced.isEmpty || !$0.isEntered }
    }

    /// A disk with the same files, as they are now; nothing on it is open.
    package func copy(seed: UInt64) -> SimulatedDisk {
        let copy = SimulatedDisk(seed: seed)
        copy.files = files.mapValues(StoredFile.init(copying:))
        copy.removed = removed.mapValues(StoredFile.init(copying:))
        copy.wallTime = wallTime
        return copy
    }

    private struct Reference: Hashable {
        let object: DiskUser

        init(_ object: DiskUser) { self.object = object }

        static func == (left: Reference, right: Reference) -> Bool { left.object === right.object }

        func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(object)) }
    }

    // MARK: What handles ask

    /// Counts an operation; the error that it must end with, if any.
    func count(_ operation: Operation, by user: DiskUser) -> CInt? {
        if user.isDead { return operation.error }
        guard countsReads || operation != .read else { return nil }
        watch?()
        if user.isDead { return operation.error }
        let number = operations
        operations += 1
        switch trouble {
        case .stop(let at) where number == at:
            kills += 1
            kill(user)
            return operation.error
        case .fail(let at, let times) where number >= at && number - at < times:
            failures += 1
            return operation.error
        case .full(let at, let times) where number >= at && number - at < times:
            guard operation == .write || operation == .open else { return nil }
            failures += 1
            return operation == .write ? SQLITE_FULL : SQLITE_CANTOPEN
        default: return nil
        }
    }

    enum Operation {
        case open, read, write, sync, truncate, delete

        var error: CInt {
            let ioError = SQLITE_IOERR
            return switch self {
            case .open: SQLITE_CANTOPEN
            case .read: ioError | (1 << 8)
            case .write: ioError | (3 << 8)
            case .sync: ioError | (4 << 8)
            case .truncate: ioError | (6 << 8)
            case .delete: ioError | (10 << 8)
            }
        }
    }

    func open(_ name: String, flags: CInt) -> DiskHandle? {
        if files[name] == nil {
            guard flags & SQLITE_OPEN_CREATE != 0 else { return nil }
            let isJournal = flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL) != 0
            files[name] = StoredFile(isJournal: isJournal)
        }
        guard let file = files[name] else { return nil }
        let handle = DiskHandle(disk: self, file: file, user: user)
        handles.insert(handle)
        return handle
    }

    /// A file that nobody else can find.
    func openTemporary() -> DiskHandle {
        let handle = DiskHandle(
            disk: self, file: StoredFile(isJournal: false), user: user)
        handles.insert(handle)
        return handle
    }

    func close(_ handle: DiskHandle) {
        release(handle)
        handles.remove(handle)
    }

    private func release(_ handle: DiskHandle) {
        handle.file.locks.lower(handle.identity, to: 0)
        handle.unmap()
    }

    func exists(_ name: String) -> Bool { files[name] != nil }

    func delete(_ name: String, syncsDirectory: Bool) -> Bool {
        guard let file = files.removeValue(forKey: name) else { return false }
        if file.isEntered { removed[name] = file }
        if syncsDirectory { syncDirectory() }
        return true
    }

    /// A synced directory holds all its entries for certain.
    func syncDirectory() {
        for file in files.values { file.isEntered = true }
        removed = [:]
    }

    /// A sync of `file` fails.
    func failToSync(_ file: StoredFile) { file.failToSync(&random) }

    /// How much of a write reaches the file when the process dies in the middle of it, or when it
    /// fails.
    func partOfLastWrite(_ size: Int) -> Int {
        switch random.chance() {
        case ..<0.4: 0
        case ..<0.6: size
        default: Int.random(in: 0...size, using: &random)
        }
    }

    func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        for index in buffer.indices { buffer[index] = UInt8(truncatingIfNeeded: random.next()) }
    }
}
