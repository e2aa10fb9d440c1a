import ChatModel
import MirrorStore
import SyncRules
import HostSystem

// Edits as text and as JSON.

extension MirrorReader.EditRow {
    func rendered(as format: OutputFormat) -> String {
        switch format {
        case .json: JSONText.object(members)
        case .text: "\(id)  \(queuedAt)  \(user)  \(Output.shown(sentence))  \(standing)"
        }
    }

    /// For a table on a terminal.
    var cells: [Table.Cell] {
        [
            Table.Cell("\(id)"), Table.Cell(agoOf: queuedAt), Table.Cell(user),
            Table.Cell(sentence),
            Table.Cell(standing, state.color),
        ]
    }

    /// The whole story in one object.
    func story(_ items: [MirrorReader.EditItem], _ calls: [MirrorReader.EditCall]) -> String {
        let line = JSONText.object(members)
        let lines = items.map {
            JSONText.object([
                "conversation": JSONText.string($0.conversation),
                "code": JSONText.number($0.code), "problem": JSONText.string($0.problem),
            ])
        }
        let made = calls.map {
            JSONText.object([
                "at": JSONText.string($0.at), "command": JSONText.string($0.command),
                "outcome": JSONText.string($0.outcome), "code": JSONText.number($0.code),
                "problem": JSONText.string($0.problem),
            ])
        }
        let look = JSONText.string(nextLook(after: calls)?.description)
        return line.dropLast() + ",\"items\":\(JSONText.array(lines))"
            + ",\"calls\":\(JSONText.array(made)),\"next_look\":\(look)}"
    }

    /// The whole story in words.
    func printDetails(_ items: [MirrorReader.EditItem], _ calls: [MirrorReader.EditCall]) {
        Output.data("edit \(id) of \(user): \(Output.shown(sentence))")
        Output.data("  \(standing)")
        Output.data(
            "  queued \(queuedAt), last changed \(updatedAt), sent \(counted(attempts, "time"))")
        if let key { Output.data("  key \(Output.shown(key))") }
        if let theirs {
            let ours = newName ?? custom ?? ""
            Output.data("  it was '\(Output.shown(base ?? ""))' when the edit was queued")
            Output.data("  the edit wants '\(Output.shown(ours))'")
            Output.data("  the cloud had '\(Output.shown(theirs))'")
        }
        for item in items {
            let outcome =
                switch item.code {
                case nil where !state.isOpen: ""
                case nil:
                    "open" + (item.problem.map { ", last refused: \(Output.shown($0))" } ?? "")
                case 0: "done"
                case let code?: "refused (code \(code)): \(Output.shown(item.problem ?? ""))"
                }
            Output.data("  \(Output.shown(item.conversation))  \(outcome)".trimmingSpaces)
        }
        for call in calls {
            let code = call.code.map { " (code \($0))" } ?? ""
            let problem = call.problem.map { ": \(Output.shown($0))" } ?? ""
            Output.data("  \(call.at)  \(call.command)  \(call.outcome)\(problem)\(code)")
        }
        switch state {
        case .rejected: Output.data("  next: \(cure)")
        case .sending: Output.data("  next: \(look(after: calls))")
        case .queued, .applied, .satisfied, .cancelled: break
        }
    }

    /// How what became of a sent edit comes to be known.
    private func look(after calls: [MirrorReader.EditCall]) -> String {
        guard calls.count >= attempts, let moment = nextLook(after: calls) else {
            return "a call is under way"
        }
        let isDue = moment <= SystemTimekeeper().wallTime()
        return
            "the daemon lists the user again \(isDue ? "at once" : "at \(moment)"), which shows whether "
            + "the last call took effect"
    }

    /// When a write of which nothing is known can no longer take effect, so that a listing tells.
    private func nextLook(after calls: [MirrorReader.EditCall]) -> WallTime? {
        guard state == .sending, let last = calls.last else { return nil }
        return Moment.read(last.at).map { $0 + OutboxTimer.settling }
    }

