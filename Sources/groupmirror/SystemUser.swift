import Glibc
import MirrorStore

/// A user of the machine and what they may read, by owner, group and mode of files.
struct SystemUser {
    let name: String
    /// The name of their first group.
    let group: String
    private let id: uid_t
    private let groups: Set<gid_t>

    /// Who owns the directory of a mirror; nil when there is none. Where root owns it, root.
    init?(ownerOf database: String) {
        var directory = stat()
        guard stat(OwnedFile.directory(of: database), &directory) == 0 else { return nil }
        id = directory.st_uid
        let entry = getpwuid(id)?.pointee
        name = entry.map { String(cString: $0.pw_name) } ?? "user \(id)"
        let first = entry?.pw_gid ?? directory.st_gid
        group = getgrgid(first).map { String(cString: $0.pointee.gr_name) } ?? "\(first)"
        var count: CInt = 64
        var all = [gid_t](repeating: 0, count: Int(count))
        groups =
            getgrouplist(name, first, &all, &count) >= 0 ? Set(all.prefix(Int(count))) : [first]
    }

    /// Whether they may read a file and search every directory on the way.
    func mayRead(_ path: String) -> Bool {
        if id == 0 { return true }
        var way = ""
        for part in (OwnedFile.resolved(path) ?? path).split(separator: "/") {
            guard may(S_IXUSR, S_IXGRP, S_IXOTH, way.isEmpty ? "/" : way) else { return false }
            way += "/" + part
        }
        return may(S_IRUSR, S_IRGRP, S_IROTH, way)
    }

    private func may(_ owner: mode_t, _ group: mode_t, _ others: mode_t, _ path: String) -> Bool {
        var file = stat()
        guard stat(path, &file) == 0 else { return false }
        if file.st_uid == id { return file.st_mode & owner != 0 }
        if groups.contains(file.st_gid) { return file.st_mode & group != 0 }
        return file.st_mode & others != 0
    }
}
