import ArgumentParser
import MirrorStore
import HostSystem

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

            With --explain, when one user is pulled next, and why then: how often it changes, as far as that is \
            known, and how stale its copy is expected to be.

            Examples: who cannot be pulled, and why; why a user is pulled when it is.
              groupmirror users --state failing
              groupmirror users --explain customer-0042
            """)

    @OptionGroup var common: CommonOptions
    @OptionGroup var output: JSONOption
    @Option(help: "Only users in this state.") var state: State?

    @Option(help: ArgumentHelp("When and why this user is pulled next.", valueName: "user"))
    var explain: String?

    func validate() throws {
        if explain != nil, state != nil {
            throw ValidationError("say --state or --explain, not both")
        }
    }

    func run() throws {
        if let explain { return try printExplanation(of: explain) }
        let format = OutputFormat(output)
        let table = Table(
            ["USER", "STATE", "PULLED", "PROBLEM", "SINCE", "NEXT TRY"], nothing: "no users",
            as: format)
        try common.reader().users(state: state?.rawValue) { row in
            table.add(row.cells, plain: row.rendered(as: format))
        }
        table.end()
    }

    private func printExplanation(of name: String) throws {
        guard let user = try userIDs([name]).first else { return }
        let explanation = try UserExplanation(
            of: user, in: common.reader(), now: SystemTimekeeper().wallTime())
        switch OutputFormat(output) {
        case .json: Output.data(explanation.json)
        case .text: Output.table(explanation.rows)
        }
    }
}
