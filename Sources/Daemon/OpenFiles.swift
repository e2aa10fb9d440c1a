import Glibc
import MirrorConfiguration

/// Sees to it that the process may open as many files as its calls need.
enum OpenFiles {
    /// The database, its log, locks, the journal, libcurl's own, and what the runtime opens.
    private static let others = 60

    /// Raises the soft limit where it is too low; throws where the hard one is.
    static func reserve(for settings: MirrorSettings) throws(ProgramFailure) {
        let needed = rlim_t(2 * settings.inFlight + others)
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
            "this process may open \(allowed) files; limits.in_flight \(settings.inFlight) needs "
                + "\(needed)",
            advice: "raise LimitNOFILE= or 'ulimit -n', or lower limits.in_flight")
    }
}
