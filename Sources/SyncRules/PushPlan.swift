import ChatModel

// Makes the fewest calls that lead from the cloud to the draft. Deletions come first, because they free
// places; then renames, creations, members and marks, up to a hundred conversations in a call.
// No name passes from one group to another within a plan (see EditReplay), so the order of renames does
// not matter.

/// Makes calls of what edits want.
enum PushPlan {
    static func calls(from cloud: Draft, by replay: EditReplay) -> [PushCall] {
        let (draft, wishes) = (replay.draft, replay.wishes)
        let alone = Set(replay.edits.values.filter(\.sentSeparately).map(\.id))
        var calls: [PushCall] = []
        for (group, edits) in wishes.deletions.sorted(by: { $0.key < $1.key }) {
            guard let name = cloud.names[group] else { continue }
            calls.append(PushCall(.delete(group, name: name), edits))
        }
        for (group, edits) in wishes.renames.sorted(by: { $0.key < $1.key }) {
            guard let old = cloud.names[group], let new = draft.names[group], old != new else {
                continue
            }
            calls.append(PushCall(.rename(group, from: old, to: new), edits))
        }
        for (group, edit) in wishes.creations.sorted(by: { $0.value < $1.value }) {
            guard let maker = replay.edits[edit] else { continue }
            calls += creation(of: group, maker, draft, wishes, alone)
        }
        for group in cloud.names.keys.sorted() {
            guard let name = draft.names[group] else { continue }
            calls += updates(of: group, name, from: cloud, wishes, alone)
        }
        return calls + marks(from: cloud, to: draft, wishes, alone)
    }

    // MARK: Groups

    /// Not every region creates a group without a conversation (Cloud.md §1.5). If later edits remove all
    /// conversations again, those that the creation names are sent with it and removed afterwards; the same
    /// when the creation is sent separately. Conversations that only other edits wanted in between are used
    /// last. A creation that names none is sent as such: the cloud decides.
    private static func creation(
        of group: GroupID, _ maker: Edit, _ draft: Draft, _ wishes: Wishes, _ alone: Set<EditID>
    ) -> [PushCall] {
        guard let name = draft.names[group] else { return [] }
        let wanted = wishes.members.filter { $0.key.group == group }
            .sorted { $0.key.conversation < $1.key.conversation }
        let entering = wanted.filter(\.value.isIn).map { ($0.key.conversation, $0.value.edits) }
        let leaving = wanted.filter { !$0.value.isIn }
            .map { ($0.key.conversation, $0.value.edits) }
        let own = alone.contains(maker.id) ? entering.filter { $0.1.contains(maker.id) } : entering
        let named = leaving.filter { id, _ in
            maker.wants(id) && maker.operation.conversations.contains(id)
        }
        let first =
            maker.operation.conversations.isEmpty && entering.isEmpty
            ? []
            : [own, passing(named, for: maker), entering, passing(leaving, for: maker)]
                .first { !$0.isEmpty } ?? []
        let part = first.prefix(PushCall.mostConversations)
        guard !part.isEmpty || maker.operation.conversations.isEmpty else { return [] }
        let done = Set(part.map(\.0))
        var calls = [
            PushCall(
                .create(group: group, name: name, part.map(\.0)),
                [maker.id] + (wishes.renames[group] ?? []), wanted: Array(part))
        ]
        for rest in chunks(entering.filter { !done.contains($0.0) }, alone) {
            calls.append(
                PushCall(
                    .update(group, name: name, remove: [], add: rest.map(\.0)), [], wanted: rest))
        }
        for rest in chunks(leaving.filter { done.contains($0.0) }, alone) {
            calls.append(
                PushCall(
                    .update(group, name: name, remove: rest.map(\.0), add: []), [], wanted: rest))
        }
        return calls
    }

    /// They enter for the creation only.
    private static func passing(_ items: [Wanted], for maker: Edit) -> [Wanted] {
        items.map { ($0.0, [maker.id]) }
    }

    private static func updates(
        of group: GroupID, _ name: ExactText, from cloud: Draft, _ wishes: Wishes,
        _ alone: Set<EditID>
    ) -> [PushCall] {
        let wanted = wishes.members.filter {
            $0.key.group == group && $0.value.isIn != cloud.contains($0.key.conversation, in: group)
        }
        let sorted = wanted.sorted {
            ($0.value.isIn ? 1 : 0, $0.key.conversation) < (
                $1.value.isIn ? 1 : 0, $1.key.conversation
            )
        }
        return chunks(sorted.map { ($0.key.conversation, $0.value.edits) }, alone).map { part in
            func ids(_ isIn: Bool) -> [ConversationID] {
                part.map(\.0).filter {
                    wanted[Wishes.Member(group: group, conversation: $0)]?.isIn == isIn
                }
            }
            return PushCall(
                .update(group, name: name, remove: ids(false), add: ids(true)), [], wanted: part)
        }
    }

    // MARK: Marks

    private static func marks(
        from cloud: Draft, to draft: Draft, _ wishes: Wishes, _ alone: Set<EditID>
    ) -> [PushCall] {
        var changes: [ConversationID: MarkEdit] = [:]
        for id in wishes.marks.keys {
            let (old, new) = (cloud.standardMark(of: id).bits, draft.standardMark(of: id).bits)
            let custom = draft.customMark(of: id)
            let isCustomNew = custom != cloud.customMark(of: id)
            guard old != new || isCustomNew else { continue }
            changes[id] = MarkEdit(
                set: StandardMark(bits: new & ~old), clear: StandardMark(bits: old & ~new),
                custom: isCustomNew ? custom : nil)
        }
        let sorted = changes.keys.sorted().map { ($0, wishes.marks[$0] ?? []) }
        return chunks(sorted, alone).map { part in
            PushCall(
                .mark(
                    part.compactMap { id, _ in
                        changes[id].map { PushCall.MarkChange(conversation: id, marks: $0) }
                    }), [], wanted: part)
        }
    }

    // MARK: Sizes

    private typealias Wanted = (ConversationID, [EditID])

    /// Parts of a hundred; what an edit that goes alone wants is in parts of its own.
    private static func chunks(_ items: [Wanted], _ alone: Set<EditID>) -> [[Wanted]] {
        var byEdit: [EditID: [Wanted]] = [:]
        var together: [Wanted] = []
        for item in items {
            if let edit = item.1.first(where: alone.contains) {
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
