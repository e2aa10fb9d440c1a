import ArgumentParser
import ChatModel
import MirrorStore
import HostSystem
import Daemon

/// `show`: one user.
struct ShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show a user's groups, conversations and marks.",
        discussion: """
            With --json, prints the line of 'groupmirror export'.

            Examples: as the mirror has it, and as the cloud had it a minute ago at most.
              groupmirror show alice
              groupmirror show alice --max-age 1m
            """)

    @OptionGroup var common: CommonOptions
    @OptionGroup var output: JSONOption
    @Flag(help: "With open edits applied; a group that is still to be created has no number.")
    var pending = false
    @OptionGroup var age: MaxAgeOption
    @Argument(help: "The user.", completion: .users) var user: String

    func run() async throws {
        guard let id = try userIDs([user]).first else { return }
        try await age.demand([id], common)
        let reader = try common.reader()
        var found: MirrorReader.MirroredUser?
        try reader.export(only: [id], pending: pending) { found = $0 }
        guard let found else { throw ProgramFailure.notListed(id) }
        switch OutputFormat(output) {
        case .json: Output.data(found.exportLine)
        case .text:
            try reader.users(user: id.string) { printHead($0) }
            printContent(found.snapshot)
        }
    }

    private func printHead(_ row: MirrorReader.UserRow) {
        Output.data("\(row.user): \(row.state), pulled \(row.pulledAt ?? "never")")
        if row.skipped > 0 {
            Output.data(
                "  \(counted(row.skipped, "conversation")) left out: of a type that this version "
                    + "does not know")
        }
        guard let problem = row.problem else { return }
        let code = row.failureCode.map { " (code \($0))" } ?? ""
        Output.data(
            "  failing since \(row.failingSince ?? "?"), \(row.failures ?? 0) in a row: "
                + "\(Output.shown(problem))\(code); next try \(row.retryAt ?? "?")")
    }

    private func printContent(_ snapshot: Snapshot) {
        for group in snapshot.groups {
            let members = snapshot.conversations.filter { $0.groups.contains(group.id) }
            let number = group.id.maker.map { "of edit \($0)" } ?? group.id.description
            Output.data(
                "group \(number) '\(Output.shown(group.name.string))': \(members.count)")
            for member in members { Output.data("  \(member.sentence)") }
        }
        let others = snapshot.conversations.filter(\.groups.isEmpty)
        if !others.isEmpty { Output.data("in no group: \(others.count)") }
        for other in others { Output.data("  \(other.sentence)") }
        if snapshot.isEmpty { Output.data("no groups, no marks") }
    }
}
