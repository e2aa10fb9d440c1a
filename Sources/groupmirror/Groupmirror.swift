import ArgumentParser
import Daemon
import HostSystem

/// The command line. Every error leaves through here, so that each says what happened, what to do
/// next, and ends with the status of the table.
@main
struct Groupmirror: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "groupmirror",
        abstract: "Mirror conversation groups and marks of Tencent Cloud Chat into SQLite.",
        discussion: """
            'groupmirror run' keeps the mirror up to date; the other commands read it at any time, \
            whether the daemon runs or not. Data goes to standard output, everything else to \
            standard error.

            Example: look at a mirror that a daemon keeps.
              groupmirror status
              groupmirror show alice
              groupmirror changes --follow

            Exit status: \
            \(ExitStatus.allCases.map { "\($0.rawValue) \($0.meaning)" }.joined(separator: ", ")).
            """,
        version: "groupmirror \(Version.text)",
        subcommands: [
            RunCommand.self, ResyncCommand.self, StatusCommand.self, TopCommand.self,
            HealthCommand.self,
            UsersCommand.self, ShowCommand.self, ExportCommand.self, ChangesCommand.self,
            EditCommand.self,
            OutboxCommand.self, HeldCommand.self, VerifyCommand.self, BackupCommand.self,
            HintCommand.self, CheckCommand.self, DoctorCommand.self, ReportCommand.self,
            UserSigCommand.self,
        ])

    static func main() async {
        if CommandLine.arguments.contains("run") { EarlySignals.remember() }
        Streams.prepare()
        var type: any ParsableCommand.Type = Groupmirror.self
        do {
            try CommandText.check()
            try CommandText.checkNames(under: Groupmirror.self)
            var command = try parseAsRoot(CommandText.words)
            type = Swift.type(of: command)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let failure as ProgramFailure {
            leave(failure)
        } catch let error as ValidationError where type != Groupmirror.self {
            leave(error, of: type)
        } catch  where isOfTheParser(error) {
            leave(ofTheParser: error)
        } catch {
            leave(ProgramFailure(error))
        }
    }

    private static func isOfTheParser(_ error: any Error) -> Bool {
        if error is CleanExit || error is ValidationError || error is ExitCode { return true }
        // The parser's own error type is not public.
        return String(reflecting: type(of: error)).hasPrefix("ArgumentParser.")
    }

    /// Help and mistakes in the command line. A mistake quotes what was typed, or what a script passed on.
    private static func leave(ofTheParser error: any Error) -> Never {
        let code = exitCode(for: error)
        guard code != .success, !(error is CleanExit) else { exit(withError: error) }
        let message = self.message(for: error)
        if CommandText.wantsJSON { leave(ProgramFailure(.usage, message)) }
        note(fullMessage(for: error))
        Output.leave(code: code.rawValue)
    }

    /// A mistake that the command found after its words had been read.
    private static func leave(_ error: ValidationError, of command: any ParsableCommand.Type)
        -> Never
    {
        if CommandText.wantsJSON { leave(ProgramFailure(.usage, error.message)) }
        let usage = usageString(for: command)
        let name = usage.prefix { $0 != "[" && $0 != "<" }.split(separator: " ")
        note(
            "Error: \(error.message)\nUsage: \(usage)\n  See '\(name.joined(separator: " ")) --help' for more "
                + "information.")
        Output.leave(.usage)
    }

    private static func leave(_ failure: ProgramFailure) -> Never {
        if CommandText.wantsJSON {
            Output.note(failure.object)
        } else {
            note("groupmirror: " + failure.problem)
            if !failure.advice.isEmpty { Output.note("  \(failure.advice)") }
        }
        Output.leave(failure.status)
    }

    /// Text with whatever was typed in it.
    private static func note(_ text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        Output.note(lines.map { Output.shown(String($0)) }.joined(separator: "\n"))
    }
}

extension ProgramFailure {
    /// For programs, on standard error.
    fileprivate var object: String {
        JSONText.object([
            "error": JSONText.string(word), "problem": JSONText.string(problem),
            "advice": advice.isEmpty ? nil : JSONText.string(advice),
            "status": JSONText.number(status.rawValue),
        ])
    }
}
