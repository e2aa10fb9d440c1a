import ArgumentParser
import ChatModel
import Daemon
import MirrorStore

/// `export`: everything, in a form to compare.
struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Print the mirror, one JSON object a user.",
        discussion: """
            Users are sorted by the bytes of their ids, and so is everything within a user; the keys \
            and their order never change. All of it is of one moment. pulled_at moves with every pull: \
            leave it out when you compare.

            Example: keep yesterday's state, compare today's.
              groupmirror export | jq -c 'del(.pulled_at)' > today.jsonl
            """)

    @OptionGroup var common: CommonOptions
    @Flag(help: "With open edits applied.") var pending = false
    @Flag(help: "Accepted as everywhere; the export is JSON anyway.") var json = false
    @Argument(help: "Only these users (default: all of the list).") var users: [String] = []

    func run() throws {
        let reader = try common.reader()
        let only = users.isEmpty ? nil : try userIDs(users)
        var missing = Set(only ?? [])
        try reader.export(only: only, pending: pending) { user in
            missing.remove(user.user)
            Output.data(user.exportLine)
        }
        if let first = missing.min() { throw ProgramFailure.notListed(first) }
    }
}
