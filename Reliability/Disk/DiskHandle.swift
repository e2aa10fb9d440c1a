import GRDBSQLite

/// One open file of one process. Its methods answer with SQLite's result codes.
final class DiskHandle: Hashable {
    private let disk: SimulatedDisk
    let file: StoredFile
    let user: DiskUser
    private var isMapped = false
    /// Kept until the file is closed: a dead process still looks at its memory.
    private var mapped: SharedRegions?

    init(disk: SimulatedDisk, file: StoredFile, user: DiskUser) {
        self.disk = disk
        self.file = file
        self.user = user
    }

    static func == (left: DiskHandle, right: DiskHandle) -> Bool { left === right }

    func hash(into hasher: inout Hasher) { hasher.combine(identity) }

    var identity: ObjectIdentifier { ObjectIdentifier(self) }

    func close() -> CInt {
        disk.close(self)
        return SQLITE_OK
    }

    // MARK: Content

    func read(into buffer: UnsafeMutableRawBufferPointer, from offset: Int) -> CInt {
        if let error = disk.count(.read, by: user) { return error }
        let available = max(0, min(buffer.count, file.content.count - offset))
        if available > 0 {
            file.content.withUnsafeBytes { content in
                buffer.copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: content[offset..<offset + available]))
            }
        }
        guard available < buffer.count else { return SQLITE_OK }
        UnsafeMutableRawBufferPointer(rebasing: buffer[available...]).initializeMemory(
            as: UInt8.self, repeating: 0)
        return SQLITE_IOERR | (2 << 8)
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> CInt {
        let wasAlive = !user.isDead
        if let error = disk.count(.write, by: user) {
            if wasAlive {
                let part = disk.partOfLastWrite(bytes.count)
                file.write(UnsafeRawBufferPointer(rebasing: bytes[..<part]), at: offset)
            }
            return error
        }
        file.write(bytes, at: offset)
        return SQLITE_OK
    }

    func truncate(to size: Int) -> CInt {
        if let error = disk.count(.truncate, by: user) { return error }
        file.truncate(to: size)
        return SQLITE_OK
    }

    func sync() -> CInt {
        if let error = disk.count(.sync, by: user) {
            if !user.isDead { disk.failToSync(file) }
            return error
        }
        file.sync()
        // Linux: a new journal's entry is made durable with its first sync, by a sync of the
        // directory.
        if file.isJournal, !file.isEntered { disk.syncDirectory() }
        return SQLITE_OK
    }

    var size: Int { file.content.count }

    // MARK: Locks

    func lock(_ level: CInt) -> CInt {
        if user.isDead { return SQLITE_IOERR | (15 << 8) }
        if file.locks.level(of: identity) >= level { return SQLITE_OK }
        return file.locks.raise(identity, to: level) ? SQLITE_OK : SQLITE_BUSY
    }

    func unlock(_ level: CInt) -> CInt {
        if !user.isDead { file.locks.lower(identity, to: level) }
        return SQLITE_OK
    }

    /// Whether any connection intends to write.
    var isReserved: Bool { file.locks.levels.values.contains { $0 >= 2 } }

    // MARK: Shared memory

    func map(_ region: Int, size: Int, mayExtend: Bool) -> (CInt, UnsafeMutableRawPointer?) {
        if user.isDead { return (SQLITE_IOERR | (21 << 8), nil) }
        if !isMapped {
            isMapped = true
            file.connections += 1
        }
        let shared = file.shared ?? SharedRegions()
        file.shared = shared
        mapped = shared
        return (SQLITE_OK, shared.region(region, size: size, mayExtend: mayExtend))
    }

    func lockShared(_ slots: Range<CInt>, flags: CInt) -> CInt {
        if user.isDead { return SQLITE_IOERR | (20 << 8) }
        guard let shared = file.shared else { return SQLITE_IOERR | (20 << 8) }
        if flags & SQLITE_SHM_UNLOCK != 0 {
            shared.unlock(slots, by: identity)
            return SQLITE_OK
        }
        let isExclusive = flags & SQLITE_SHM_EXCLUSIVE != 0
        return shared.lock(slots, exclusively: isExclusive, by: identity) ? SQLITE_OK : SQLITE_BUSY
    }

    /// The last one to leave takes the memory along: whoever comes next reads the log again.
    func unmap() {
        guard isMapped else { return }
        isMapped = false
        file.shared?.unlock(0..<8, by: identity)
        file.connections -= 1
        if file.connections == 0 { file.shared = nil }
    }

    /// Of a file control: whether it was understood.
    func control(_ code: CInt, _ argument: UnsafeMutableRawPointer?) -> CInt {
        guard code == SQLITE_FCNTL_PERSIST_WAL, let argument else { return SQLITE_NOTFOUND }
        let flag = argument.assumingMemoryBound(to: CInt.self)
        if flag.pointee >= 0 { keepsLog = flag.pointee != 0 }
        flag.pointee = keepsLog ? 1 : 0
        return SQLITE_OK
    }

    private var keepsLog = false
}
