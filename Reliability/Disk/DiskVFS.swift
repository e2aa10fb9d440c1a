import ChatModel
import Foundation
import GRDBSQLite

// SQLite's C interface to the simulated disk. Registered as the default VFS of the process, since
// the store names none.

/// The VFS: one for the process, serving whichever disk is current.
enum DiskVFS {
    /// What SQLite keeps for an open file: its own head, and our handle.
    private struct OpenFile {
        var head: sqlite3_file
        var handle: Unmanaged<DiskHandle>?
    }

    /// Files below it are on the simulated disk, all others where they always were.
    static let root = "/simulated/"

    static func register() { _ = registered }

    /// The VFS that was the default before.
    private nonisolated(unsafe) static let real: UnsafeMutablePointer<sqlite3_vfs> = {
        guard let vfs = sqlite3_vfs_find(nil) else { preconditionFailure("SQLite has no VFS") }
        return vfs
    }()

    private static let registered: Void = {
        let vfs = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
        vfs.initialize(to: sqlite3_vfs())
        vfs.pointee.iVersion = 2
        vfs.pointee.szOsFile = max(real.pointee.szOsFile, CInt(MemoryLayout<OpenFile>.size))
        vfs.pointee.mxPathname = real.pointee.mxPathname
        vfs.pointee.zName = UnsafePointer(strdup("groupmirror-simulated-disk"))
        vfs.pointee.xOpen = { _, name, file, flags, outFlags in
            isSimulated(name)
                ? DiskVFS.open(name, file, flags, outFlags)
                : real.pointee.xOpen(real, name, file, flags, outFlags)
        }
        vfs.pointee.xDelete = { _, name, syncs in
            isSimulated(name)
                ? DiskVFS.delete(name, syncs != 0) : real.pointee.xDelete(real, name, syncs)
        }
        vfs.pointee.xAccess = { _, name, flags, result in
            guard isSimulated(name) else {
                return real.pointee.xAccess(real, name, flags, result)
            }
            result?.pointee = SimulatedDisk.current.exists(text(name)) ? 1 : 0
            return SQLITE_OK
        }
        vfs.pointee.xFullPathname = { _, name, size, out in
            guard isSimulated(name) else {
                return real.pointee.xFullPathname(real, name, size, out)
            }
            guard let name, let out, strlen(name) < Int(size) else { return SQLITE_CANTOPEN }
            strcpy(out, name)
            return SQLITE_OK
        }
        vfs.pointee.xRandomness = { _, size, out in
            guard SimulatedDisk.isAlone else {
                return real.pointee.xRandomness(real, size, out)
            }
            SimulatedDisk.current.fill(UnsafeMutableRawBufferPointer(start: out, count: Int(size)))
            return size
        }
        // Nobody waits on the disk's one thread: who finds a lock taken finds it taken again.
        vfs.pointee.xSleep = { _, microseconds in
            SimulatedDisk.isAlone ? microseconds : real.pointee.xSleep(real, microseconds)
        }
        vfs.pointee.xCurrentTime = { _, out in
            out?.pointee = Double(DiskVFS.julianMilliseconds) / 86_400_000
            return SQLITE_OK
        }
        vfs.pointee.xCurrentTimeInt64 = { _, out in
            out?.pointee = DiskVFS.julianMilliseconds
            return SQLITE_OK
        }
        vfs.pointee.xGetLastError = { _, _, _ in 0 }
        sqlite3_vfs_register(vfs, 1)
    }()

    private static func isSimulated(_ name: UnsafePointer<CChar>?) -> Bool {
        if let name {
            strncmp(name, root, root.utf8.count) == 0
        } else {
            SimulatedDisk.isAlone
        }
    }

    /// SQLite counts from noon of 24 November 4714 BC.
    private static var julianMilliseconds: Int64 {
        if SimulatedDisk.isAlone {
            return SimulatedDisk.current.wallTime().milliseconds + 210_866_760_000_000
        }
        var time: Int64 = 0
        _ = real.pointee.xCurrentTimeInt64(real, &time)
        return time
    }

