import ArgumentParser
import Daemon
import EventLog
import MirrorConfiguration
import HostSystem

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
        let writer = LogWriter()
        // A start that fails is an event like any other, in the format that is known by then.
        var log = RunCommand.log(to: writer)
        do {
            let settings = try common.settings()
            log = RunCommand.log(settings, to: writer)
            try await DaemonRun.run(settings, log: log, logDropped: { writer.dropped })
            writer.close()
        } catch {
            let failure = ProgramFailure(error)
            log(
                .daemonFailed(
                    exit: failure.status.rawValue, problem: failure.problem,
                    advice: failure.advice))
            writer.close()
            Output.leave(failure.status)
        }
    }

    private static func log(_ settings: MirrorSettings? = nil, to writer: LogWriter) -> Log {
        Log(
            app: settings?.sdkAppID ?? 0, level: settings?.logLevel ?? .info,
            format: settings?.logFormat ?? .logfmt, time: SystemTimekeeper(), redactor: Redactor(),
            write: { writer.write($0, $1) })
    }
}
