import ChatModel

/// What a pass has decided or learnt about one user's edits; written in one transaction with what
/// it did to the mirror.
package struct OutboxUpdate: Sendable {
    /// What decisions stand on: a user has so many unsettled edits up to this one. Only a pass
    /// and an operator who cancels edits make them fewer.
    package struct Premise: Hashable, Sendable {
        package let unsettled: Int
        package let through: EditID

        package init(unsettled: Int, through: EditID) {
            self.unsettled = unsettled
            self.through = through
        }
    }

    package let user: UserNumber
    package var at: WallTime
    /// Where it is not so, nothing of the update is written, and the commit reports the user: an edit
    /// that was taken back may have been what another one was decided by, or a call left out.
    package var premise: Premise?
    /// Calls that have ended, and what they did to whom.
    package var ended: [EndedPush] = []
    /// Of edits about which something is new.
    package var decisions: [EditDecision] = []
    /// Groups that have got another number.
    package var renumbered: [GroupID: NumberedGroup] = [:]
    /// Edits that were about to be sent and certainly have had no effect.
    package var unsent: [EditID] = []
    /// Edits of a call that is about to be sent.
    package var sending: [EditID] = []

    package init(user: UserNumber, at: WallTime) {
        self.user = user
        self.at = at
    }

    /// Whether what is pending has become another than it was: an edit that took effect, or is
    /// about to, changes nothing about it, but one that failed does, and a group with a new number.
    package var changesPending: Bool {
        let isRefused = ended.contains { push in
            guard case .done(let reply) = push.outcome else { return false }
            return reply.group != nil || reply.results.values.contains { $0 != nil }
        }
        return isRefused || !renumbered.isEmpty
            || decisions.contains { decision in
                switch decision.course {
                case .push: decision.conflict != nil
                case .settle(let state, _): state == .cancelled
                case .wait, .reject: true
                case .later: false
                }
            }
    }

    /// Nothing is to be written.
    package var isEmpty: Bool {
        ended.isEmpty && decisions.isEmpty && renumbered.isEmpty && unsent.isEmpty
            && sending.isEmpty
    }
}

extension OutboxUpdate {
    /// The user's unsettled edits as this makes them.
    /// - Parameter edits: as they are stored now, ascending; some may be newer than the pass.
    /// - Returns: the same, in their order; nil where the premise does not hold.
    package func applied(to edits: [Edit]) -> [Edit]? {
        guard premise?.holds(for: edits) ?? true else { return nil }
        let decided = Dictionary(grouping: decisions, by: \.edit)
        let called = Dictionary(
            grouping: ended.flatMap { push in push.call.edits.map { ($0, push) } }, by: \.0)
        let (unsent, sending) = (Set(unsent), Set(sending))
        return edits.map { edit in
            let calls = called[edit.id, default: []]
            var edit = calls.reduce(edit) { $0.called($1.1) }
            for (old, new) in renumbered { edit = edit.renumbering(old, as: new) }
            edit = decided[edit.id, default: []].reduce(edit) { $0.decided($1, at: at) }
            if unsent.contains(edit.id) {
                edit = edit.unsent(isRecorded: !calls.isEmpty, at: at)
            }
            return sending.contains(edit.id) ? edit.sending(at: at) : edit
        }
    }
}

extension OutboxUpdate.Premise {
    fileprivate func holds(for edits: [Edit]) -> Bool {
        edits.count { $0.id <= through } == unsettled
    }
}

/// A group of the cloud, with its name where that is known.
package struct NumberedGroup: Hashable, Sendable {
    package let id: GroupID
    package let name: ExactText?

    package init(id: GroupID, name: ExactText?) {
        self.id = id
        self.name = name
    }
}

/// A write that was made, as the record of its edits has it.
package struct EndedPush: Sendable {
    /// What became of the call.
    package enum Outcome: Hashable, Sendable {
        case done(PushReply)
        /// The cloud refused it as a whole: nothing was done.
        case refused(code: Int?, problem: String)
        /// What became of it is unknown.
        case inDoubt(code: Int?, problem: String)

        /// The word for it in the record.
        package var word: String {
            switch self {
            case .done: "done"
            case .refused: "refused"
            case .inDoubt: "in_doubt"
            }
        }

        package var code: Int? {
            switch self {
            case .done: nil
            case .refused(let code, _), .inDoubt(let code, _): code
            }
        }

        package var problem: String? {
            switch self {
            case .done: nil
            case .refused(_, let problem), .inDoubt(_, let problem): problem
            }
        }
    }

    package let call: PushCall
    package let at: WallTime
    package let outcome: Outcome
    /// As they stand after the call: failures counted, refused conversations, whether they go
    /// alone.
    package let edits: [Edit]

    /// What became of what this edit wanted of the call: the cloud may take a call and refuse all of it.
    package func outcome(for edit: EditID) -> Outcome {
        guard case .done(let reply) = outcome else { return outcome }
        let wanted = call.wanted.filter { $0.value.contains(edit) }.map(\.key).sorted()
        let refusals = wanted.compactMap { reply.results[$0] ?? nil }
        guard let first = refusals.first, refusals.count == wanted.count else { return outcome }
        return .refused(code: first.code, problem: first.words)
    }

    package init(
        call: PushCall, at: WallTime, outcome: Outcome, edits: [Edit]
    ) {
        self.call = call
        self.at = at
        self.outcome = outcome
        self.edits = edits
    }
}

/// What a write of ours has made of the mirror. The next pull is compared item by item: the digest
/// of the last listing says nothing any more.
package struct PushedUser: Sendable {
    package let user: UserNumber
    package let at: WallTime
    package let diff: SnapshotDiff
    package let origins: [Change: EditID]

    package init(
        user: UserNumber, at: WallTime, diff: SnapshotDiff, origins: [Change: EditID]
    ) {
        self.user = user
        self.at = at
        self.diff = diff
        self.origins = origins
    }
}
