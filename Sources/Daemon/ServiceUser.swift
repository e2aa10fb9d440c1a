import CLinux
import Glibc
import MirrorStore
import HostSystem

// Root's commands work in a directory where the service's user may have put anything: links to files of
// root, named pipes, a database with triggers. So they work there with that user's rights.

/// Whoever owns the directory of the database.
package enum ServiceUser {
    /// As root, becomes the owner of the database's directory, for the rest of the process; as anybody
    /// else, does nothing. To be called after the configuration and the key were read, and before
    /// anything in that directory is touched.
    ///
    /// Where that user cannot reach the directory, as with a systemd unit's `DynamicUser=`, whose
    /// directories lie in one of root's, the program begins again as that user, with the right to read and
    /// search everywhere.
    /// - Throws: when root cannot become that user, as in a container that does not know the user.
    package static func become(ownerOf database: String) throws(ProgramFailure) {
        if geteuid() != 0, gm_reads_everything() == 1 {
            // The owner may have made links to files that only root may read.
            OwnedFile.followNoLinks()
        }
        guard geteuid() == 0, let owner = Owner(of: database) else { return }
        guard owner.setGroups() == 0 else { throw failure(database, owner) }
        if !owner.canReach {
            if gm_become_reader(owner.user, owner.group) == 0 { beginAgain() }
            throw failure(database, owner)
        }
        // Of every thread, unlike the bare system calls.
        guard setgid(owner.group) == 0, setuid(owner.user) == 0, setuid(0) != 0 else {
            throw failure(database, owner)
        }
        // The kernel has set this back.
        _ = gm_forbid_core_dumps()
    }

    /// The same command once more: rights belong to threads, and only a new program has them in all.
    private static func beginAgain() {
        execv("/proc/self/exe", CommandLine.unsafeArgv)
    }

    private static func failure(_ database: String, _ owner: Owner) -> ProgramFailure {
        ProgramFailure(
            .storage,
            "\(database): its directory belongs to user \(owner.user), and root cannot become that user: "
                + String(cString: strerror(errno)),
            advice: "run the command as that user")
    }

    /// The first one on the way to the database who is not root: they can put another directory or file in
    /// its place.
    private struct Owner {
        let user: uid_t
        let group: gid_t
        private let name: String?
        /// Whether the user gets to the directory with their own rights.
        let canReach: Bool

        /// Of Linux: the group of whoever is in none.
        private static let noGroup: gid_t = 65_534

        /// Nil when only root can change the way.
        init?(of database: String) {
            let named = OwnedFile.directory(of: database)
            let ways = [
                named, OwnedFile.resolved(named),
                OwnedFile.resolved(database).map(OwnedFile.directory),
            ]
            .compactMap { $0.map(Owner.steps) }
            guard let first = ways.joined().first(where: { $0.st_uid != 0 }) else { return nil }
            user = first.st_uid
            let entry = getpwuid(first.st_uid)?.pointee
            name = entry.map { String(cString: $0.pw_name) }
            // The service's own groups, where the system knows it: the list of users may need them.
            group = entry?.pw_gid ?? (first.st_gid == 0 ? Owner.noGroup : first.st_gid)
            let user = user
            canReach = ways.joined().allSatisfy {
                $0.st_mode & S_IXOTH != 0 || $0.st_uid == user || $0.st_mode & S_IFMT == S_IFLNK
            }
        }

        func setGroups() -> Int32 {
            guard let name else { return setgroups(0, nil) }
            return initgroups(name, group)
        }

        /// The directories and links on the way to `directory`.
        private static func steps(_ directory: String) -> [stat] {
            var path = directory.hasPrefix("/") ? "" : "."
            var steps: [stat] = []
            for part in directory.split(separator: "/") {
                path += "/" + part
                var file = stat()
                guard lstat(path, &file) == 0 else { break }
                steps.append(file)
            }
            return steps
        }
    }
}
