import ChatModel

// Makes the fewest calls that lead from the cloud to the target: one for each change of a group, and one for up
// to a hundred conversations of a group, or for the marks of as many. Deletions come first, because they free
// places; then renames, creations, members and marks.
// No name passes from one group to another within a plan (see EditReplay), so the order of renames does
// not matter.

/// Makes calls of the differences between the cloud and what edits want.
struct PushPlan {
    private let target: TargetState
    private let edits: [EditID: Edit]
    /// Edits of which nothing may go into a call with what others want.
    private let separate: Set<EditID>
    private let changes: [Change]

    /// - Parameter replay: of the edits, on `cloud`.
    init(from cloud: Draft, by replay: EditReplay) {
        target = replay.target
        edits = replay.edits
        separate = Set(replay.edits.values.filter(\.sentSeparately).map(\.id))
        changes = SnapshotDiff(from: cloud.snapshot, to: target.draft.snapshot).changes
    }

    /// In the order in which they must be made.
    var calls: [PushCall] {
        var calls: [PushCall] = []
        for case .groupDeleted(let group) in changes {
            calls.append(
                PushCall(.delete(group.id, name: group.name), target.deletions[group.id] ?? []))
        }
        for case .groupRenamed(let group, let old) in changes {
            calls.append(
                PushCall(
                    .rename(group.id, from: old, to: group.name), target.renames[group.id] ?? []))
        }
        for (group, edit) in target.creations.sorted(by: { $0.value < $1.value }) {
            guard let name = target.draft.names[group], let maker = edits[edit] else { continue }
            calls += creation(of: ConversationGroup(id: group, name: name), by: maker)
        }
        return calls + updates + marks
    }

    // MARK: Groups

    /// Not every region creates a group without a conversation (Cloud.md §1.5). If later edits remove all
    /// conversations again, those that the creation names are sent with it and removed afterwards; the same
    /// when the creation is sent separately. Conversations that only other edits wanted in between are used
    /// last. A creation that names none is sent as such: the cloud decides.
    private func creation(of group: ConversationGroup, by maker: Edit) -> [PushCall] {
        let wanted = target.wanted(in: group.id)
        let entering = wanted.filter { target.draft.contains($0.0, in: group.id) }
        let leaving = wanted.filter { !target.draft.contains($0.0, in: group.id) }
        let own =
            separate.contains(maker.id) ? entering.filter { $0.1.contains(maker.id) } : entering
        let named = leaving.filter { id, _ in
            maker.wants(id) && maker.operation.conversations.contains(id)
        }
        // They enter for the creation only.
        func passing(_ items: [Wanted]) -> [Wanted] { items.map { ($0.0, [maker.id]) } }
        let isEmpty = maker.operation.conversations.isEmpty && entering.isEmpty
        let choices = isEmpty ? [] : [own, passing(named), entering, passing(leaving)]
        let first = (choices.first { !$0.isEmpty } ?? []).prefix(PushCall.mostConversations)
        guard !first.isEmpty || maker.operation.conversations.isEmpty else { return [] }
        let done = Set(first.map(\.0))
        let creation = PushCall(
            .create(group: group.id, name: group.name, first.map(\.0)),
            [maker.id] + (target.renames[group.id] ?? []), wanted: Array(first))
        return [creation]
            + updates(of: group, entering.filter { !done.contains($0.0) })
            + updates(of: group, leaving.filter { done.contains($0.0) })
    }

    /// Of the groups that the cloud has: who leaves is first in a call, as in the list of all calls.
    private var updates: [PushCall] {
        let moves = changes.filter { change in
            guard change.conversation != nil, let group = change.group?.id else { return false }
            return group.maker == nil && target.draft.names[group] != nil
        }
        return Dictionary(grouping: moves, by: \.group).sorted {
            ($0.key?.id ?? 0) < ($1.key?.id ?? 0)
        }
        .flatMap { group, moves -> [PushCall] in
            guard let group else { return [] }
            let ids = moves.compactMap(\.conversation).sorted { left, right in
                let (isLeft, isRight) = (enters(left, group), enters(right, group))
                return isLeft == isRight ? left < right : isRight
            }
            return updates(of: group, ids.map { ($0, target.wanting($0, group.id)) })
        }
    }

    private func updates(of group: ConversationGroup, _ wanted: [Wanted]) -> [PushCall] {
        chunks(wanted).map { part in
            let ids = part.map(\.0)
            return PushCall(
                .update(
                    group.id, name: group.name, remove: ids.filter { !enters($0, group) },
                    add: ids.filter { enters($0, group) }), [], wanted: part)
        }
    }

    private func enters(_ id: ConversationID, _ group: ConversationGroup) -> Bool {
        target.draft.contains(id, in: group.id)
    }

    // MARK: Marks

    private var marks: [PushCall] {
        var edits: [ConversationID: MarkEdit] = [:]
        for change in changes {
            switch change {
            case .standardMarkChanged(let id, let old, let new):
                edits[id] = MarkEdit(
                    set: StandardMark(bits: new.bits & ~old.bits),
                    clear: StandardMark(bits: old.bits & ~new.bits), custom: edits[id]?.custom)
            case .customMarkChanged(let id, _, let new):
                let bits = edits[id] ?? MarkEdit()
                edits[id] = MarkEdit(set: bits.set, clear: bits.clear, custom: new)
            default: break
            }
        }
        return chunks(edits.keys.sorted().map { ($0, target.marks[$0] ?? []) }).map { part in
            let changes = part.compactMap { id, _ in
                edits[id].map { PushCall.MarkChange(conversation: id, marks: $0) }
            }
            return PushCall(.mark(changes), [], wanted: part)
        }
    }

    // MARK: Sizes

    private typealias Wanted = (ConversationID, [EditID])

    /// Parts of a hundred; what an edit that is sent separately wants is in parts of its own.
    private func chunks(_ items: [Wanted]) -> [[Wanted]] {
        var byEdit: [EditID: [Wanted]] = [:]
        var together: [Wanted] = []
        for item in items {
            if let edit = item.1.first(where: separate.contains) {
                byEdit[edit, default: []].append(item)
            } else {
                together.append(item)
            }
        }
        let parts = [together] + byEdit.sorted { $0.key < $1.key }.map(\.value)
        return parts.flatMap { part in
            stride(from: 0, to: part.count, by: PushCall.mostConversations).map {
                Array(part[$0..<min($0 + PushCall.mostConversations, part.count)])
            }
        }
    }
}

extension PushCall {
    /// - Parameter edits: those that want the call as a whole, besides those of its conversations.
    fileprivate init(
        _ action: Action, _ edits: [EditID], wanted: [(ConversationID, [EditID])] = []
    ) {
        self.init(
            action: action, edits: Set(edits + wanted.flatMap(\.1)).sorted(),
            wanted: Dictionary(uniqueKeysWithValues: wanted))
    }
}
