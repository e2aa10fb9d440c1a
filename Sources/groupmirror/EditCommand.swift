import ArgumentParser
import ChatModel
import Daemon
import MirrorConfiguration
import MirrorStore
import SyncRules
import HostSystem

/// `edit`: ask for a change in the cloud.
struct EditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "edit",
        abstract: "Queue a change that is to be carried to the cloud.",
        discussion: """
            Returns when the edit is safely stored, and prints its number; a running daemon sends it \
            at once, otherwise the next 'groupmirror run' or 'resync' does. With --wait it returns when the edit \
            is settled; else 'groupmirror outbox' shows what became of it. A conversation is written user:ID or chatgroup:ID. With --key, repeating the same \
            command changes nothing, so a script may be run again after a crash.

            Examples:
              groupmirror edit create alice family user:bob user:carol
              groupmirror edit rename alice family kin
              groupmirror edit mark alice user:bob --set star --custom vip
            """,
        subcommands: [
            Create.self, Rename.self, Delete.self, Add.self, Remove.self, MarkConversation.self,
            EditImport.self,
        ])

    /// What every single edit understands.
    struct Options: ParsableArguments {
        @OptionGroup var common: CommonOptions
        @OptionGroup var output: JSONOption
        @OptionGroup var wait: WaitOption
        @Option(help: "The caller's own name for this edit: the same key again changes nothing.")
        var key: String?

        func queue(_ operation: EditOperation, of user: String) async throws {
            guard let user = try userIDs([user]).first else { return }
            let (settings, work) = try wait.prepare(common)
            let accepted = try settings.queue { queue in
                try queue.add(EditOrder(user: user, key: key, operation: operation))
            }
            switch OutputFormat(output) {
            case .text: Output.data(accepted.id.description)
            case .json:
                Output.data(
                    JSONText.object([
                        "id": JSONText.number(accepted.id.number), "key": JSONText.string(key),
                        "queued": accepted.isNew ? "true" : "false",
                        "state": JSONText.string(accepted.state.rawValue),
                    ]))
            }
            if !accepted.isNew {
                Output.note(
                    "the key '\(key ?? "")' is known: edit \(accepted.id) has it and is "
                        + "\(accepted.state.rawValue); nothing was queued")
            }
            try await wait.conclude(
                [EditSelection(ids: [accepted.id], states: EditState.allCases)], work,
                OutputFormat(output))
        }
    }

    /// `edit create`
    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create a group with its first conversations.",
            discussion: """
                Example:
                  groupmirror edit create alice family user:bob chatgroup:@TGS#1
                """)

        @OptionGroup var options: Options
        @Argument(help: "Whose group.", completion: .users) var user: String
        @Argument(help: "Its name: 1 to 64 bytes of UTF-8 (push.name_bytes).") var name: String
        @Argument(
            help: "user:ID or chatgroup:ID; without any, the cloud may refuse the group.",
            completion: .conversations)
        var conversations: [String] = []

        func run() async throws {
            try await options.queue(
                .create(name: ExactText(name), try conversationIDs(conversations)), of: user)
        }
    }

    /// `edit rename`
    struct Rename: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give a group another name.",
            discussion: """
                The group is meant, not its name: renamed by another client in between, it is a conflict (push.conflicts).

                Example:
                  groupmirror edit rename alice family kin
                """)

        @OptionGroup var options: Options
        @Argument(help: "Whose group.", completion: .users) var user: String
        @Argument(help: "Its name, with open edits applied.", completion: .groups) var group: String
        @Argument(help: "Its new name.") var newName: String

        func run() async throws {
            try await options.queue(.rename(named(group), to: ExactText(newName)), of: user)
        }
    }

    /// `edit delete`
    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete a group; its conversations keep their other groups and marks.",
            discussion: """
                Example:
                  groupmirror edit delete alice family
                """)

        @OptionGroup var options: Options
        @Argument(help: "Whose group.", completion: .users) var user: String
        @Argument(help: "Its name, with open edits applied.", completion: .groups) var group: String

        func run() async throws { try await options.queue(.delete(named(group)), of: user) }
    }

    /// `edit add`
    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put conversations into a group.",
            discussion: """
                The group is meant, not its name: renamed by another client in between, it is still the one. With \
                --create its name is meant: whichever group has it when the edit is sent, or a new one.

                Examples:
                  groupmirror edit add alice family user:dave user:eve
                  groupmirror edit add --create alice support user:helpdesk
                """)

        @OptionGroup var options: Options
        @Flag(help: "Create the group if there is none of this name.") var create = false
        @Argument(help: "Whose group.", completion: .users) var user: String
        @Argument(help: "Its name, with open edits applied.", completion: .groups) var group: String
        @Argument(help: "user:ID or chatgroup:ID, one or more.", completion: .conversations)
        var conversations: [String]

        func run() async throws {
            let ids = try conversationIDs(conversations)
            try await options.queue(
                create
                    ? .ensure(name: ExactText(group), ids) : .add(ids, to: named(group)), of: user)
        }
    }

    /// `edit remove`
    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take conversations out of a group.",
            discussion: """
                Example:
                  groupmirror edit remove alice family user:dave
                """)

        @OptionGroup var options: Options
        @Argument(help: "Whose group.", completion: .users) var user: String
        @Argument(help: "Its name, with open edits applied.", completion: .groups) var group: String
        @Argument(help: "user:ID or chatgroup:ID, one or more.", completion: .conversations)
        var conversations: [String]

        func run() async throws {
            try await options.queue(
                .remove(try conversationIDs(conversations), from: named(group)), of: user)
        }
    }

    /// `edit mark`
    struct MarkConversation: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "mark",
            abstract: "Set and clear marks of a conversation.",
            discussion: """
                Standard marks are bits 0 to 63; Tencent calls 0 star, 1 unread, 2 fold and 3 hide, and 32 and \
                above are the app's own. The custom mark is a text.

                Example: star a conversation, clear the app's bit 33, remove the text.
                  groupmirror edit mark alice user:bob --set star --clear 33 --custom ""
                """)

        @OptionGroup var options: Options
        @Option(help: "Bits to set, like star or 0,33; may be repeated.", completion: .marks)
        var set: [String] = []
        @Option(help: "Bits to clear, like unread or 1,34; may be repeated.", completion: .marks)
        var clear: [String] =
            []
        @Option(help: "The custom mark, at most 256 bytes; empty to remove it.") var custom: String?
        @Argument(help: "Whose conversation.", completion: .users) var user: String
        @Argument(help: "user:ID or chatgroup:ID.", completion: .conversations) var conversation:
            String

        func run() async throws {
            let marks = MarkEdit(
                set: try bits(set, "--set"), clear: try bits(clear, "--clear"),
                custom: custom.map { ExactText($0) })
            guard let id = try conversationIDs([conversation]).first else { return }
            try await options.queue(.mark(id, marks), of: user)
        }

        private func bits(_ lists: [String], _ option: String) throws -> StandardMark {
            let words = lists.flatMap { $0.split(separator: ",", omittingEmptySubsequences: false) }
            return StandardMark(
                numbers: try words.map { word in
                    guard let bit = StandardMark.bit(written: word) else {
                        throw ValidationError(
                            "\(option) takes bits from 0 to 63 or star, unread, fold, hide, like star,33, "
                                + "not '\(word)'")
                    }
                    return bit
                })
        }
    }
}

