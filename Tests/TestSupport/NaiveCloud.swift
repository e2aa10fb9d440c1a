import ChatModel
import SyncRules

/// A cloud as simple as can be: what calls and edits do to it is written down here a second time,
/// on purpose without anything of the rules.
package struct NaiveCloud: Hashable, Sendable {
    package struct Marks: Hashable, Sendable {
        package var bits: UInt64
        package var custom: String

        package init(bits: UInt64 = 0, custom: String = "") {
            self.bits = bits
            self.custom = custom
        }
    }

    package init() {}

    package var names: [Int64: String] = [:]
    package var members: [Int64: Set<String>] = [:]
    package var marks: [String: Marks] = [:]
    private var last: Int64 = 0

    /// The same but for the numbers of groups, which depend on the order of creation.
    package var essence: [String: Set<String>] {
        Dictionary(uniqueKeysWithValues: names.map { ($0.value, members[$0.key] ?? []) })
    }

    package var snapshot: Snapshot {
        let ids = Set(members.values.flatMap(\.self)).union(marks.keys)
        return Snapshot(
            groups: names.map { ConversationGroup(id: GroupID($0.key), name: ExactText($0.value)) },
            conversations: ids.map { id in
                Conversation(
                    id: .user(ExactText(id)),
                    groups: names.keys.filter { members[$0]?.contains(id) ?? false }.map {
                        GroupID($0)
                    },
                    standardMark: StandardMark(bits: marks[id]?.bits ?? 0),
                    customMark: ExactText(marks[id]?.custom ?? ""))
            })
    }

    package mutating func create(_ name: String, _ ids: [String]) -> Int64 {
        precondition(!name.isEmpty, "a group without a name is created")
        let id = names.first { $0.value == name }?.key ?? (max(last, names.keys.max() ?? 0) + 1)
        last = max(last, id)
        names[id] = name
        members[id, default: []].formUnion(ids)
        return id
    }

    package func number(_ name: String) -> Int64? { names.first { $0.value == name }?.key }

    /// One edit, the way a person would do it by hand at this moment.
    package mutating func obey(_ operation: EditOperation) {
        switch operation {
        case .create(let name, let ids): _ = create(name.string, ids.map(\.peer.string))
        case .ensure(let name, let ids):
            let peers = ids.map(\.peer.string)
            if let id = number(name.string) {
                members[id, default: []].formUnion(peers)
            } else {
                _ = create(name.string, peers)
            }
        case .rename(let group, let name):
            if let id = number(group.name.string) { names[id] = name.string }
        case .delete(let group):
            if let id = number(group.name.string) {
                names[id] = nil
                members[id] = nil
            }
        case .add(let ids, let group):
            if let id = number(group.name.string) {
                members[id, default: []].formUnion(ids.map(\.peer.string))
            }
        case .remove(let ids, let group):
            if let id = number(group.name.string) {
                members[id, default: []].subtract(ids.map(\.peer.string))
            }
        case .mark(let id, let edit): mark(id.peer.string, edit)
        }
    }

    private mutating func mark(_ id: String, _ edit: MarkEdit) {
        var marks = self.marks[id] ?? Marks()
        marks.bits = marks.bits & ~edit.clear.bits | edit.set.bits
        if let custom = edit.custom { marks.custom = custom.string }
        self.marks[id] = marks == Marks() ? nil : marks
    }

    /// One call, by the names that it gives.
    package mutating func answer(_ call: PushCall) -> PushReply {
        precondition(call.conversations.count <= 100, "a call of over 100 conversations")
        let done = Dictionary(
            uniqueKeysWithValues: call.conversations.map { ($0, Refusal?.none) })
        switch call.action {
        case .create(_, let name, let ids):
            return PushReply(
                group: GroupID(create(name.string, ids.map(\.peer.string))), results: done)
        case .rename(_, let old, let new):
            precondition(number(new.string) == nil, "two groups are called \(new)")
            guard let id = number(old.string) else { preconditionFailure("no group \(old)") }
            names[id] = new.string
        case .delete(_, let name):
            guard let id = number(name.string) else { preconditionFailure("no group \(name)") }
            names[id] = nil
            members[id] = nil
        case .update(_, let name, let removed, let added):
            guard let id = number(name.string) else { preconditionFailure("no group \(name)") }
            members[id, default: []].subtract(removed.map(\.peer.string))
            members[id, default: []].formUnion(added.map(\.peer.string))
        case .mark(let changes):
            for change in changes { mark(change.conversation.peer.string, change.marks) }
        }
        return PushReply(results: done)
    }
}
