// What was asked for locally and the cloud should become. An edit is accepted once, and from
// then on ends in exactly one of its final states.

/// The number of an edit: positive, given once, ascending in the order of queueing.
package struct EditID: Hashable, Comparable, Sendable, CustomStringConvertible,
    ExpressibleByIntegerLiteral
{
    package let number: Int64

    package init(_ number: Int64) { self.number = number }
    package init(integerLiteral value: Int64) { number = value }

    package var description: String { String(number) }

    package static func < (left: EditID, right: EditID) -> Bool { left.number < right.number }
}

/// Where an edit stands.
package enum EditState: String, CaseIterable, Sendable {
    /// Accepted; nothing was sent, or what was sent took effect only for what is known to be `done`.
    case queued
    /// A call for it may be under way, or its outcome is unknown.
    case sending
    /// The cloud took it.
    case applied
    /// It was so already, or a later edit made it needless: no call was made for it.
    case satisfied
    /// Is tried again only when an operator retries it.
    case rejected
    /// An operator, or the policy `cloud_wins`, cancelled it.
    case cancelled

    /// Something is still to be done for it.
    package var isOpen: Bool { self == .queued || self == .sending }

    /// Nothing becomes of it any more.
    package var isSettled: Bool { !isOpen && self != .rejected }
}

/// Why an edit was rejected, or gave way.
package enum EditReason: String, CaseIterable, Sendable {
    /// The cloud refused it, with its code.
    case refused
    /// The cloud changed the same thing since the edit was queued.
    case conflict
    /// Another group has the name that it wants to give.
    case nameTaken = "name_taken"
    /// The group that it speaks of is gone.
    case groupMissing = "group_missing"
    /// The cloud failed at it too often, with codes that usually pass or answers that cannot be read.
    case gaveUp = "gave_up"
    /// A later edit of the same queue decided otherwise: no call was needed.
    case overtaken
    /// An operator cancelled it.
    case withdrawn
}

/// An edit on its way.
package struct Edit: Hashable, Sendable {
    package let id: EditID
    package var operation: EditOperation
    /// Of a rename the group's name, of a custom mark its text, as the cloud had it when the edit
    /// was queued or last compared with it; nil when that is not known.
    package var base: ExactText?
    package var state: EditState
    /// Conversations that the cloud refused for good, with its code and words: not tried again.
    package var refused: [ConversationID: Refusal]
    /// Conversations that the cloud refused with a code that usually passes: its words. They are tried again.
    package var passing: [ConversationID: String] = [:]
    /// Conversations for which the cloud acknowledged it: what others do about them afterwards is
    /// not undone.
    package var done: Set<ConversationID> = []
    /// Passing failures with an answer, readable or not, at calls that held this edit, since an operator
    /// last looked.
    package var failures: Int
    /// A call that held it was refused as a whole, or it has failed often: it goes alone, so that
    /// its brothers do not suffer.
    package var sentSeparately: Bool
    /// Of a creation: the number that the cloud gave the group; or the group that it turned out to be, which an
    /// earlier edit may still have to create.
    package var createdGroup: GroupID?
    /// The rejected edit of the same thing that it was last found to wait for.
    package var blockedBy: EditID?
    /// Why it was rejected, gave way or needed no call.
    package var reason: EditReason?
    /// The code and words of the last failure, refusal or rejection.
    package var code: Int?
    package var problem: String?
    /// What the cloud was last found to have instead of what the edit stood on.
    package var conflict: EditConflict?
    /// Calls that were made for it, one that is under way included.
    package var attempts = 0
    /// When it was queued; nil where that does not matter.
    package var queuedAt: WallTime?
    /// When something last became of it; nil where that does not matter.
    package var updatedAt: WallTime?

    package init(
        id: EditID, operation: EditOperation, base: ExactText? = nil, state: EditState = .queued,
        refused: [ConversationID: Refusal] = [:], failures: Int = 0, sentSeparately: Bool = false
    ) {
        self.id = id
        self.operation = operation
        self.base = base
        self.state = state
        self.refused = refused
        self.failures = failures
        self.sentSeparately = sentSeparately
    }

    /// A call for it was made and something came of it, or may have.
    package var isBegun: Bool { state == .sending || !done.isEmpty }

    /// Whether the edit still wants something of the conversation.
    package func wants(_ id: ConversationID) -> Bool { refused[id] == nil && !done.contains(id) }
}