    private static func text(_ name: UnsafePointer<CChar>?) -> String {
        name.map { String(cString: $0) } ?? ""
    }

    private static func open(
        _ name: UnsafePointer<CChar>?, _ file: UnsafeMutablePointer<sqlite3_file>?, _ flags: CInt,
        _ outFlags: UnsafeMutablePointer<CInt>?
    ) -> CInt {
        let disk = SimulatedDisk.current
        guard let file else { return SQLITE_CANTOPEN }
        file.pointee.pMethods = nil
        if let error = disk.count(.open, by: disk.user) { return error }
        let handle = name == nil ? disk.openTemporary() : disk.open(text(name), flags: flags)
        guard let handle else { return SQLITE_CANTOPEN }
        UnsafeMutableRawPointer(file).assumingMemoryBound(to: OpenFile.self).pointee.handle =
            Unmanaged.passRetained(handle)
        file.pointee.pMethods = UnsafePointer(methods)
        outFlags?.pointee = flags
        return SQLITE_OK
    }

    private static func delete(_ name: UnsafePointer<CChar>?, _ syncs: Bool) -> CInt {
        let disk = SimulatedDisk.current
        if let error = disk.count(.delete, by: disk.user) { return error }
        return disk.delete(text(name), syncsDirectory: syncs)
            ? SQLITE_OK : SQLITE_IOERR | (23 << 8)
    }

    private static func handle(_ file: UnsafeMutablePointer<sqlite3_file>?) -> DiskHandle {
        guard let file,
            let handle = UnsafeMutableRawPointer(file).assumingMemoryBound(to: OpenFile.self)
                .pointee.handle
        else { preconditionFailure("SQLite uses a file that is not open") }
        return handle.takeUnretainedValue()
    }

    private nonisolated(unsafe) static let methods: UnsafeMutablePointer<sqlite3_io_methods> = {
        let methods = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
        methods.initialize(to: sqlite3_io_methods())
        methods.pointee.iVersion = 2
        methods.pointee.xClose = { file in
            let open = handle(file)
            let result = open.close()
            Unmanaged.passUnretained(open).release()
            return result
        }
        methods.pointee.xRead = { file, buffer, size, offset in
            handle(file).read(
                into: UnsafeMutableRawBufferPointer(start: buffer, count: Int(size)),
                from: Int(offset))
        }
        methods.pointee.xWrite = { file, bytes, size, offset in
            handle(file).write(
                UnsafeRawBufferPointer(start: bytes, count: Int(size)), at: Int(offset))
        }
        methods.pointee.xTruncate = { file, size in handle(file).truncate(to: Int(size)) }
        methods.pointee.xSync = { file, _ in handle(file).sync() }
        methods.pointee.xFileSize = { file, size in
            size?.pointee = Int64(handle(file).size)
            return SQLITE_OK
        }
        methods.pointee.xLock = { file, level in handle(file).lock(level) }
        methods.pointee.xUnlock = { file, level in handle(file).unlock(level) }
        methods.pointee.xCheckReservedLock = { file, result in
            result?.pointee = handle(file).isReserved ? 1 : 0
            return SQLITE_OK
        }
        methods.pointee.xFileControl = { file, code, argument in
            handle(file).control(code, argument)
        }
        methods.pointee.xSectorSize = { _ in 4096 }
        // As Linux promises: a write changes nothing beside what it writes.
        methods.pointee.xDeviceCharacteristics = { _ in SQLITE_IOCAP_POWERSAFE_OVERWRITE }
        methods.pointee.xShmMap = { file, region, size, mayExtend, out in
            let (result, pointer) = handle(file).map(
                Int(region), size: Int(size), mayExtend: mayExtend != 0)
            out?.pointee = pointer
            return result
        }
        methods.pointee.xShmLock = { file, offset, count, flags in
            handle(file).lockShared(offset..<(offset + count), flags: flags)
        }
        methods.pointee.xShmBarrier = { _ in }
        methods.pointee.xShmUnmap = { file, _ in
            handle(file).unmap()
            return SQLITE_OK
        }
        return methods
    }()
}
