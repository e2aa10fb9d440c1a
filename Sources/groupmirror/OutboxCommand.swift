import ArgumentParser
import ChatModel
import Foundation
import MirrorConfiguration
import MirrorStore
import HostSystem

/// `outbox`: what became of edits, and what to do about them.
struct OutboxCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "outbox",
        abstract: "Show edits; wait for them, retry, cancel or undo them.",
        discussion: """
            An edit is queued, then sending, and ends as applied (the cloud took it), satisfied (the \
            cloud matched already) or cancelled. A rejected one waits for an operator, and later edits of its group \
            wait behind it.

            Examples: what is open or rejected, one edit with everything about it, a retry, waiting for an import.
              groupmirror outbox list
              groupmirror outbox show 17
              groupmirror outbox retry 17
              groupmirror outbox wait --key 'migration-*'
            """,
        subcommands: [
            List.self, Show.self, Wait.self, Retry.self, Cancel.self, UndoEdits.self,
        ])

    /// `outbox list`
    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List edits, by default those that are open or rejected.",
            discussion: """
                Status 4 when a rejected edit is among them.

                Example: what has waited for over an hour.
                  groupmirror outbox list --older-than 1h
                """)

        @OptionGroup var common: CommonOptions
        @OptionGroup var output: JSONOption
        @OptionGroup var filter: Filter
        @Option(
            help: ArgumentHelp(
                "Only those in this state: \(EditState.allCases.map(\.rawValue).joined(separator: ", ")), or all.",
                valueName: "state"), completion: .editStates)
        var state: String?

        func run() throws {
            var hasRejected = false
            let table = Table(
                ["EDIT", "QUEUED", "USER", "WHAT", "STATE"], nothing: "no edits",
                as: OutputFormat(output))
            let reader = try common.reader()
            try filter.demandSome(reader)
            try reader.edits(try filter.selection(try states())) { row in
                hasRejected = hasRejected || row.state == .rejected
                table.add(row.cells, plain: row.rendered(as: OutputFormat(output)))
            }
            table.end()
            if hasRejected { Output.leave(.operatorNeeded) }
        }

        private func states() throws -> [EditState] {
            switch state {
            case nil: return [.queued, .sending, .rejected]
            case "all": return EditState.allCases
            case let word?:
                guard let state = EditState(rawValue: word) else {
                    let known = EditState.allCases.map(\.rawValue).joined(separator: ", ")
                    throw ValidationError("--state must be one of \(known), all, not '\(word)'")
                }
                return [state]
            }
        }
    }

    /// `outbox show`
    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show everything about one edit.",
            discussion: """
                Example:
                  groupmirror outbox show 17
                """)

        @OptionGroup var common: CommonOptions
        @OptionGroup var output: JSONOption
        @Argument(help: "The edit's number.") var edit: Int64

        func run() throws {
            let reader = try common.reader()
            var found: MirrorReader.EditRow?
            try reader.edits(EditSelection(ids: [EditID(edit)], states: EditState.allCases)) {
                found = $0
            }
            guard let found else { throw ProgramFailure.noEdit(edit) }
            let (items, calls) = (try reader.items(of: edit), try reader.calls(of: edit))
            switch OutputFormat(output) {
            case .json: Output.data(found.story(items, calls))
            case .text: found.printDetails(items, calls)
            }
        }
    }
}

extension ProgramFailure {
    static func noEdit(_ number: Int64) -> ProgramFailure {
        ProgramFailure(
            .missing, "there is no edit \(number)",
            advice:
                "'groupmirror outbox list --state all' shows them; settled ones go after a while",
            word: "edit_missing")
    }
}
