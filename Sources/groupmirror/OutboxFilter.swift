import ArgumentParser
import ChatModel
import Foundation
import MirrorConfiguration
import MirrorStore
import HostSystem
import Daemon

// Which edits a command is about: by number, or by what they have in common.

extension OutboxCommand {
    /// Which edits are meant.
    struct Filter: ParsableArguments {
        @Option(help: "Only this user's.", completion: .users) var user: String?
        @Option(
            help: ArgumentHelp(
                "Only those whose key fits, like 'migration-*': * any text, ? one character.",
                valueName: "glob"))
        var key: String?
        @Option(
            help: ArgumentHelp(
                "Only those of one import: the number that it printed.", valueName: "number"))
        var batch: Int64?
        @Option(help: "Only those queued longer ago, like 10m or 2d.") var olderThan: String?

        /// It says what edits have in common, so that they need no numbers.
        var namesEdits: Bool { key != nil || batch != nil }

        /// Throws when what is named is not there: a script with a mistake in it must not believe that all is
        /// well.
        func demandSome(_ reader: MirrorReader, ids: [Int64] = []) throws {
            for number in ids {
                let one = EditSelection(ids: [EditID(number)], states: EditState.allCases)
                if try reader.count(one).total == 0 { throw ProgramFailure.noEdit(number) }
            }
            if let user = try user.map({ try userIDs([$0]) })?.first,
                try reader.numbers(of: [user]).isEmpty
            {
                throw ProgramFailure.notListed(user)
            }
            guard namesEdits else { return }
            var named = EditSelection(states: EditState.allCases)
            (named.key, named.batch) = (key, batch)
            guard try reader.count(named).total == 0 else { return }
            throw ProgramFailure(
                .missing,
                key.map { "no edit has a key like '\($0)'" }
                    ?? "there is no batch \(batch ?? 0)",
                advice:
                    "'groupmirror outbox list --state all' shows all; settled ones go after a while",
                word: "edit_missing")
        }

        func selection(_ states: [EditState], ids: [Int64]? = nil, reason: EditReason? = nil)
            throws -> EditSelection
        {
            let now = SystemTimekeeper().wallTime()
            let before = try olderThan.map {
                now + (.zero - (try SpanText.read($0, of: "--older-than", like: "10m, 4h or 2d")))
            }
            var selection = EditSelection(
                ids: ids?.map { EditID($0) }, user: try user.map { try userIDs([$0]) }?.first,
                states: states, reason: reason, queuedBefore: before)
            selection.key = key
            selection.batch = batch
            return selection
        }
    }

    /// What `retry` and `cancel` have in common.
    struct Choice: ParsableArguments {
        @OptionGroup var common: CommonOptions
        @OptionGroup var filter: Filter
        @Flag(help: "Every edit that the options allow.") var all = false
        @Flag(
            help: "With --all: do not ask first. Needed without a terminal, as in a script.")
        var yes = false
        @Argument(help: "Numbers of edits.") var edits: [Int64] = []

        func validate() throws {
            let isNamed = all || filter.namesEdits
            if isNamed != edits.isEmpty {
                throw ValidationError(
                    isNamed
                        ? "number edits, or say --all, --key or --batch, not both"
                        : "number edits, or say --all, --key or --batch")
            }
        }

        /// The numbers, where edits are numbered.
        var ids: [Int64]? { edits.isEmpty ? nil : edits }

        /// Asks at the terminal before many edits are changed.
        func confirm(_ verb: String, _ selection: EditSelection, _ reader: MirrorReader) throws {
            guard all, !yes else { return }
            guard isatty(STDIN_FILENO) == 1 else {
                throw ProgramFailure(
                    .usage, "--all changes many edits, and there is no terminal to ask on",
                    advice: "say --yes, or say which by number, --key or --batch")
            }
            let owners = try reader.owners(of: selection)
            guard !owners.isEmpty else { return }
            let count = owners.reduce(0) { $0 + $1.edits }
            let few = owners.prefix(5).map(\.user.string).joined(separator: ", ")
            let whose = few + (owners.count > 5 ? " and \(owners.count - 5) more" : "")
            Output.raw(
                "\(verb) \(counted(count, "edit")) of \(counted(owners.count, "user")) (\(whose))? [y/N] ",
                to: STDERR_FILENO)
            guard let answer = readLine(), ["y", "yes"].contains(answer.lowercased()) else {
                throw ProgramFailure(.usage, "nothing was changed", advice: "--yes does not ask")
            }
        }

