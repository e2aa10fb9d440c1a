import ArgumentParser
import ChatModel
import Glibc
import MirrorConfiguration
import MirrorStore
import SyncRules
import HostSystem
import Daemon

/// `--max-age`: pull first where the copy is older.
struct MaxAgeOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Pull a user first whose copy is older, like 60s or 5m: through the daemon, or alone. Status 3 and "
                + "nothing printed when that fails.",
            valueName: "time"))
    var maxAge: String?

    func validate() throws { _ = try span() }

    private func span() throws -> Duration? {
        try maxAge.map { try SpanText.read($0, of: "--max-age", like: "60s or 5m") }
    }

    /// Returns when no copy of these users is older than it may be.
    func demand(_ users: [UserID], _ common: CommonOptions) async throws {
        guard let span = try span() else { return }
        let work = try common.work()
        let oldest = SystemTimekeeper().wallTime() + (.zero - span)
        let old = try Self.users(users, pulledBefore: oldest, work.settings)
        guard !old.isEmpty else { return }
        let bar = ProgressBar()
        let report = try await work.perform(
            .resync, users: old, show: { bar.show($0) }, note: { bar.note($0) })
        bar.clear()
        if let (user, result) = report.results.first(where: { $0.result.outcome == .failed }) {
            throw ProgramFailure(
                .someUsersFailed, "\(user) could not be pulled: \(result.detail)",
                advice: "without --max-age the copy is printed as it is")
        }
        guard report.isComplete else {
            throw ProgramFailure(.unexpected, "interrupted before the users had been pulled")
        }
    }

    private static func users(
        _ users: [UserID], pulledBefore oldest: WallTime, _ settings: MirrorSettings
    ) throws -> [UserID] {
        // Where there is no mirror yet, the pull makes it.
        guard OwnedFile.mayAccess(settings.database, F_OK) else { return users }
        let reader = try MirrorReader(path: settings.database, sdkAppID: settings.sdkAppID)
        return try reader.lastPulls(of: users)
            .filter { $0.at.map { $0 < oldest } ?? true }.map(\.user)
    }
}
