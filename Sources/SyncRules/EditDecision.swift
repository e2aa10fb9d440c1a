import ChatModel

// The words in which it is decided what becomes of an edit, and the operator's choices about that.

/// What follows when both sides changed the same thing since an edit was queued.
package enum ConflictPolicy: String, CaseIterable, Sendable {
    /// The edit is rejected; an operator decides.
    case reject
    case localWins = "local_wins"
    case cloudWins = "cloud_wins"
}

/// What follows when conversations are to be added to a group that is gone.
package enum MissingGroupPolicy: String, CaseIterable, Sendable {
    case reject
    /// It is created again, with these conversations.
    case recreate
}

/// The operator's choices about edits.
package struct PushPolicy: Hashable, Sendable {
    package var conflicts: ConflictPolicy
    package var missingGroup: MissingGroupPolicy

    package init(
        conflicts: ConflictPolicy = .reject, missingGroup: MissingGroupPolicy = .reject
    ) {
        self.conflicts = conflicts
        self.missingGroup = missingGroup
    }
}

/// What becomes of one edit.
package struct EditDecision: Hashable, Sendable {
    /// What is to be done with it.
    package enum Course: Hashable, Sendable {
        /// Some call of the plan is for it.
        case push
        /// Behind a rejected edit of the same group or conversation.
        case wait(behind: EditID)
        /// It has failed a moment ago, or an earlier edit of the same group or conversation has: its
        /// turn comes later.
        case later
        /// `applied`, `satisfied` or `cancelled`.
        case settle(EditState, EditReason?)
        case reject(EditReason, Refusal?, words: String)
    }

    package let edit: EditID
    package var course: Course
    /// The group it means, once that is known. Of a creation that is to be pushed: the one that the
    /// cloud has made for it, or one that was there already and that other edits rename.
    package var group: GroupID?
    /// What it is compared with next time.
    package var base: ExactText?
    package var conflict: EditConflict?

    package init(
        edit: EditID, course: Course, group: GroupID? = nil, base: ExactText? = nil,
        conflict: EditConflict? = nil
    ) {
        self.edit = edit
        self.course = course
        self.group = group
        self.base = base
        self.conflict = conflict
    }
}
