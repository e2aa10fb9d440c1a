/// How a command ends; what scripts and systemd look at. The numbers are those of sysexits where
/// one fits.
package enum ExitStatus: Int32, CaseIterable, Sendable {
    case done = 0
    case unexpected = 1
    case someUsersFailed = 3
    case operatorNeeded = 4
    case driftFound = 5
    case usage = 64
    case missing = 65
    case cloudUnavailable = 69
    case storage = 74
    case locked = 75
    case credentialsRefused = 77
    case configuration = 78

    /// For the table in the README and in `--help`.
    package var meaning: String {
        switch self {
        case .done: "done"
        case .unexpected: "unexpected"
        case .someUsersFailed: "some users could not be mirrored, or edits not sent"
        case .operatorNeeded: "an operator is needed: deletions are held or edits rejected"
        case .driftFound: "drift found"
        case .usage: "usage"
        case .missing: "no such user, group, edit or number of a change"
        case .cloudUnavailable: "cloud unavailable"
        case .storage: "storage"
        case .locked: "another run holds the lock, or the time to wait is up"
        case .credentialsRefused: "credentials refused"
        case .configuration: "configuration"
        }
    }
}

extension ExitStatus {
    /// For programs: what an error is called where nothing more precise is.
    package var word: String {
        switch self {
        case .done: "done"
        case .unexpected: "unexpected"
        case .someUsersFailed: "users_failed"
        case .operatorNeeded: "operator_needed"
        case .driftFound: "drift"
        case .usage: "usage"
        case .missing: "missing"
        case .cloudUnavailable: "cloud_unavailable"
        case .storage: "storage"
        case .locked: "locked"
        case .credentialsRefused: "credentials_refused"
        case .configuration: "configuration"
        }
    }
}
