import ChatModel

// One pass sends a user's edits: plan a call, take in its answer, plan the next. This decides all of it, as
// values; Push sends and stores.

/// What one pass knows about a user's edits while it sends them: the cloud as it was listed, with what it
/// has acknowledged since, and the edits that are left.
package struct OutboxSession: Sendable {
    /// What the cloud has, as far as is known.
    var cloud: Draft
    /// What the mirror has.
    var mirror: Snapshot
    package internal(set) var edits: [Edit]
    var update: OutboxUpdate
    var pushed: [PushedUser] = []
    package internal(set) var summary = PushSummary()
    package let user: UserNumber
    private let policy: PushPolicy
    /// The edits as the store has them, where it knows what they stand on.
    private var stored: [EditID: Edit]
    /// Edits of calls without a clear answer: only a later listing shows what was done.
    var doubted: Set<EditID> = []
    /// Edits that have failed, in this pass or a moment before: the others go on without them.
    var paused: Set<EditID>

    /// - Parameters:
    ///   - edits: open and rejected ones, ascending.
    ///   - listed: what the cloud has, and what the mirror has once the listing is stored.
    ///   - paused: edits that are not tried again yet.
    package init(
        _ edits: [Edit], of user: UserNumber, on listed: Snapshot,
        policy: PushPolicy, paused: Set<EditID> = [], at time: WallTime
    ) {
        self.paused = paused
        cloud = Draft(listed)
        mirror = listed
        self.edits = edits
        self.user = user
        self.policy = policy
        update = OutboxUpdate(user: user, at: time)
        stored = Dictionary(uniqueKeysWithValues: edits.map { ($0.id, $0) })
    }

    // MARK: Deciding

    /// Decides what follows from what is known now.
    /// - Parameter isLast: no further call may be made.
    /// - Returns: the next call, if there is one. The decisions are in `takeProgress`, and must be stored
    ///   before the call is made.
    package mutating func plan(at time: WallTime, isLast: Bool) -> PushCall? {
        update.at = time
        update.premise = edits.map(\.id).max().map {
            OutboxUpdate.Premise(unsettled: edits.count, through: $0)
        }
        while true {
            let plan = EditPlan(edits, on: cloud, policy, paused: paused)
            for decision in plan.decisions { note(decision) }
            for (old, new) in plan.renumbered {
                let group = NumberedGroup(id: new, name: cloud.names[new])
                edits = edits.map { $0.renumbering(old, as: group) }
                update.renumbered[old] = group
            }
            // Others may have to wait behind an edit that was just rejected.
            if plan.rejectsSomething { continue }
            if let call = plan.calls.first {
                guard !isLast else {
                    summary.isMore = true
                    return nil
                }
                if giveUp(call, at: time) { continue }
                update.sending = call.edits
                setState(.sending, of: call.edits)
                return call
            }
            if plan.isFinal { return nil }
        }
    }

    /// What is to be stored together, and has not been handed out yet.
    package struct Progress: Sendable {
        /// What acknowledged calls have made of the mirror, in their order.
        package let pushed: [PushedUser]
        /// Nil when nothing is new about the edits.
        package let update: OutboxUpdate?
    }

    /// Everything that is to be stored now.
    package mutating func takeProgress() -> Progress {
        defer {
            pushed = []
            update = OutboxUpdate(user: user, at: update.at)
        }
        summary.left = edits.count { $0.state.isOpen }
        return Progress(pushed: pushed, update: update.isEmpty ? nil : update)
    }

    /// Takes a decision over into the edits, and into what is to be stored unless it is stored
    /// already.
    mutating func note(_ decision: EditDecision) {
        guard let index = edits.firstIndex(where: { $0.id == decision.edit }) else { return }
        if case .wait = decision.course, doubted.contains(decision.edit) { return }
        let (before, edit) = (edits[index], edits[index].decided(decision, at: update.at))
        edits[index] = edit
        switch decision.course {
        case .push:
            if let known = stored[edit.id], edit.standsAs(known), decision.conflict == nil,
                before.blockedBy == nil
            {
                return
            }
            stored[edit.id] = edit
        case .wait(let blocking):
            if before.blockedBy == blocking, before.state == .queued { return }
        case .later: return
        case .settle(let state, _):
            summary.settled[state, default: 0] += 1
            edits.remove(at: index)
        case .reject(let reason, let refusal, let words):
            summary.rejected.append(
                PushSummary.Rejected(
                    edit: edit.id, operation: edit.operation.kind, reason: reason,
                    code: refusal?.code, words: words))
        }
        update.decisions.append(decision)
    }

    /// An operator has cancelled some: what is left is decided again.
    package mutating func reload(_ unsettled: [Edit]) {
        // Those that were queued since are for a pass that begins with a listing.
        let known = Set(edits.map(\.id))
        edits = unsettled.filter { known.contains($0.id) }
        stored = Dictionary(uniqueKeysWithValues: edits.map { ($0.id, $0) })
    }

    /// An edit that has failed often is sent separately: it must not make others fail too.
    mutating func countFailure(of ids: Set<EditID>) {
        for index in edits.indices where ids.contains(edits[index].id) {
            edits[index].failures += 1
            if edits[index].failures >= Edit.mostTogether { edits[index].sentSeparately = true }
        }
    }

    mutating func setState(_ state: EditState, of ids: [EditID]) {
        let ids = Set(ids)
        for index in edits.indices where ids.contains(edits[index].id) {
            edits[index].state = state
        }
    }

    /// Rejects edits of the call that have failed too often. Decided only now, because a listing has shown
    /// since what became of the last try.
    /// - Returns: whether there were any.
    private mutating func giveUp(_ call: PushCall, at time: WallTime) -> Bool {
        let ids = Set(call.edits)
        let tired = edits.filter { ids.contains($0.id) && $0.isTired(at: time) }
        for edit in tired {
            note(
                EditDecision(
                    edit: edit.id,
                    course: .reject(
                        .gaveUp, nil,
                        words: "the cloud failed \(edit.failures) times; 'outbox show' has each")))
        }
        return !tired.isEmpty
    }
}

extension Edit {
    /// Both would be compared with the same, and mean the same group.
    fileprivate func standsAs(_ other: Edit) -> Bool {
        base == other.base && createdGroup == other.createdGroup && operation == other.operation
    }
}
