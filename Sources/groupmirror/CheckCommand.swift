import ArgumentParser
import ChatAPI
import ChatModel
import Daemon
import Foundation
import MirrorConfiguration
import MirrorStore
import SyncEngine
import HostSystem

/// `check`: is everything in order before the daemon starts?
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check configuration, key, list of users and database.",
        discussion: """
            Prints every setting, defaults included, and a region as the endpoint it stands for. A running \
            daemon may still use an older version of the file. --online makes one call to see whether the cloud accepts \
            the app; while a daemon runs, it shows what the daemon sees from now on instead, and ends \
            with 69 when that has no answer yet.

            Example: before the first start.
              groupmirror check --online
            """)

    @OptionGroup var common: CommonOptions
    @OptionGroup var output: JSONOption
    @Flag(help: "Ask the cloud too.") var online = false

    func run() async throws {
        let settings = try common.settings()
        let key = Result { try KeyFile.read(settings) }
        if !KeyFile.isKept(from: settings) { _ = try key.get() }
        try ServiceUser.become(ownerOf: settings.database)
        let list = try ListReport(settings)
        let mirrored = try checkDatabase(settings)
        if list.users == 0, mirrored > 0 {
            throw ConfigurationFault.emptied(settings, users: mirrored)
        }
        print(settings)
        list.warn()
        warn(about: settings)
        if KeyFile.isKept(from: settings) {
            Output.note("note: the key may not be read by this user, so it was not checked")
        }
        Output.note("in order: \(counted(list.users, "user")) in the list")
        if online { try await askCloud(settings, key, isListEmpty: list.users == 0) }
    }

    private func warn(about settings: MirrorSettings) {
        guard settings.callsPerSecond > 200 else { return }
        Output.note(
            "note: limits.calls_per_second is \(settings.callsPerSecond); the cloud documents 200")
    }

    /// A database that exists must be this app's; one that does not is made by the first run, in a
    /// directory that this user may write to. How many users are in the list of the mirror.
    private func checkDatabase(_ settings: MirrorSettings) throws -> Int {
        guard LockFile.exists(settings.database) else {
            let folder = URL(fileURLWithPath: settings.database).deletingLastPathComponent().path
            guard OwnedFile.mayAccess(folder, W_OK) else {
                throw StoreFailure(
                    kind: .passing,
                    problem: "\(settings.database): it cannot be made in \(folder)",
                    advice: "does the directory exist, and may this user write there?")
            }
            return 0
        }
        let states = try MirrorReader(path: settings.database, sdkAppID: settings.sdkAppID).states()
        return states.values.reduce(0, +) - states["unlisted", default: 0]
    }

    private func print(_ settings: MirrorSettings) {
        switch OutputFormat(output) {
        case .text: Output.table(settings.entries.map { [$0.key, $0.value] })
        case .json:
            for entry in settings.entries {
                Output.data(
                    JSONText.object([
                        "key": JSONText.string(entry.key), "value": JSONText.string(entry.value),
                    ]))
            }
        }
    }

    private func askCloud(
        _ settings: MirrorSettings, _ key: Result<SecretKey, any Error>, isListEmpty: Bool
    ) async throws {
        guard let lock = try LockFile(database: settings.database, for: .command) else {
            guard LockFile.holder(database: settings.database)?.isDaemon == true else {
                throw ProgramFailure.locked(settings)
            }
            if isListEmpty { return Output.note("a daemon is running; it has no user to pull") }
            return try await tellWhatTheDaemonSees(settings)
        }
        try await CloudProbe.run(
            settings, key: key.get(), user: try firstUser(settings), log: quietLog(settings))
        _ = consume lock
        Output.note("the cloud accepts the app")
    }

    private func firstUser(_ settings: MirrorSettings) throws -> UserID {
        var first: UserID?
        try UserListReader(settings).read { id in
            if first == nil { first = UserID(checkedBytes: id) }
        }
        return first ?? settings.admin
    }

    private func tellWhatTheDaemonSees(_ settings: MirrorSettings) async throws {
        let reader = try MirrorReader(path: settings.database, sdkAppID: settings.sdkAppID)
        // What it reported last may be from before a reload that fixed it. A call may take its whole time.
        let state = try await reader.daemonThatKnowsTheCloud(
            LockFile.holder(database: settings.database), within: settings.timeout + .seconds(5))
        guard let state else {
            throw ProgramFailure(
                .cloudUnavailable, "a daemon is running, and has had no answer of the cloud yet",
                advice: "repeat the command; the daemon's log shows how its calls end")
        }
        if let failure = ProgramFailure(cloudOf: state) { throw failure }
        Output.note(
            "a daemon is running; to it the cloud is \(state.cloud). Key and settings of the file were "
                + "not tried: it may have been started with others")
    }
}

/// What can be said of a list of users before it is used.
private struct ListReport {
    private(set) var users = 0
    private var repeated: (count: Int, first: String) = (0, "")
    private var unusual: (count: Int, first: String) = (0, "")

    init(_ settings: MirrorSettings) throws {
        var seen = UserIDTable()
        var report = self
        try UserListReader(settings).read { id in
            let text = String(decoding: id, as: UTF8.self)
            if !UserID.isUsual(id) {
                report.unusual = (
                    report.unusual.count + 1,
                    report.unusual.count == 0 ? text : report.unusual.first
                )
            }
            guard seen.number(of: id) == nil else {
                report.repeated = (
                    report.repeated.count + 1,
                    report.repeated.count == 0 ? text : report.repeated.first
                )
                return
            }
            seen.add(id, as: seen.highest + 1)
            report.users += 1
        }
        self = report
    }

    func warn() {
        if users == 0 { Output.note("note: the list of users is empty: no user is mirrored") }
        if repeated.count > 0 {
            Output.note(
                "note: \(counted(repeated.count, "line")) of the list repeat an earlier one, the "
                    + "first is '\(repeated.first)'")
        }
        if unusual.count > 0 {
            Output.note(
                "note: \(counted(unusual.count, "id")) with other characters than letters, digits, "
                    + "_ and -, the first is '\(unusual.first)'")
        }
    }
}
