import ArgumentParser
import ChatModel
import MirrorStore
import HostSystem
import Daemon

/// `export`: everything, in a form to compare.
struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Print the mirror, one JSON object a user.",
        discussion: """
            Users are sorted by the bytes of their ids, and so is everything within a user; the keys \
            and their order never change. All of it is of one moment. pulled_at moves with every pull: \
            leave it out when you compare.

            With --with-seq the first line is {"last_change":N}, the number of the newest change that the export \
            has in it: 'groupmirror changes --since N' goes on from there without a gap.

            Examples: keep yesterday's state, compare today's; what a program begins with.
              groupmirror export | jq -c 'del(.pulled_at)' > today.jsonl
              groupmirror export --with-seq
            """)

    @OptionGroup var common: CommonOptions
    @Flag(help: "With open edits applied.") var pending = false
    @Flag(help: "Accepted as everywhere; the export is JSON anyway.") var json = false
    @Flag(help: "Begin with a line that has the number of the newest change.") var withSeq = false
    @OptionGroup var age: MaxAgeOption
    @Argument(help: "Only these users (default: all of the list).", completion: .users) var users:
        [String] = []

    func validate() throws {
        if users.isEmpty, age.maxAge != nil {
            throw ValidationError(
                "--max-age needs users; 'groupmirror resync --all' pulls everybody")
        }
    }

    func run() async throws {
        let only = users.isEmpty ? nil : try userIDs(users)
        if let only { try await age.demand(only, common) }
        let reader = try common.reader()
        var missing = Set(only ?? [])
        try reader.export(
            only: only, pending: pending,
            begin: { if withSeq { Output.data("{\"last_change\":\($0)}") } }
        ) { user in
            missing.remove(user.user)
            Output.data(user.exportLine)
        }
        if let first = missing.min() { throw ProgramFailure.notListed(first) }
    }
}
