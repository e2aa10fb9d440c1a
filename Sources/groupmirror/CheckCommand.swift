import ArgumentParser
import ChatModel
import Daemon
import MirrorConfiguration
import MirrorStore

/// `check`: is everything in order before the daemon starts?
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check configuration, key, list of users and database.",
        discussion: """
            Prints every setting in force. --online makes one call to see whether the cloud accepts \
            the app; while a daemon runs, it tells what the daemon has seen instead.

            Example: before the first start.
              groupmirror check --online
            """)

    @OptionGroup var common: CommonOptions
    @OptionGroup var output: JSONOption
    @Flag(help: "Ask the cloud too.") var online = false

    func run() async throws {
        let settings = try common.settings()
        _ = try KeyFile.read(settings)
        let users = try countUsers(settings)
        try checkDatabase(settings)
        print(settings)
        Output.note("in order: \(users) users in the list")
        if online { try await askCloud(settings) }
    }

    private func countUsers(_ settings: MirrorSettings) throws -> Int {
        var count = 0
        try UserListReader(settings).read { _ in count += 1 }
        return count
    }

    /// A database that exists must be this app's; one that does not is made by the first run.
    private func checkDatabase(_ settings: MirrorSettings) throws {
        guard LockFile.exists(settings.database) else { return }
        _ = try MirrorReader(path: settings.database, sdkAppID: settings.sdkAppID)
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

    private func askCloud(_ settings: MirrorSettings) async throws {
        guard let lock = try LockFile(database: settings.database) else {
            return try tellWhatTheDaemonSaw(settings)
        }
        try await CloudProbe.run(settings, user: try firstUser(settings), log: quietLog(settings))
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

    private func tellWhatTheDaemonSaw(_ settings: MirrorSettings) throws {
        let reader = try MirrorReader(path: settings.database, sdkAppID: settings.sdkAppID)
        let state = try reader.daemon()
        switch state?.cloud {
        case "refused":
            throw ProgramFailure(
                .credentialsRefused,
                "the daemon is refused by the cloud: \(state?.cloudProblem ?? "")")
        case "unreachable":
            throw ProgramFailure(.cloudUnavailable, "the daemon cannot reach the cloud")
        case let word?: Output.note("a daemon is running; to it the cloud is \(word)")
        case nil: Output.note("a daemon is starting; it has not called the cloud yet")
        }
    }
}
