import Foundation
import TestSupport

/// The file system that everything of a scene is on: small enough to be filled.
struct SmallDisk {
    private let ballast: String

    /// - Parameter directory: one on it.
    init(_ directory: TemporaryDirectory) throws {
        var facts = statvfs()
        statvfs(directory.path, &facts)
        let bytes = facts.f_blocks * UInt(facts.f_frsize)
        guard bytes <= 512 << 20 else {
            throw NeverHappened(
                what: "a small file system at \(directory.path): start it with Scripts/chaos")
        }
        ballast = directory.file("ballast")
    }

    /// Leaves no room at all.
    func fill() throws {
        let descriptor = open(ballast, O_WRONLY | O_CREAT, 0o600)
        guard descriptor >= 0 else { throw NeverHappened(what: "a file at \(ballast)") }
        defer { close(descriptor) }
        let block = [UInt8](repeating: 0, count: 1 << 16)
        for size in [block.count, 4096, 1] {
            while write(descriptor, block, size) > 0 {}
        }
        guard errno == ENOSPC else { throw NeverHappened(what: "a full disk") }
    }

    func makeRoom() { unlink(ballast) }
}
