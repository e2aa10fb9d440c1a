import Glibc
import MirrorConfiguration
import HostSystem

/// Sees to it that the process may open as many files as it needs.
package enum OpenFiles {
    /// The database, its log, locks, the journal, libcurl's own, and what the runtime opens.
    private static let others = 60

    /// Before any file is read: with fewer, failures would look like others, or end in a crash.
    package static func demandAFew() throws(ProgramFailure) {
        try demand(rlim_t(others), for: "groupmirror")
    }

    /// For the calls of a process that calls the cloud.
    static func reserve(for settings: MirrorSettings) throws(ProgramFailure) {
        try demand(
            rlim_t(2 * settings.inFlight + others),
            for: "limits.in_flight \(settings.inFlight)")
    }

    /// Raises the soft limit where it is too low; throws where the hard one is.
    private static func demand(_ needed: rlim_t, for what: String) throws(ProgramFailure) {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0,
            limit.rlim_cur < needed
        else { return }
        let allowed = limit.rlim_max
        limit.rlim_cur = min(needed, allowed)
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        guard allowed < needed else { return }
        throw ProgramFailure(
            .configuration,
            "this process may open \(allowed) files; \(what) needs \(needed)",
            advice: "raise LimitNOFILE= or 'ulimit -n', or lower limits.in_flight")
    }
}
