import Glibc

/// A file of the mirror, for its owner and readable for its group.
package enum OwnedFile {
    /// Opens the file and makes it where there is none; negative, with `errno`, when that fails.
    ///
    /// The mirror's directory belongs to whom the service runs as. What root makes in it, with a command
    /// before the service was ever started, is given to them: else the service could not open it. What
    /// is there already stays as it is: it may be a link that they have put there, to anything.
    /// - Parameters:
    ///   - mayBeLink: false when a link is refused.
    ///   - mode: permissions of a new file.
    package static func open(_ path: String, mayBeLink: Bool = true, mode: mode_t = 0o640)
        -> Int32
    {
        let flags = O_CREAT | O_RDWR | O_CLOEXEC | O_NONBLOCK
        let made = Glibc.open(path, flags | O_EXCL, mode)
        guard made >= 0 else {
            return Glibc.open(path, flags | (mayBeLink ? 0 : O_NOFOLLOW), mode)
        }
        var directory = stat()
        if geteuid() == 0, stat(self.directory(of: path), &directory) == 0 {
            _ = fchown(made, directory.st_uid, directory.st_gid)
        }
        return made
    }

    /// Makes the file before SQLite does, so that it is never open to others. The log's files take
    /// its permissions.
    static func make(_ path: String) {
        let descriptor = open(path)
        if descriptor >= 0 { _ = close(descriptor) }
    }

    /// Where the file lies.
    package static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}

/// Which file a path leads to: another file under the same name has another identity.
package struct FileIdentity: Hashable, Sendable {
    private let device: UInt64
    private let inode: UInt64

    /// nil when there is no file, or none that may be looked at.
    package init?(_ path: String) {
        var file = stat()
        guard stat(path, &file) == 0 else { return nil }
        device = UInt64(file.st_dev)
        inode = UInt64(file.st_ino)
    }
}
