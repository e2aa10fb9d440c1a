import Glibc

/// A file of the mirror, for its owner and readable for its group.
package enum OwnedFile {
    /// Opens the file and makes it where there is none; negative, with `errno`, when that fails.
    ///
    /// The mirror's directory belongs to whom the service runs as. What root makes in it, with a command
    /// before the service was ever started, is given to them: else the service could not open it.
    package static func open(_ path: String) -> Int32 {
        let descriptor = Glibc.open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o640)
        var (file, directory) = (stat(), stat())
        guard descriptor >= 0, geteuid() == 0, fstat(descriptor, &file) == 0, file.st_uid == 0,
            stat(self.directory(of: path), &directory) == 0, directory.st_uid != 0
        else { return descriptor }
        _ = fchown(descriptor, directory.st_uid, directory.st_gid)
        return descriptor
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