        /// For writing, once a reader has found that there is a mirror.
        func store() throws -> SQLiteMirror {
            let settings = try common.settingsOfMirror()
            return try SQLiteMirror(
                path: settings.database, sdkAppID: settings.sdkAppID,
                patience: SQLiteMirror.longPatience)
        }

        /// What was done is printed before what could not be.
        func report(_ what: String, _ done: [EditID]) {
            if !done.isEmpty || edits.isEmpty {
                Output.note("\(what): \(counted(done.count, "edit"))")
            }
        }

        /// Every edit that was named must be in a state that allows it.
        func refuse(
            _ done: [EditID], _ reader: MirrorReader, _ why: (MirrorReader.EditRow) -> String
        ) throws {
            for number in edits where !done.contains(EditID(number)) {
                var found: MirrorReader.EditRow?
                try reader.edits(
                    EditSelection(ids: [EditID(number)], states: EditState.allCases)
                ) { found = $0 }
                guard let found else { throw ProgramFailure.noEdit(number) }
                throw ProgramFailure(
                    .usage, "edit \(number) is \(found.state.rawValue): \(why(found))",
                    advice: "'groupmirror outbox show \(number)' shows what happened")
            }
        }
    }

    /// `outbox retry`
    struct Retry: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Try rejected edits again.",
            discussion: """
                An edit that was rejected for a conflict is tried again only with --force: what the cloud \
                was found to have is overwritten then.

                Examples: one, everything that the cloud refused, one over a conflict.
                  groupmirror outbox retry 17
                  groupmirror outbox retry --all --reason refused --yes
                  groupmirror outbox retry --force 18
                """)

        @OptionGroup var choice: Choice
        @Option(
            help:
                "Only those rejected for this: refused, conflict, name_taken, group_missing or gave_up.",
            completion: .list(["refused", "conflict", "name_taken", "group_missing", "gave_up"]))
        var reason: String?
        @Flag(help: "Over a conflict too.") var force = false

        func run() throws {
            let reason = try self.reason.map { word in
                guard let reason = EditReason(rawValue: word) else {
                    throw ValidationError(
                        "--reason must be refused, conflict, name_taken, group_missing or gave_up, not '\(word)'"
                    )
                }
                return reason
            }
            let selection = try choice.filter.selection(
                [.rejected], ids: choice.ids, reason: reason)
            let reader = try choice.common.reader()
            try choice.filter.demandSome(reader)
            var wanted = selection
            wanted.exceptReason = force ? nil : .conflict
            try choice.confirm("retry", wanted, reader)
            let store = try choice.store()
            defer { try? store.close() }
            let done = try store.retryEdits(
                wanted, force: force, at: SystemTimekeeper().wallTime())
            choice.report("queued again", done)
            try choice.refuse(done, reader) {
                $0.reason == EditReason.conflict.rawValue && $0.state == .rejected
                    ? "for a conflict, and --force was not given"
                    : "only rejected edits are retried"
            }
            guard choice.ids == nil, !force, reason == nil || reason == .conflict else { return }
            var inConflict = selection
            inConflict.reason = .conflict
            let conflicts = try reader.count(inConflict).total
            if conflicts > 0 {
                Output.note(
                    "left alone: \(counted(conflicts, "conflict")), which --force would override")
            }
        }
    }

    /// `outbox cancel`
    struct Cancel: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take edits back that are queued or rejected.",
            discussion: """
                An edit that is being sent cannot be cancelled: what became of it is known in a moment.

                Example:
                  groupmirror outbox cancel 17
                """)

        @OptionGroup var choice: Choice
        @Option(
            help: "Only those in this state: queued or rejected.",
            completion: .list(["queued", "rejected"])) var state: String?

        func run() throws {
            let states = try state.map { word -> [EditState] in
                guard let state = EditState(rawValue: word), [.queued, .rejected].contains(state)
                else { throw ValidationError("--state must be queued or rejected, not '\(word)'") }
                return [state]
            }
            let selection = try choice.filter.selection(
                states ?? [.queued, .rejected], ids: choice.ids)
            let reader = try choice.common.reader()
            try choice.filter.demandSome(reader)
            try choice.confirm("cancel", selection, reader)
            let store = try choice.store()
            defer { try? store.close() }
            let done = try store.cancelEdits(selection, at: SystemTimekeeper().wallTime())
            choice.report("cancelled", done)
            let left = try store.dependents(of: done)
            if !left.isEmpty {
                Output.note(
                    "of no use any more, for their group will not be created: "
                        + "groupmirror outbox cancel "
                        + left.map(\.description).joined(separator: " "))
            }
            try choice.refuse(done, reader) {
                $0.state == .sending
                    ? "it may be on its way" : "only queued and rejected edits are cancelled"
            }
        }
    }
}
