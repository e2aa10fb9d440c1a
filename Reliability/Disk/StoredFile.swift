import ChatEmulator

// What a file is to the operating system and what of it is on the platter. A write is seen by every
// reader at once; it outlives a power cut for certain only when the file was synced after it.

/// One file of the simulated disk.
final class StoredFile {
    /// A change that no sync has followed yet.
    enum Unsynced {
        case write(at: Int, [UInt8])
        case truncate(to: Int)
    }

    /// What readers see.
    private(set) var content: [UInt8]
    /// What is on the platter for certain.
    private(set) var durable: [UInt8]
    private(set) var unsynced: [Unsynced] = []
    /// Whether the directory's entry for it is on the platter.
    var isEntered: Bool
    /// Journals make SQLite sync the directory with them.
    let isJournal: Bool
    var locks = FileLocks()
    /// What a `-shm` file would be; nil while nobody has mapped it.
    var shared: SharedRegions?
    var connections = 0

    /// The unit in which a write can be torn apart.
    static let sector = 512

    init(content: [UInt8] = [], isEntered: Bool = false, isJournal: Bool) {
        self.content = content
        durable = content
        self.isEntered = isEntered
        self.isJournal = isJournal
    }

    init(copying other: StoredFile) {
        content = other.content
        durable = other.durable
        unsynced = other.unsynced
        isEntered = other.isEntered
        isJournal = other.isJournal
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        let bytes = Array(bytes)
        StoredFile.apply(.write(at: offset, bytes), to: &content)
        unsynced.append(.write(at: offset, bytes))
    }

    func truncate(to size: Int) {
        StoredFile.apply(.truncate(to: size), to: &content)
        unsynced.append(.truncate(to: size))
    }

    func sync() {
        for change in unsynced { StoredFile.apply(change, to: &durable) }
        unsynced = []
    }

    /// A sync that failed: some pages were written. Linux takes the others for clean from then on,
    /// so no later sync writes them, though readers see them until the power goes.
    func failToSync(_ random: inout SplitMix) {
        let shares: [Double] = [0, 0.5, 0.9]
        let share = shares.randomElement(using: &random) ?? 0
        for change in unsynced where random.chance() < share {
            StoredFile.apply(change, to: &durable)
        }
        unsynced = []
    }

    /// What a power cut leaves: each unsynced change kept, lost or torn, in any combination.
    func afterPowerCut(_ random: inout SplitMix) -> StoredFile {
        var left = durable
        // All kept and all lost are worth more than one draw in a thousand.
        let mood = random.chance()
        for change in unsynced {
            let fate = mood < 0.1 ? 0 : mood < 0.2 ? 0.5 : random.chance()
            switch fate {
            case ..<0.4: StoredFile.apply(change, to: &left)
            case ..<0.75: break
            default: StoredFile.tear(change, into: &left, &random)
            }
        }
        return StoredFile(content: left, isEntered: true, isJournal: isJournal)
    }

    private static func tear(
        _ change: Unsynced, into content: inout [UInt8], _ random: inout SplitMix
    ) {
        guard case .write(let offset, let bytes) = change else { return }
        for start in stride(from: 0, to: bytes.count, by: sector) where random.chance() < 0.5 {
            let part = bytes[start..<min(start + sector, bytes.count)]
            apply(.write(at: offset + start, Array(part)), to: &content)
        }
    }

    private static func apply(_ change: Unsynced, to content: inout [UInt8]) {
        switch change {
        case .write(let offset, let bytes):
            let end = offset + bytes.count
            if content.count < end {
                content.append(contentsOf: repeatElement(0, count: end - content.count))
            }
            content.replaceSubrange(offset..<end, with: bytes)
        case .truncate(let size):
            if size < content.count {
                content.removeLast(content.count - size)
            } else {
                content.append(contentsOf: repeatElement(0, count: size - content.count))
            }
        }
    }
}

/// The five states of SQLite's lock on a database file, among the connections of this process.
struct FileLocks {
    private(set) var levels: [ObjectIdentifier: CInt] = [:]

    func level(of connection: ObjectIdentifier) -> CInt { levels[connection] ?? 0 }

    /// Raises the connection's lock; false when another one is in the way.
    mutating func raise(_ connection: ObjectIdentifier, to level: CInt) -> Bool {
        let others = levels.filter { $0.key != connection }.values.max() ?? 0
        let isFree =
            switch level {
            case 1: others < 3
            case 2, 3: others < 2
            default: others == 0
            }
        if isFree {
            levels[connection] = level
        } else if level == 4, others < 2 {
            levels[connection] = 3
        }
        return isFree
    }

    mutating func lower(_ connection: ObjectIdentifier, to level: CInt) {
        levels[connection] = level == 0 ? nil : level
    }
}

/// The shared memory of a database in WAL mode: the index of the log, and eight locks.
final class SharedRegions {
    private var regions: [UnsafeMutableRawPointer] = []
    private var exclusive: [CInt: ObjectIdentifier] = [:]
    private var shared: [CInt: Set<ObjectIdentifier>] = [:]

    deinit {
        for region in regions { region.deallocate() }
    }

    func region(_ number: Int, size: Int, mayExtend: Bool) -> UnsafeMutableRawPointer? {
        while mayExtend, regions.count <= number {
            let new = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
            new.initializeMemory(as: UInt8.self, repeating: 0, count: size)
            regions.append(new)
        }
        return number < regions.count ? regions[number] : nil
    }

    func lock(_ slots: Range<CInt>, exclusively: Bool, by connection: ObjectIdentifier) -> Bool {
        for slot in slots {
            if let holder = exclusive[slot], holder != connection { return false }
            if exclusively, shared[slot]?.contains(where: { $0 != connection }) ?? false {
                return false
            }
        }
        for slot in slots {
            if exclusively {
                exclusive[slot] = connection
            } else {
                shared[slot, default: []].insert(connection)
            }
        }
        return true
    }

    func unlock(_ slots: Range<CInt>, by connection: ObjectIdentifier) {
        for slot in slots {
            if exclusive[slot] == connection { exclusive[slot] = nil }
            shared[slot]?.remove(connection)
        }
    }
}
