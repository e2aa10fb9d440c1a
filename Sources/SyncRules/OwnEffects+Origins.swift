import ChatModel

// Which changes of a pull our own writes have made.

extension SnapshotDiff {
    /// Changes that edits in doubt have wanted: found in the cloud, they are ours. What came of a
    /// write without an answer enters the record with its edit like any other.
    package func origins(among edits: [Edit]) -> [Change: EditID] {
        var origins: [Change: EditID] = [:]
        for change in changes {
            origins[change] = edits.last { $0.state == .sending && $0.wants(change) }?.id
        }
        return origins
    }
}

extension Edit {
    fileprivate func wants(_ change: Change) -> Bool {
        switch (operation, change) {
        case (.create(let name, _), .groupCreated(let group)),
            (.ensure(let name, _), .groupCreated(let group)):
            group.name == name
        case (.create(let name, let ids), .conversationAdded(let id, let group)),
            (.ensure(let name, let ids), .conversationAdded(let id, let group)):
            group.name == name && ids.contains(id)
        case (.rename(let group, let name), .groupRenamed(let renamed, _)):
            group.id == renamed.id && name == renamed.name
        case (.delete(let group), .groupDeleted(let deleted)),
            (.delete(let group), .conversationRemoved(_, let deleted)):
            group.id == deleted.id
        case (.add(let ids, let group), .conversationAdded(let id, let there)):
            group.id == there.id && ids.contains(id)
        case (.remove(let ids, let group), .conversationRemoved(let id, let there)):
            group.id == there.id && ids.contains(id)
        case (.mark(let id, let marks), .standardMarkChanged(let marked, let old, let new)):
            id == marked && marks.applied(to: old) == new
        case (.mark(let id, let marks), .customMarkChanged(let marked, _, let new)):
            id == marked && marks.custom == new
        default: false
        }
    }
}
