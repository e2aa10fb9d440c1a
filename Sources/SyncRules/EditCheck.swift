import ChatModel

// What is checked before an edit is accepted: its form always, its sense where the mirror shows it.
// The cloud has the last word when it is pushed.

/// Why an edit is not accepted.
package struct EditFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is named and not there.
    package enum Missing: String, Sendable {
        case user = "user_missing"
        case group = "group_missing"
    }

    package let problem: String
    package let advice: String
    /// Nil when something else is wrong.
    package let missing: Missing?

    package init(_ problem: String, advice: String = "", missing: Missing? = nil) {
        self.problem = problem
        self.advice = advice
        self.missing = missing
    }

    package var description: String { problem }
}

extension EditOperation {
    /// Cloud.md §7.3: 32 or 64, by region and date. The larger one is checked here, the cloud decides.
    package static let longestName = 64
    package static let longestCustomMark = 256
    package static let mostGroups = 20
    package static let longestPeer = 64

    /// What is wrong with its form; nil when nothing is. What the mirror holds can always be renamed,
    /// emptied, marked and deleted, whatever it is called: only new names and new conversations are
    /// checked.
    /// - Parameters:
    ///   - nameBytes: how long a new name may be.
    ///   - isKnown: whether the mirror holds a conversation.
    package func fault(
        nameBytes: Int = longestName, isKnown: (ConversationID) -> Bool = { _ in false }
    ) -> EditFault? {
        switch self {
        case .ensure(let name, let ids):
            Self.fault(new: name, nameBytes) ?? Self.fault(ids, isKnown)
        case .create(let name, let ids):
            Self.fault(new: name, nameBytes) ?? Self.fault(ids, isKnown, mayBeEmpty: true)
        case .rename(let group, let name):
            Self.fault(old: group.name) ?? Self.fault(new: name, nameBytes)
        case .delete(let group): Self.fault(old: group.name)
        case .add(let ids, let group): Self.fault(old: group.name) ?? Self.fault(ids, isKnown)
        case .remove(let ids, let group):
            Self.fault(old: group.name) ?? Self.fault(ids) { _ in true }
        case .mark(let id, let marks): Self.fault([id], isKnown) ?? Self.fault(marks)
        }
    }

    private static func fault(old name: ExactText) -> EditFault? {
        name.isEmpty ? EditFault("the group's name is empty") : nil
    }

    private static func fault(new name: ExactText, _ most: Int) -> EditFault? {
        if name.isEmpty { return EditFault("the group's new name is empty") }
        guard name.byteCount <= most else {
            return EditFault(
                "the name '\(name)' has \(name.byteCount) bytes, at most \(most) are allowed",
                advice: "a letter outside ASCII has two to four; push.name_bytes sets the limit")
        }
        if name.string.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
        {
            return EditFault("the group's new name holds a control character")
        }
        return nil
    }

    private static func fault(
        _ ids: [ConversationID], _ isKnown: (ConversationID) -> Bool, mayBeEmpty: Bool = false
    ) -> EditFault? {
        if ids.isEmpty, !mayBeEmpty { return EditFault("no conversation is given") }
        var seen: Set<ConversationID> = []
        for id in ids {
            if !isKnown(id), let fault = fault(id) { return fault }
            guard seen.insert(id).inserted else { return EditFault("\(id) is given twice") }
        }
        return nil
    }

    private static func fault(_ id: ConversationID) -> EditFault? {
        let bytes = Array(id.peer.string.utf8)
        switch id.kind {
        case .user:
            return UserID.fault(in: bytes[...]).map { EditFault("\(id) is no conversation: \($0)") }
        case .chatGroup:
            if bytes.isEmpty { return EditFault("a chat group's id is empty") }
            if bytes.count > longestPeer {
                return EditFault("the id of \(id) has over \(longestPeer) bytes")
            }
            let isPrintable = bytes.allSatisfy { (0x20...0x7E).contains($0) }
            return isPrintable ? nil : EditFault("the id of \(id) is not printable ASCII")
        }
    }

    private static func fault(_ marks: MarkEdit) -> EditFault? {
        if marks.set == .none, marks.clear == .none, marks.custom == nil {
            return EditFault(
                "nothing is to be marked", advice: "set or clear a bit, or give a text")
        }
        if let bit = marks.set.numbers.first(where: marks.clear.numbers.contains) {
            return EditFault("mark \(bit) is to be set and cleared")
        }
        if let custom = marks.custom, custom.byteCount > longestCustomMark {
            return EditFault(
                "the custom mark has \(custom.byteCount) bytes, the cloud allows "
                    + "\(longestCustomMark)")
        }
        if marks.custom?.string.utf8.contains(0) == true {
            return EditFault("the custom mark contains U+0000, which the database cannot hold")
        }
        return nil
    }
}

/// What a new edit is checked against: a user's mirror, and that with open edits applied.
package struct EditCheck: Sendable {
    private let mirror: Draft
    private let pending: Draft

    package init(mirror: Draft, pending: Draft) {
        self.mirror = mirror
        self.pending = pending
    }

    /// The operation with its group's id, and its base.
    package func accept(_ operation: EditOperation) throws(EditFault)
        -> (operation: EditOperation, base: ExactText?)
    {
        switch operation {
        case .ensure(let name, _) where pending.group(named: name) != nil: return (operation, nil)
        case .create(let name, _), .ensure(let name, _):
            if pending.group(named: name) != nil {
                throw EditFault(
                    "there is a group '\(name)' already",
                    advice: "'edit add' puts conversations into it; 'edit add --create' whether it "
                        + "is there or not")
            }
            if pending.names.count >= EditOperation.mostGroups {
                throw EditFault(
                    "the user has \(pending.names.count) groups, the cloud allows "
                        + "\(EditOperation.mostGroups)")
            }
            return (operation, nil)
        case .rename(let reference, let name):
            let group = try found(reference)
            if let other = pending.group(named: name), other != group.id {
                throw EditFault("there is a group '\(name)' already")
            }
            return (.rename(group, to: name), group.id.flatMap { mirror.names[$0] })
        case .delete(let reference): return (.delete(try found(reference)), nil)
        case .add(let ids, let reference): return (.add(ids, to: try found(reference)), nil)
        case .remove(let ids, let reference):
            let group = try found(reference)
            if let id = group.id, let absent = ids.first(where: { !pending.contains($0, in: id) }) {
                throw EditFault("\(absent) is not in '\(reference.name)'")
            }
            return (.remove(ids, from: group), nil)
        case .mark(let id, let marks):
            return (operation, marks.custom == nil ? nil : mirror.customMark(of: id))
        }
    }

    private func found(_ reference: GroupReference) throws(EditFault) -> GroupReference {
        guard let id = pending.group(named: reference.name) else {
            throw EditFault(
                "there is no group '\(reference.name)'",
                advice:
                    "'groupmirror show USER --pending' lists the groups with open edits applied",
                missing: .group)
        }
        return GroupReference(id: id, name: reference.name)
    }
}