private func named(_ group: String) -> GroupReference {
    GroupReference(id: nil, name: ExactText(group))
}

/// Conversations of the command line.
private func conversationIDs(_ texts: [String]) throws -> [ConversationID] {
    try texts.map { text in
        do {
            return try ConversationID(written: text)
        } catch {
            throw ValidationError("\(error)")
        }
    }
}

extension MirrorSettings {
    /// Queues what `body` adds: all of it, or nothing and the reason.
    func queue<Value>(isBatch: Bool = false, _ body: (EditIntake) throws -> Value) throws -> Value {
        // Made by the first run or resync, which also enter the list of users.
        _ = try MirrorReader(path: database, sdkAppID: sdkAppID)
        let store = try SQLiteMirror(
            path: database, sdkAppID: sdkAppID, patience: SQLiteMirror.longPatience)
        defer { try? store.close() }
        do {
            return try store.queue(
                at: SystemTimekeeper().wallTime(), nameBytes: nameBytes, isBatch: isBatch, body)
        } catch let fault as EditFault {
            throw ProgramFailure(fault)
        }
    }
}

extension ProgramFailure {
    /// An edit that cannot be accepted.
    init(_ fault: EditFault) {
        self.init(
            fault.missing == nil ? .usage : .missing, fault.problem, advice: fault.advice,
            word: fault.missing?.rawValue)
    }
}
