import ArgumentParser
import MirrorStore

/// `users`: a line a user.
struct UsersCommand: ParsableCommand {
    /// A user's state in the view `users`.
    enum State: String, ExpressibleByArgument, CaseIterable {
        case fresh, stale, new, failing, held, parked, unlisted
    }

    static let configuration = CommandConfiguration(
        commandName: "users",
        abstract: "List users with their state.",
        discussion: """
            fresh     pulled within schedule.max_staleness
            stale     not
            new       never pulled yet
            failing   the last pull failed; the mirror is what it was before
            held      deletions wait for an operator
            parked    not imported in the cloud; looked at once a day
            unlisted  no longer in the list; kept, not pulled

            Example: who cannot be pulled, and why.
              groupmirror users --state failing
            """)

    @OptionGroup var common: CommonOptions
    @OptionGroup var output: JSONOption
    @Option(help: "Only users in this state.") var state: State?

    func run() throws {
        let format = OutputFormat(output)
        let table = Table(
            ["USER", "STATE", "PULLED", "PROBLEM", "SINCE", "NEXT TRY"], nothing: "no users",
            as: format)
        try common.reader().users(state: state?.rawValue) { row in
            table.add(row.cells, plain: row.rendered(as: format))
        }
        table.end()
    }
}