    /// What an operator can do about it.
    private var cure: String {
        let cancel = "groupmirror outbox cancel \(id)"
        switch reason.flatMap(EditReason.init(rawValue:)) {
        case .conflict: return "groupmirror outbox retry --force \(id) overwrites it; or \(cancel)"
        case .groupMissing: return "\(cancel), and queue it again for a group that is there"
        case .nameTaken: return "rename the other group, then outbox retry \(id); or \(cancel)"
        default: return "groupmirror outbox retry \(id), or \(cancel)"
        }
    }

    private var members: KeyValuePairs<String, String?> {
        [
            "id": JSONText.number(id), "key": JSONText.string(key), "user": JSONText.string(user),
            "op": JSONText.string(operation), "group": JSONText.string(groupName),
            "new_name": JSONText.string(newName), "conversations": conversations, "set": marks(set),
            "clear": marks(clear),
            "custom": JSONText.string(custom), "state": JSONText.string(state.rawValue),
            "reason": JSONText.string(reason), "code": JSONText.number(code),
            "problem": JSONText.string(problem), "behind": JSONText.number(blockedBy),
            "base": JSONText.string(base), "theirs": JSONText.string(theirs),
            "attempts": JSONText.number(attempts), "queued_at": JSONText.string(queuedAt),
            "updated_at": JSONText.string(updatedAt), "batch": JSONText.number(batch),
        ]
    }

    private func marks(_ mark: StandardMark) -> String {
        JSONText.array(mark.numbers.map(String.init))
    }

    /// What it asks for.
    var sentence: String {
        guard let kind = EditOperation.Kind(rawValue: operation) else { return operation }
        return kind.sentence(
            EditOperation.whom(first, of: count), group: groupName ?? "", newName: newName ?? "",
            MarkEdit(set: set, clear: clear, custom: custom.map { ExactText($0) }))
    }

    /// Where it stands and why.
    private var standing: String {
        var words = state.rawValue
        if let reason { words += " (\(reason))" }
        if let blockedBy { words += " behind edit \(blockedBy)" }
        if let problem { words += ": \(Output.shown(problem))" }
        if let code { words += " (code \(code))" }
        return words
    }
}

extension EditOperation.Kind {
    /// What an edit of the kind asks for, in words.
    /// - Parameter whom: its conversations.
    fileprivate func sentence(
        _ whom: String, group: String, newName: String, _ marks: MarkEdit
    ) -> String {
        switch self {
        case .create: "create '\(group)' with \(whom)"
        case .ensure: "add \(whom) to '\(group)', or create it"
        case .rename: "rename '\(group)' to '\(newName)'"
        case .delete: "delete '\(group)'"
        case .add: "add \(whom) to '\(group)'"
        case .remove: "remove \(whom) from '\(group)'"
        case .mark: "mark \(whom)" + marks.words
        }
    }
}

extension EditOperation {
    /// `user:bob and 3 more`
    fileprivate static func whom(_ first: String?, of count: Int) -> String {
        (first ?? "no conversation") + (count > 1 ? " and \(count - 1) more" : "")
    }

    /// What it asks for.
    var sentence: String {
        var (newName, marks) = (ExactText.empty, MarkEdit())
        switch self {
        case .rename(_, let name): newName = name
        case .mark(_, let edit): marks = edit
        case .create, .ensure, .delete, .add, .remove: break
        }
        return kind.sentence(
            Self.whom(conversations.first?.description, of: conversations.count),
            group: (group?.name ?? createdName ?? .empty).string, newName: newName.string, marks)
    }
}

extension MarkEdit {
    /// ` set star clear bit 33 custom 'vip'`
    fileprivate var words: String {
        var words = ""
        if set != .none { words += " set \(set.names)" }
        if clear != .none { words += " clear \(clear.names)" }
        if let custom { words += " custom '\(custom)'" }
        return words
    }
}

extension EditState {
    fileprivate var color: Table.Color? {
        switch self {
        case .queued, .cancelled: nil
        case .sending: .yellow
        case .applied, .satisfied: .green
        case .rejected: .red
        }
    }
}

extension String {
    fileprivate var trimmingSpaces: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
