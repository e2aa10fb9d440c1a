import ChatModel
import Daemon
import MirrorStore
import SyncEngine
import SyncRules

// How each kind of data looks, as text and as JSON. A new format is a new case here, and the
// compiler asks for the rest.

/// The forms in which data is printed.
enum OutputFormat {
    case text, json

    init(_ option: JSONOption) { self = option.json ? .json : .text }
}

extension MirrorReader.MirroredUser {
    /// A line of the export; its keys and their order are fixed.
    var exportLine: String {
        JSONText.object([
            "user": JSONText.string(user.string),
            "pulled_at": JSONText.string(pulledAt?.description),
            "groups": JSONText.array(
                snapshot.groups.map { group in
                    JSONText.object([
                        "id": JSONText.number(group.id.number),
                        "name": JSONText.string(group.name.string),
                    ])
                }),
            "conversations": JSONText.array(snapshot.conversations.map(\.exportObject)),
        ])
    }
}

extension Conversation {
    fileprivate var exportObject: String {
        JSONText.object([
            "type": JSONText.number(id.kind.rawValue), "peer": JSONText.string(id.peer.string),
            "groups": JSONText.array(groups.map { JSONText.number($0.number) }),
            "standard_mark": JSONText.string(standardMark.description),
            "custom_mark": JSONText.string(customMark.string),
            "updated_at": JSONText.number(updatedAt),
        ])
    }

    /// `user:bob  marks star, bit 33 (8589934593)  custom "vip"`
    var sentence: String {
        var parts = [Output.shown(id.description)]
        if standardMark != .none { parts.append("marks \(standardMark.words)") }
        if !customMark.isEmpty { parts.append("custom \"\(Output.shown(customMark.string))\"") }
        return parts.joined(separator: "  ")
    }
}

extension StandardMark {
    /// `star, bit 33 (8589934593)`
    fileprivate var words: String { "\(names) (\(self))" }
}

extension MirrorReader.UserRow {
    /// For a table on a terminal.
    var cells: [Table.Cell] {
        let code = failureCode.map { " (code \($0))" } ?? ""
        return [
            Table.Cell(user), Table.Cell(state, color), Table.Cell(agoOf: pulledAt),
            Table.Cell(
                problem.map { $0 + code }
                    ?? (skipped > 0 ? counted(skipped, "conversation") + " left out" : "")),
            Table.Cell(agoOf: failingSince, never: ""), Table.Cell(agoOf: retryAt, never: ""),
        ]
    }

    private var color: Table.Color? {
        switch state {
        case "fresh": .green
        case "failing": .red
        case "stale", "held", "parked": .yellow
        default: nil
        }
    }

    func rendered(as format: OutputFormat) -> String {
        switch format {
        case .json:
            JSONText.object([
                "user": JSONText.string(user), "state": JSONText.string(state),
                "pulled_at": JSONText.string(pulledAt), "failure": JSONText.string(failure),
                "failure_code": JSONText.number(failureCode),
                "problem": JSONText.string(problem), "failures": JSONText.number(failures),
                "failing_since": JSONText.string(failingSince),
                "retry_at": JSONText.string(retryAt), "skipped": JSONText.number(skipped),
            ])
        case .text:
            [
                user.padded(to: 16),
                state.padded(to: 8),
                pulledAt ?? "never               ",
                problem.map { Output.shown($0) }
                    ?? (skipped > 0 ? counted(skipped, "conversation") + " left out" : ""),
            ].joined(separator: "  ")
        }
    }
}

extension MirrorReader.ChangeRow {
    func rendered(as format: OutputFormat) -> String {
        switch format {
        case .json:
            JSONText.object([
                "seq": JSONText.number(seq), "at": JSONText.string(at),
                "user": JSONText.string(user), "kind": JSONText.string(kind),
                "group_id": JSONText.number(groupID), "group_name": JSONText.string(groupName),
                "type": JSONText.number(type), "peer": JSONText.string(peer),
                "before": JSONText.string(before), "after": JSONText.string(after),
                "edit": JSONText.number(edit),
            ])
        case .text:
            "\(seq)  \(at)  \(user)  \(words)"
        }
    }

    /// What changed, and by which edit of ours.
    var words: String { Output.shown(sentence) + (edit.map { "  (edit \($0))" } ?? "") }

    private var sentence: String {
        if let change { return change.words { "'\($0.name)' (\($0.id))" } }
        guard kind == GuardTrip.kind else { return kind }
        return
            "the guard tripped here: \(after ?? "0") users that had lost everything were believed before"
    }
}

extension Change {
    /// `user:bob added to 'family'`
    /// - Parameter name: how the group is called.
    func words(group name: (ConversationGroup) -> String = { "'\($0.name)'" }) -> String {
        let id = conversation?.description ?? ""
        let group = group.map(name) ?? ""
        switch self {
        case .groupCreated: return "group \(group) created"
        case .groupRenamed(_, let before): return "group '\(before)' renamed to \(group)"
        case .groupDeleted: return "group \(group) deleted"
        case .conversationAdded: return "\(id) added to \(group)"
        case .conversationRemoved: return "\(id) removed from \(group)"
        case .standardMarkChanged(_, let before, let after):
            return "\(id) standard mark \(before.words) -> \(after.words)"
        case .customMarkChanged(_, let before, let after):
            return "\(id) custom mark \"\(before)\" -> \"\(after)\""
        }
    }
}

extension MirrorReader.HeldRow {
    /// For a table on a terminal.
    var cells: [Table.Cell] {
        [
            Table.Cell(user), Table.Cell(agoOf: since), Table.Cell("\(groups)"),
            Table.Cell("\(conversations)"),
            Table.Cell(decision ?? "undecided", decision == nil ? .red : nil),
        ]
    }

    func rendered(as format: OutputFormat) -> String {
        switch format {
        case .json:
            JSONText.object([
                "user": JSONText.string(user), "since": JSONText.string(since),
                "groups": JSONText.number(groups),
                "conversations": JSONText.number(conversations),
                "decision": JSONText.string(decision),
                "decided_at": JSONText.string(decidedAt),
            ])
        case .text:
            "\(user)  since \(since)  \(counted(groups, "group")), "
                + "\(counted(conversations, "conversation"))  "
                + (decision ?? "undecided")
        }
    }
}

extension RequestProgress {
    func rendered(as format: OutputFormat, verb: String, took: String, held: Int) -> String {
        switch format {
        case .json:
            JSONText.object([
                "users": JSONText.number(total), "done": JSONText.number(done),
                "differing": JSONText.number(changed), "changes": JSONText.number(changes),
                "failed": JSONText.number(failed), "not_imported": JSONText.number(parked),
                "held": JSONText.number(held),
            ])
        case .text:
            "\(verb) \(done - failed - parked) of \(counted(total, "user")) in \(took): "
                + "\(changed) differed (\(counted(changes, "change"))), \(failed) failed, "
                + "\(parked) not imported"
        }
    }
}