/// Both sides changed one thing: a group's name or a custom mark.
package struct EditConflict: Hashable, Sendable {
    /// What it was when the edit was queued, or last compared with the cloud.
    package let base: ExactText
    /// What the cloud has.
    package let theirs: ExactText

    package init(base: ExactText, theirs: ExactText) {
        self.base = base
        self.theirs = theirs
    }
}

/// What the cloud said against a call or one item of it.
package struct Refusal: Hashable, Sendable {
    package let code: Int
    package let words: String

    package init(code: Int, words: String) {
        self.code = code
        self.words = words
    }
}

/// What an edit changes. Conversations stand in the order in which they were given, each once.
package enum EditOperation: Hashable, Sendable {
    case create(name: ExactText, [ConversationID])
    /// Puts the conversations into the group of this name, whichever that is when it is sent, and creates it
    /// if there is none.
    case ensure(name: ExactText, [ConversationID])
    case rename(GroupReference, to: ExactText)
    case delete(GroupReference)
    case add([ConversationID], to: GroupReference)
    case remove([ConversationID], from: GroupReference)
    case mark(ConversationID, MarkEdit)

    /// The operation's name in commands, import lines and the mirror.
    package enum Kind: String, CaseIterable, Sendable {
        case create, ensure, rename, delete, add, remove, mark
    }

    package var kind: Kind {
        switch self {
        case .create: .create
        case .ensure: .ensure
        case .rename: .rename
        case .delete: .delete
        case .add: .add
        case .remove: .remove
        case .mark: .mark
        }
    }

    /// The group it speaks of; nil for a mark and for a group that it creates.
    package var group: GroupReference? {
        switch self {
        case .rename(let group, _), .delete(let group), .add(_, let group),
            .remove(_, let group):
            group
        case .create, .ensure, .mark: nil
        }
    }

    /// The name of the group that it creates where there is none of that name; nil for the others.
    package var createdName: ExactText? {
        switch self {
        case .create(let name, _), .ensure(let name, _): name
        case .rename, .delete, .add, .remove, .mark: nil
        }
    }

    /// The name that it gives a group.
    package var givenName: ExactText? {
        if case .rename(_, let name) = self { name } else { createdName }
    }

    /// The same operation on a group that is known by another reference.
    package func on(_ group: GroupReference) -> EditOperation {
        switch self {
        case .create, .ensure, .mark: self
        case .rename(_, let name): .rename(group, to: name)
        case .delete: .delete(group)
        case .add(let ids, _): .add(ids, to: group)
        case .remove(let ids, _): .remove(ids, from: group)
        }
    }

    package var conversations: [ConversationID] {
        switch self {
        case .create(_, let ids), .ensure(_, let ids), .add(let ids, _), .remove(let ids, _): ids
        case .mark(let id, _): [id]
        case .rename, .delete: []
        }
    }
}

/// Which group an edit speaks of. The id counts; the name is what the group was called when the
/// edit was queued, and all there is when the mirror did not know the user yet.
package struct GroupReference: Hashable, Sendable {
    package let id: GroupID?
    package let name: ExactText

    package init(id: GroupID?, name: ExactText) {
        self.id = id
        self.name = name
    }
}

extension GroupID {
    /// The group that an edit will create, until the cloud gives it a number: the edit's own
    /// number, negative.
    package static func made(by edit: EditID) -> GroupID { GroupID(-edit.number) }

    /// The edit that will create the group; nil for a group of the cloud.
    package var maker: EditID? { number < 0 ? EditID(-number) : nil }
}

/// Changes of one conversation's marks.
package struct MarkEdit: Hashable, Sendable {
    /// Standard marks to set and to clear; no bit is in both.
    package let set: StandardMark
    package let clear: StandardMark
    /// The new custom mark, empty to remove it; nil leaves it alone.
    package let custom: ExactText?

    package init(
        set: StandardMark = .none, clear: StandardMark = .none, custom: ExactText? = nil
    ) {
        self.set = set
        self.clear = clear
        self.custom = custom
    }

    /// The standard mark after the edit: cleared bits first, then set ones.
    package func applied(to mark: StandardMark) -> StandardMark {
        StandardMark(bits: mark.bits & ~clear.bits | set.bits)
    }
}

extension StandardMark {
    /// The numbers of the bits that are set, ascending.
    package var numbers: [Int] { (0..<64).filter { bits & (1 << UInt64($0)) != 0 } }

    package init(numbers: some Sequence<Int>) {
        self.init(bits: numbers.reduce(0) { $0 | 1 << UInt64($1) })
    }
}
