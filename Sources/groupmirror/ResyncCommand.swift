import ArgumentParser
import ChatModel
import Daemon
import MirrorStore

/// `resync`: pull now.
struct ResyncCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resync",
        abstract: "Pull users now, whatever the schedule says.",
        discussion: """
            With a daemon running, asks it and shows its progress; without one, does the work \
            itself. A terminal gets a progress bar; everybody gets one line of summary.

            Examples:
              groupmirror resync alice bob       these two
              groupmirror resync --all           everybody
              groupmirror resync --all --dry-run only say what would change
            """)

    @OptionGroup var common: CommonOptions
    @OptionGroup var output: JSONOption
    @Flag(help: "Every user of the list.") var all = false
    @Flag(help: "Say what would change; write nothing.") var dryRun = false
    @Argument(help: "Users to pull.") var users: [String] = []

    func validate() throws {
        if all != users.isEmpty {
            throw ValidationError("name users, or say --all")
        }
    }

    func run() async throws {
        let settings = try common.settings()
        let work = CloudWork(settings: settings, log: quietLog(settings))
        let bar = ProgressBar()
        let report = try await work.perform(
            dryRun ? .compare : .resync, users: all ? nil : try userIDs(users)
        ) { bar.show($0) }
        bar.clear()
        if dryRun { report.printDifferences(as: OutputFormat(output)) }
        report.printFailures()
        let summary = report.progress.rendered(
            as: OutputFormat(output), verb: dryRun ? "compared" : "pulled",
            took: spoken(bar.elapsed))
        if output.json, !dryRun { Output.data(summary) } else { Output.note(summary) }
        Output.leave(report.status(driftCounts: false))
    }
}

extension CloudWork.Report {
    /// What differs, user by user: on standard output, for it is what was asked for.
    func printDifferences(as format: OutputFormat) {
        for (user, result) in results where result.outcome == .drifted {
            switch format {
            case .text:
                Output.data("\(user): \(result.changes) differences")
                for line in result.detail.split(separator: "\n") {
                    Output.data("  " + Output.shown(String(line)))
                }
            case .json:
                let lines = result.detail.split(separator: "\n").map {
                    JSONText.string(String($0))
                }
                Output.data(
                    JSONText.object([
                        "user": JSONText.string(user.string),
                        "differences": JSONText.array(lines),
                    ]))
            }
        }
    }

    /// The first users that failed and why, for the person.
    func printFailures() {
        let failed = results.filter { $0.result.outcome == .failed }
        for (user, result) in failed.prefix(20) {
            Output.note("\(user): \(Output.shown(result.detail))")
        }
        if failed.count > 20 {
            Output.note("… and \(failed.count - 20) more: groupmirror users --state failing")
        }
    }

    func status(driftCounts: Bool) -> ExitStatus {
        if !isComplete { return .unexpected }
        if isWithoutAnswer, progress.failed > 0 { return .cloudUnavailable }
        if driftCounts, progress.changed > 0 { return .driftFound }
        if progress.failed > 0 { return .someUsersFailed }
        return undecided > 0 ? .personNeeded : .done
    }
}
