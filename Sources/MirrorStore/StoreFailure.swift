import GRDB

/// The database could not be opened, read or written. Says what happened and what an operator can do.
package struct StoreFailure: Error, Sendable, CustomStringConvertible {
    /// What follows from it.
    package enum Kind: String, Sendable {
        /// Wait and try again: locked, full, read-only, an I/O error.
        case passing
        /// What was to be written contradicts what is stored: a fault of the program, in one entry
        /// only.
        case refused
        /// Not a database of ours, damaged, of a newer program or of another app: never repaired by
        /// guess.
        case unusable
    }

    package let kind: Kind
    package let problem: String
    package let advice: String

    package init(kind: Kind, problem: String, advice: String) {
        self.kind = kind
        self.problem = problem
        self.advice = advice
    }

    package var description: String { problem }
}

extension StoreFailure {
    /// What an error of SQLite at `path` means.
    init(_ error: any Error, path: String) {
        if let failure = error as? StoreFailure {
            self = failure
            return
        }
        guard let error = error as? DatabaseError else {
            self.init(kind: .passing, problem: "\(path): \(error)", advice: "look at the disk")
            return
        }
        let words = error.message ?? "SQLite error \(error.extendedResultCode.rawValue)"
        let (kind, advice): (Kind, String) =
            switch error.resultCode {
            case .SQLITE_FULL: (.passing, "the disk is full: make room")
            case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH:
                (.passing, "make the database and its directory writable for this user")
            case .SQLITE_CANTOPEN:
                (.passing, "does the directory exist, and may this user read and write there?")
            case .SQLITE_BUSY, .SQLITE_LOCKED:
                (
                    .passing,
                    "another program, perhaps an import, holds it: try again, or find it with 'fuser'"
                )
            case .SQLITE_IOERR: (.passing, "look at the disk and at the kernel's log")
            case .SQLITE_NOTADB:
                (
                    .unusable,
                    "correct mirror.database when it names another file; when this was the mirror, "
                        + StoreFailure.restoreAdvice
                )
            case .SQLITE_CORRUPT:
                (.unusable, StoreFailure.restoreAdvice)
            case .SQLITE_CONSTRAINT, .SQLITE_MISMATCH, .SQLITE_TOOBIG, .SQLITE_ERROR:
                (.refused, "this is a fault of the program: please report it with the log")
            default: (.passing, "look at the disk")
            }
        self.init(kind: kind, problem: "\(path): \(words)", advice: advice)
    }
}

extension StoreFailure {
    /// Mixed with the old one's log a backup would be damaged too.
    static let restoreAdvice =
        "restore a backup in its place, without the -wal and -shm files of the old one; or move all "
        + "three away: a new one is then filled from the cloud, but open edits and the record of changes are lost"

    static func isDirectory(_ path: String) -> StoreFailure {
        StoreFailure(
            kind: .unusable, problem: "\(path): it is a directory",
            advice: "mirror.database names a file; it is made where there is none")
    }

    static func notRegular(_ path: String) -> StoreFailure {
        StoreFailure(
            kind: .unusable, problem: "\(path): it is not a regular file",
            advice: "mirror.database names a file; find out who has put something else there")
    }

    static func notRegularBeside(_ path: String) -> StoreFailure {
        StoreFailure(
            kind: .unusable, problem: "\(path): it is not a regular file",
            advice:
                "SQLite keeps this file beside the database; find out who has put something else "
                + "there, and remove it")
    }

    static func foreignLink(_ path: String, owner: UInt32) -> StoreFailure {
        StoreFailure(
            kind: .unusable, problem: "\(path): it is a link that user \(owner) has made",
            advice: "root does not follow it; remove it, or name the file itself in mirror.database"
        )
    }

    /// - Parameter object: type and name, as in `trigger steal`.
    static func foreign(_ object: String, _ path: String) -> StoreFailure {
        StoreFailure(
            kind: .unusable, problem: "\(path): the \(object) in it is not groupmirror's",
            advice: "find out who has made it, and remove it (DROP); only indexes of your own may "
                + "stand in a mirror")
    }

    static func displaced(_ path: String) -> StoreFailure {
        StoreFailure(
            kind: .unusable,
            problem: "\(path): the file was replaced or removed while it was in use",
            advice:
                "what was written since went to the old file; start again to use the file that is "
                + "there now. Stop the daemon before a backup is put in place")
    }

    static func newer(_ path: String) -> StoreFailure {
        StoreFailure(
            kind: .unusable, problem: "\(path): a newer version of groupmirror has written it",
            advice: "run that version, or restore the database from before its first run")
    }

    /// Made by an earlier version, which may still be running.
    static func older(_ path: String) -> StoreFailure {
        StoreFailure(
            kind: .passing, problem: "\(path): it was made by an older version of groupmirror",
            advice:
                "start the daemon of this version, or restart it: it brings the mirror up to date")
    }

    static func ofAnotherApp(_ path: String, _ owner: String) -> StoreFailure {
        StoreFailure(
            kind: .unusable, problem: "\(path): it is the mirror of app \(owner)",
            advice: "each app needs a database of its own (mirror.database)")
    }
}
