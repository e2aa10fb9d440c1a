import CLinux
import CSQLite
import Glibc
import Synchronization

/// A file of the mirror: for its owner, and readable for its group. Where the group may write in the
/// directory, its members work with the mirror too, and everything in it is theirs to write.
package enum OwnedFile {
    /// Opens the file and makes it where there is none; negative, with `errno`, when that fails. What
    /// stands there must be a regular file; opening a named pipe does not wait for its other end.
    ///
    /// In a directory whose group may write, the file is open to that group, whatever the mask of the caller is.
    ///
    /// The mirror's directory belongs to whom the service runs as. What root makes in it, with a command
    /// before the service was ever started, is given to them: else the service could not open it. What
    /// is there already stays as it is: it may be a link that they have put there, to anything.
    /// - Parameters:
    ///   - mayBeLink: false when a link is refused.
    ///   - mode: permissions of a new file in a directory of its owner's alone.
    package static func open(_ path: String, mayBeLink: Bool = true, mode: mode_t = 0o640)
        -> Int32
    {
        let flags = O_CREAT | O_RDWR | O_CLOEXEC | O_NONBLOCK
        let made = Glibc.open(path, flags | O_EXCL, mode)
        guard made >= 0 else {
            let found = Glibc.open(path, flags | (mayBeLink ? 0 : O_NOFOLLOW), mode)
            guard found < 0 || isRegular(found) else {
                close(found)
                errno = EINVAL
                return -1
            }
            if found >= 0 { share(path) }
            return found
        }
        give(made, at: path)
        return made
    }

    /// Makes the file before SQLite does, so that it is never open to others. The log's files take
    /// its permissions.
    static func make(_ path: String) {
        let made = Glibc.open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0o640)
        if made >= 0 {
            give(made, at: path)
            close(made)
        }
        // Those that were there before the group was let in.
        for suffix in ["", "-wal", "-shm"] { share(path + suffix) }
    }

    /// Gives a new file to whoever the directory belongs to.
    private static func give(_ made: Int32, at path: String) {
        var directory = stat()
        if geteuid() == 0, stat(self.directory(of: path), &directory) == 0 {
            _ = fchown(made, directory.st_uid, directory.st_gid)
        }
        share(path)
    }

    /// Whether the group of a directory may write in it.
    package static func isForGroup(_ directory: String) -> Bool {
        var status = stat()
        return stat(directory, &status) == 0 && status.st_mode & S_IWGRP != 0
    }

    /// Lets the group that may write in the directory write to a file of this user's there. A file that has other
    /// names besides may be one of another place, and stays as it is.
    private static func share(_ path: String) {
        // Opened for reading and closed again, a database would lose the locks that this process has on it.
        let descriptor = gm_point_at(path)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var (file, place) = (stat(), stat())
        guard fstat(descriptor, &file) == 0, stat(directory(of: path), &place) == 0,
            place.st_mode & S_IWGRP != 0, file.st_mode & S_IFMT == S_IFREG, file.st_nlink == 1,
            file.st_uid == geteuid() || geteuid() == 0 && file.st_uid == place.st_uid
        else { return }
        let isOfGroup = file.st_gid == place.st_gid
        guard isOfGroup || gm_give_to_group(descriptor, place.st_gid) == 0 else {
            return
        }
        let mode = file.st_mode & 0o777 | 0o060
        if file.st_mode & 0o777 != mode { chmod("/proc/self/fd/\(descriptor)", mode) }
    }

    private static let followsLinks = Atomic(true)

    /// From here on no database is opened through a link: this process may read more than the user who
    /// owns the directory.
    package static func followNoLinks() {
        // Once: SQLite's list of file systems must not be changed while one is in use.
        if followsLinks.exchange(false, ordering: .relaxed) { _ = gm_sqlite_follow_no_links() }
    }

    /// Throws when the database, or a file that SQLite keeps beside it, is no regular file; also when the
    /// database is a link that this process must not follow. Nothing is opened: opening a device or a
    /// named pipe has effects.
    static func demandRegular(_ path: String) throws(StoreFailure) {
        for suffix in ["-journal", "-wal", "-shm"] {
            var file = stat()
            guard lstat(path + suffix, &file) == 0 else { continue }
            if file.st_mode & S_IFMT != S_IFREG { throw .notRegularBeside(path + suffix) }
        }
        var file = stat()
        guard lstat(path, &file) == 0 else { return }
        if file.st_mode & S_IFMT == S_IFLNK {
            let isRoots = geteuid() == 0 && file.st_uid != 0
            guard followsLinks.load(ordering: .relaxed), !isRoots else {
                throw .foreignLink(path, owner: file.st_uid)
            }
            guard stat(path, &file) == 0 else { return }
        }
        switch file.st_mode & S_IFMT {
        case S_IFREG: return
        case S_IFDIR: throw .isDirectory(path)
        default: throw .notRegular(path)
        }
    }

    /// Whether this process may do so (`R_OK`, `W_OK`, `F_OK`), with errno. Unlike `access`, which does
    /// not count the right to search everywhere.
    package static func mayAccess(_ path: String, _ mode: Int32) -> Bool {
        faccessat(AT_FDCWD, path, mode, AT_EACCESS) == 0
    }

    /// Opens a lock or a heartbeat for reading: a regular file, and not through a link; negative, with
    /// `errno`, when that fails.
    package static func openForReading(_ path: String) -> Int32 {
        let found = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)
        guard found >= 0, !isRegular(found) else { return found }
        close(found)
        errno = EINVAL
        return -1
    }

    private static func isRegular(_ descriptor: Int32) -> Bool {
        var file = stat()
        return fstat(descriptor, &file) == 0 && file.st_mode & S_IFMT == S_IFREG
    }

    /// Why `open` failed, in words.
    package static func problem(_ path: String, _ error: Int32) -> String {
        var file = stat()
        if lstat(path, &file) == 0 {
            if file.st_mode & S_IFMT == S_IFLNK { return "it is a link" }
            if file.st_mode & S_IFMT != S_IFREG { return "it is not a regular file" }
        }
        return String(cString: strerror(error))
    }

    /// The path without links; nil when there is nothing at it.
    package static func resolved(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
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
