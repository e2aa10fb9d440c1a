import ArgumentParser
import ChatModel
import Daemon
import Foundation
import MirrorConfiguration
import MirrorStore
import SyncRules

extension OutboxCommand {
    /// `outbox undo`
    struct UndoEdits: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "undo",
            abstract: "Take back what edits have changed, by new edits.",
            discussion: """
                The record of changes says what each edit has changed. Where the mirror, with open edits applied, is \
                still so, a new edit changes it back; what has become otherwise since is left and named on standard \
                error. An edit that found everything in place has changed nothing, so nothing is undone. Prints the \
                new edits. All are queued, or none. What other clients have changed since the last pull is not \
                seen: 'groupmirror resync USER' before looks once more.

                Examples: one edit, an import, and what would be done.
                  groupmirror outbox undo 17
                  groupmirror outbox undo --batch 4711 --wait
                  groupmirror outbox undo --key 'migration-*' --dry-run
                """)

        @OptionGroup var choice: Choice
        @OptionGroup var output: JSONOption
        @OptionGroup var wait: WaitOption
        @Flag(help: "Only say what would be queued.") var dryRun = false

        func run() async throws {
            let (settings, work) = try wait.prepare(choice.common)
            let selection = try choice.filter.selection(EditState.allCases, ids: choice.ids)
            let reader = try choice.common.reader()
            try choice.filter.demandSome(reader, ids: choice.edits)
            if !dryRun { try choice.confirm("undo", selection, reader) }
            let undos = try reader.undo(selection)
            let queued = dryRun ? [] : try queue(undos, settings)
            for (position, undo) in undos.enumerated() {
                undo.print(
                    dryRun ? nil : queued[position], as: OutputFormat(output))
            }
            let ids = queued.flatMap(\.self)
            let count = dryRun ? undos.reduce(0) { $0 + $1.undo.operations.count } : ids.count
            let left = undos.reduce(0) { $0 + $1.undo.left.count + $1.open.count }
            Output.note(
                "\(dryRun ? "would queue" : "queued") \(counted(count, "edit")), left \(left)")
            if !ids.isEmpty {
                try await wait.conclude(
                    EditSelection.numbered(ids), work, OutputFormat(output))
            }
        }

        /// - Returns: the new edits' numbers, for each user.
        private func queue(_ undos: [UserUndo], _ settings: MirrorSettings) throws -> [[EditID]] {
            guard undos.contains(where: { !$0.undo.operations.isEmpty }) else {
                return undos.map { _ in [] }
            }
            return try settings.queue(isBatch: true) { intake in
                try undos.map { undo in
                    try undo.undo.operations.map { operation in
                        try intake.add(EditOrder(user: undo.user, key: nil, operation: operation))
                            .id
                    }
                }
            }
        }
    }
}

extension UserUndo {
    /// So many lines are printed for a user; JSON has all.
    private static let mostPrinted = 20

    /// - Parameter queued: the new edits; nil when nothing is queued.
    fileprivate func print(_ queued: [EditID]?, as format: OutputFormat) {
        let sentences = undo.operations.map(\.sentence)
        let leftWords =
            undo.left.map { "\(Output.shown($0.change.words())): \($0.why)" }
            + open.map { "edit \($0) is open: 'groupmirror outbox cancel \($0)' takes it back" }
        switch format {
        case .text:
            for (position, sentence) in sentences.enumerated() {
                let number = queued.map { "\($0[position])  " } ?? ""
                Output.data("\(number)\(user)  \(Output.shown(sentence))")
            }
            for words in leftWords.prefix(Self.mostPrinted) {
                Output.note("left: \(user)  \(words)")
            }
            if leftWords.count > Self.mostPrinted {
                Output.note("left: \(user)  … and \(leftWords.count - Self.mostPrinted) more")
            }
        case .json:
            Output.data(
                JSONText.object([
                    "user": JSONText.string(user.string),
                    "edits": queued.map { JSONText.array($0.map(\.description)) },
                    "what": JSONText.array(sentences.map(JSONText.string)),
                    "left": JSONText.array(leftWords.map(JSONText.string)),
                ]))
        }
    }
}
