import ArgumentParser
import ChatAPI
import ChatModel
import Glibc
import MirrorConfiguration
import MirrorStore
import SyncEngine
import HostSystem

/// `status`: how the mirror is.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show how the mirror and its daemon are.",
        discussion: """
            Works whether the daemon runs or not. Exit status 69 when the daemon does not respond, 74 \
            when it cannot write the database, 4 when deletions or edits wait for an operator, 3 when \
            no daemon runs and users are stale. 'groupmirror health' says the same in one line for \
            monitoring.

            With --all, every configuration in the standard directory; the status is then the first of them that is \
            not 0.

            Examples: one app, all of this machine, and keep watching.
              groupmirror status --config shop
              groupmirror status --all
              groupmirror status --watch
            """)

    @OptionGroup var common: CommonOptions
    @OptionGroup var output: JSONOption
    @Flag(help: "Show it again every second until Ctrl-C.") var watch = false
    @Flag(help: "Every configuration in the standard directory.") var all = false

    func validate() throws {
        if all, watch { throw ValidationError("say --all or --watch, not both") }
        if all, common.config != nil { throw ValidationError("say --all or --config, not both") }
    }

    func run() async throws {
        if all { try showAll() }
        let settings = try common.settingsOfMirror()
        let time = SystemTimekeeper()
        while true {
            let status = try MirrorStatus(settings, time)
            if watch, isatty(STDOUT_FILENO) == 1, !output.json { Output.data("\u{1B}[H\u{1B}[2J") }
            status.print(as: OutputFormat(output))
            guard watch else { Output.leave(status.exitStatus) }
            try await time.sleep(for: .seconds(1))
        }
    }

    private func showAll() throws -> Never {
        let answers = try EveryConfiguration.run(["status"] + (output.json ? ["--json"] : []))
        for (position, (name, answer)) in answers.enumerated() {
            switch OutputFormat(output) {
            case .json:
                // The object, or the error, with the name before its other members.
                let object = answer.output.lines.first ?? answer.errors.lines.first ?? "{}"
                Output.data("{\"name\":\(JSONText.string(name))," + object.dropFirst())
            case .text:
                if position > 0 { Output.data("") }
                Output.data(name)
                for line in (answer.output + answer.errors).lines { Output.data("  \(line)") }
            }
        }
        Output.leave(code: answers.first { $0.answer.status != 0 }?.answer.status ?? 0)
    }
}
