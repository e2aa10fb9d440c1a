import ChatModel

// A user's open edits on top of what the cloud has now. EditReplay applies each edit, in the order of
// queueing, to a draft of the cloud: it may be in place already, contradict what happened meanwhile, have
// lost its group, or wait behind a rejected edit. PushPlan makes calls of the differences between cloud and
// draft. Everything follows from the current listing, so an edit whose outcome is unknown needs no rule of its
// own: what is in place needs no call.

/// The edits of one user on top of what the cloud holds.
package struct EditPlan: Sendable {
    /// One for each edit, in their order, except for those that were rejected before.
    package private(set) var decisions: [EditDecision] = []
    /// In the order in which they must be made. After each call the rest is planned again, on what the
    /// cloud has acknowledged.
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
        let replay = EditReplay(edits, on: cloud, for: .push(policy, paused: paused))
        calls = PushPlan(from: cloud, by: replay).calls
        renumbered = replay.aliases.filter { $0.value.maker == nil && $0.key != $0.value }
        let wanting = replay.target.edits
        let unfinished = replay.target.tied(to: Set(calls.flatMap(\.edits)))
        for var decision in replay.decisions {
            if decision.course == .push, let edit = replay.edits[decision.edit],
                replay.end.map({ edit.id < $0 }) ?? true, !unfinished.contains(edit.id)
            {
                decision.course = EditPlan.end(of: edit, isOvertaken: !wanting.contains(edit.id))
            }
            EditPlan.loosen(&decision, in: replay)
            decisions.append(decision)
        }
    }

    /// A creation finds by its name what is there already, and is a creation again should another client
    /// delete that. Only where the queue takes the name or the group away must it remember the group.
    private static func loosen(_ decision: inout EditDecision, in replay: EditReplay) {
        guard decision.course == .push, let group = decision.group,
            let edit = replay.edits[decision.edit], edit.operation.createdName != nil,
            edit.createdGroup == nil, replay.target.renames[group] == nil,
            replay.target.deletions[group] == nil
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
