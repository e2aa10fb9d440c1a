import ArgumentParser
import Daemon
import EventLog
import MirrorConfiguration

/// `run`: the daemon.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Keep the mirror up to date until stopped.",
        discussion: """
            Logs one event a line to standard error. SIGTERM and Ctrl-C let the calls under way end \
            and stop; SIGHUP reads configuration, key and list of users again. Events.md (in the \
            documentation) explains every line of the log.

            Example: run in the foreground.
              groupmirror run --config /etc/groupmirror/shop.yaml
            """)

    @OptionGroup var common: CommonOptions

    func run() async throws {
        let settings = try common.settings()
        let log = Log(
            app: settings.sdkAppID, level: settings.logLevel, format: settings.logFormat,
            time: SystemTimekeeper(), redactor: Redactor(), write: { Output.raw($0, to: 2) })
        try await DaemonRun.run(settings, log: log)
    }
}
