import ArgumentParser
import Glibc
import MirrorStore
import HostSystem

/// A file that a command writes for its caller.
final class OutputFile {
    let name: String
    private let descriptor: Int32
    private var buffer: [UInt8] = []

    private static let batch = 1 << 16

    /// Opens the file, to be called before root gives its rights up. A new file of root's belongs to the owner of
    /// the mirror, for the program may have to begin again as that user, and then finds it empty.
    /// - Parameters:
    ///   - mode: of the file.
    ///   - database: the mirror.
    init(_ file: String, mode: mode_t, for database: String) throws {
        name = file
        if file.isEmpty { throw ValidationError("the name of the file is empty") }
        let found = Glibc.open(file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW)
        guard found < 0, errno == ENOENT else {
            descriptor = found
            try demandNothing()
            return
        }
        descriptor = Glibc.open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode)
        guard descriptor >= 0 else { throw fault }
        var owner = stat()
        if geteuid() == 0, stat(OwnedFile.directory(of: database), &owner) == 0 {
            _ = fchown(descriptor, owner.st_uid, owner.st_gid)
        }
        // Whatever the mask of the shell says.
        guard fchmod(descriptor, mode) == 0 else { throw fault }
    }

    deinit { if descriptor >= 0 { Glibc.close(descriptor) } }

    /// Writes a line.
    func write(line: String) throws {
        buffer += Array(line.utf8) + [UInt8(ascii: "\n")]
        if buffer.count >= Self.batch { try flush() }
    }

    /// Copies a file, all of it.
    func write(contentsOf file: String) throws {
        let source = OwnedFile.openForReading(file)
        guard source >= 0 else { throw fault }
        defer { Glibc.close(source) }
        var piece = [UInt8](repeating: 0, count: Self.batch)
        while true {
            let count = read(source, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw fault }
            if count == 0 { return }
            buffer = Array(piece[..<count])
            try flush()
        }
    }

    /// Writes what is left; returns when it is on the disk.
    func close() throws {
        try flush()
        guard fsync(descriptor) == 0 || errno == EINVAL else { throw fault }
    }

    /// Leaves an empty file: what was written is not complete.
    func abandon() { _ = ftruncate(descriptor, 0) }

    /// One that is there must be an empty file: nothing of anybody is lost.
    private func demandNothing() throws {
        guard descriptor >= 0 else { throw fault }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw fault }
        guard status.st_mode & S_IFMT == S_IFREG, status.st_size == 0 else {
            throw ProgramFailure(
                .usage, "\(name): it exists already", advice: "name another file, or remove it")
        }
    }

    private func flush() throws {
        var rest = buffer[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw fault }
            rest = rest.dropFirst(count)
        }
        buffer = []
    }

    private var fault: ProgramFailure {
        ProgramFailure(
            .storage, "\(name): it cannot be written: \(String(cString: strerror(errno)))",
            advice: "name a file, not a link, in a directory that can be written; or make room")
    }
}
