import ArgumentParser
import ChatModel
import Daemon
import MirrorStore
import SyncRules
import HostSystem

/// `resync`: pull now.
struct ResyncCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resync",
        abstract: "Pull users now, whatever the schedule says.",
        discussion: """
            With a daemon running, asks it and shows its progress; without one, does the work \
            itself. Open edits of the users are sent, too; without a daemon those that could not be sent \
            are printed, and the status is 3. A user that fails is tried three times, within some \
            seconds. A terminal gets a progress bar; everyone gets one line of summary.

            Examples:
              groupmirror resync alice bob       these two
              groupmirror resync --all           every user
              groupmirror resync --all --dry-run only say what would change
            """)

    @OptionGroup var common: CommonOptions
    @OptionGroup var output: JSONOption
    @Flag(help: "Every user of the list.") var all = false
    @Flag(help: "Say what would change; change nothing that is mirrored.") var dryRun = false
    @Argument(help: "Users to pull.", completion: .users) var users: [String] = []

    func validate() throws {
        if all != users.isEmpty {
            throw ValidationError(
                all ? "name users or say --all, not both" : "name users, or say --all")
        }
    }

    func run() async throws {
        let settings = try common.settings()
        let work = try CloudWork(settings: settings, log: quietLog(settings))
        let bar = ProgressBar()
        let report = try await work.perform(
            dryRun ? .compare : .resync, users: all ? nil : try userIDs(users),
            show: { bar.show($0) }, note: { bar.note($0) })
        bar.clear()
        if dryRun { report.printDifferences(as: OutputFormat(output)) }
        report.conclude(
            as: OutputFormat(output), verb: dryRun ? "compared" : "pulled",
            took: spoken(bar.elapsed))
        Output.leave(report.status(driftCounts: false))
    }
}

extension CloudWork.Report {
    /// What differs, user by user: on standard output, for it is what was asked for.
    func printDifferences(as format: OutputFormat) {
        for (user, result) in results where result.outcome == .drifted {
            switch format {
            case .text:
                Output.data("\(user): \(counted(result.changes, "difference"))")
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

    /// Who could not be pulled and why, the summary, and what the operator has to do.
    func conclude(as format: OutputFormat, verb: String, took: String) {
        let left = results.filter { [.failed, .parked].contains($0.result.outcome) }
        let summary = progress.rendered(as: format, verb: verb, took: took, held: undecided)
        switch format {
        case .json:
            for (user, result) in left {
                Output.data(
                    JSONText.object([
                        "user": JSONText.string(user.string),
                        "outcome": JSONText.string(result.outcome.rawValue),
                        "problem": JSONText.string(result.detail),
                    ]))
            }
            Output.data(summary)
        case .text:
            for (user, result) in left.prefix(20) {
                Output.note("\(user): \(Output.shown(result.detail))")
            }
            if left.count > 20 {
                Output.note("… and \(left.count - 20) more: groupmirror users --state failing")
            }
            Output.note(summary)
        }
        if isNew { Output.note("there was no mirror before: a new one was made") }
        if undecided > 0 {
            Output.note(
                "the deletions of \(counted(undecided, "user")) wait for an operator: "
                    + "groupmirror held list")
        }
        if nobodyWasPulled {
            Output.note(
                "no user was pulled: no user of the list is imported in this app; are list and "
                    + "app.sdk_app_id of the same app?")
        }
        if rejected > 0 {
            Output.note(
                "rejected edits that wait for an operator: \(rejected); groupmirror outbox list")
        }
        if unsent > 0 {
            for left in firstUnsent { Output.note(left.sentence) }
            Output.note(
                "\(counted(unsent, "edit")) could not be sent yet: repeat the command, or start "
                    + "the daemon, which goes on trying")
        }
        if !isComplete {
            Output.note(
                "interrupted after \(progress.done) of \(counted(progress.total, "user")): "
                    + (isByDaemon
                        ? "the daemon goes on with its own work"
                        : "nothing was done about the others"))
        }
    }

    /// No user of the whole list is imported: a wrong list, or a wrong app.
    private var nobodyWasPulled: Bool {
        isOfEverybody && progress.total > 0 && progress.parked == progress.total
    }

    func status(driftCounts: Bool) -> ExitStatus {
        if !isComplete { return .unexpected }
        if isWithoutAnswer, progress.failed > 0 { return .cloudUnavailable }
        if driftCounts, progress.changed > 0 { return .driftFound }
        if nobodyWasPulled { return .someUsersFailed }
        if progress.failed > 0 || unsent > 0 { return .someUsersFailed }
        return undecided > 0 || rejected > 0 ? .operatorNeeded : .done
    }
}

extension CloudWork.UnsentEdit {
    /// `edit 5 (add user:bob to 'club') waits: … (code 51007); it is tried again with the next run`
    fileprivate var sentence: String {
        return "edit \(edit.id) of \(edit.user) (\(edit.sentence)) waits: \(Output.shown(reason)); "
            + "it is tried again with the next run"
    }
}
