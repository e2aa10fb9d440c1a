import ChatModel

// A user's open edits meet the cloud as it is now. Each edit, in the order of queueing, is tried on
// a draft of the cloud: it may be so already, may contradict what happened there meanwhile, may
// have lost its group, or wait behind one that was rejected. What the draft then has and the cloud
// has not is to be sent; PushPlan makes the calls. Everything is decided from what the cloud says
// now, so an edit whose outcome is unknown is settled by the same rules: what is so needs no call.

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

/// Both sides changed one thing.
package struct EditConflict: Hashable, Sendable {
    /// What it was when the edit was queued.
    package let base: ExactText
    package let ours: ExactText
    package let theirs: ExactText

    package init(base: ExactText, ours: ExactText, theirs: ExactText) {
        self.base = base
        self.ours = ours
        self.theirs = theirs
    }
}

/// What becomes of one edit.
package struct EditDecision: Hashable, Sendable {
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

/// The edits of one user on top of what the cloud holds.
package struct EditPlan: Sendable {
    /// One for each edit, in their order, but for those that were rejected before.
    package private(set) var decisions: [EditDecision] = []
    /// In the order in which they must be made. After each call the rest is to be planned again, on
    /// what the cloud has acknowledged.
    package let calls: [PushCall]
    /// Groups that turned out to be, or have become, another one of the cloud: edits that speak of
    /// the first mean the second.
    package let renumbered: [GroupID: GroupID]

    /// - Parameters:
    ///   - edits: open and rejected ones, ascending.
    ///   - cloud: as it was last listed, with what it has acknowledged since.
    ///   - paused: edits that are not tried again yet.
    package init(
        _ edits: [Edit], on cloud: Draft, _ policy: PushPolicy, paused: Set<EditID> = []
    ) {
        let replay = EditReplay(edits, on: cloud, policy, paused: paused)
        calls = PushPlan.calls(from: cloud, by: replay)
        renumbered = replay.aliases.filter { $0.value.maker == nil && $0.key != $0.value }
        let unfinished = replay.wishes.tied(to: Set(calls.flatMap(\.edits)))
        for var decision in replay.decisions {
            if decision.course == .push, let edit = replay.edits[decision.edit],
                replay.end.map({ edit.id < $0 }) ?? true, !unfinished.contains(edit.id)
            {
                decision.course = EditPlan.end(of: edit, isOvertaken: replay.isOvertaken(edit.id))
            }
            EditPlan.loosen(&decision, in: replay)
            decisions.append(decision)
        }
    }

    /// A creation finds by its name what is there already, and is a creation again should another client
    /// delete that. Only where the queue takes the name or the group away must it remember the group.
    private static func loosen(_ decision: inout EditDecision, in replay: EditReplay) {
        guard decision.course == .push, let group = decision.group,
            let edit = replay.edits[decision.edit], edit.operation.kind == .create,
            edit.made == nil, replay.wishes.renames[group] == nil,
            replay.wishes.deletions[group] == nil
        else { return }
        decision.group = nil
    }

    /// Something is rejected that was not before.
    package var rejectsSomething: Bool {
        decisions.contains { if case .reject = $0.course { true } else { false } }
    }

    /// Nothing can be done before something that is decided here has been stored.
    package var isFinal: Bool {
        calls.isEmpty
            && decisions.allSatisfy {
                switch $0.course {
                case .wait, .later: true
                case .push, .settle, .reject: false
                }
            }
    }

    /// Nothing is left to be sent for the edit.
    private static func end(of edit: Edit, isOvertaken: Bool) -> EditDecision.Course {
        if let refusal = edit.refused.sorted(by: { $0.key < $1.key }).first {
            return .reject(.refused, refusal.value, words: "\(refusal.key): \(refusal.value.words)")
        }
        if edit.isBegun { return .settle(.applied, nil) }
        return .settle(.satisfied, isOvertaken ? .overtaken : nil)
    }
}
