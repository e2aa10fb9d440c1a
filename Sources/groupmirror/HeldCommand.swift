import ArgumentParser
import ChatModel
import Daemon
import MirrorConfiguration
import MirrorStore
import HostSystem

/// `held`: deletions that wait for an operator.
struct HeldCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "held",
        abstract: "Decide about deletions that wait for an operator.",
        discussion: """
            When too many users lose everything at once, the mirror keeps the rows of those that come \
            after (guard.at_least, guard.emptied_users) until an operator has looked: an outage or a plan \
            that ran out can look like this. The rows of those before went; they come back when the \
            cloud lists them again, and 'groupmirror changes' has what went. Ask the cloud's console, \
            then approve (the rows go at the next pull) or reject (they stay until the cloud lists some \
            of them again). While anything is held and not approved, every further user that \
            loses everything is held too.

            Example: look, then approve all.
              groupmirror held list
              groupmirror held approve --all
            """,
        subcommands: [List.self, Approve.self, Reject.self])

    /// `held list`
    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List users whose deletions are held. Status 4 when any is undecided.",
            discussion: """
                Example:
                  groupmirror held list --json
                """)

        @OptionGroup var common: CommonOptions
        @OptionGroup var output: JSONOption

        func run() throws {
            let rows = try common.reader().held()
            let format = OutputFormat(output)
            if rows.isEmpty, format == .text { Output.note("no deletions are held") }
            let table = Table(
                ["USER", "SINCE", "GROUPS", "CONVERSATIONS", "DECISION"], nothing: "", as: format)
            for row in rows { table.add(row.cells, plain: row.rendered(as: format)) }
            if !rows.isEmpty { table.end() }
            if rows.contains(where: { $0.decision == nil }) { Output.leave(.operatorNeeded) }
        }
    }

    /// `held approve`
    struct Approve: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Believe the cloud: the rows go at the next pull.",
            discussion: """
                Example:
                  groupmirror held approve alice
                """)

        @OptionGroup var decision: Decision

        func run() throws { try decision.record(.approved) }
    }

    /// `held reject`
    struct Reject: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Do not believe the cloud: the rows stay until it lists some of them again.",
            discussion: """
                Example:
                  groupmirror held reject --all
                """)

        @OptionGroup var decision: Decision

        func run() throws { try decision.record(.rejected) }
    }

    /// For whom a decision is.
    struct Decision: ParsableArguments {
        @OptionGroup var common: CommonOptions
        @Flag(help: "Every user whose deletions are held.") var all = false
        @Argument(help: "Users.", completion: .users) var users: [String] = []

        func validate() throws {
            if all != users.isEmpty {
                throw ValidationError(
                    all ? "name users or say --all, not both" : "name users, or say --all")
            }
        }

        func record(_ decision: HeldDecision) throws {
            let settings = try common.settingsOfMirror()
            let reader = try MirrorReader(path: settings.database, sdkAppID: settings.sdkAppID)
            let held = Set(try reader.held().map(\.user))
            let ids = try userIDs(users)
            for id in ids where !held.contains(id.string) {
                throw ProgramFailure(
                    .missing, "no deletions of '\(id)' are held",
                    advice: "'groupmirror held list' shows whose are", word: "user_missing")
            }
            let numbers = all ? nil : Array(try reader.numbers(of: ids).values)
            let store = try SQLiteMirror(
                path: settings.database, sdkAppID: settings.sdkAppID,
                patience: SQLiteMirror.longPatience)
            defer { try? store.close() }
            let decided = try store.decide(
                decision, users: numbers, at: SystemTimekeeper().wallTime())
            Output.note("\(decision.rawValue): \(counted(decided.count, "user"))")
            if decision == .approved, LockFile.holder(database: settings.database) == nil {
                Output.note("no daemon is running: the next run or resync carries it out")
            }
        }
    }
}
