import ChatModel

// What the answer to a call, or its absence, means for the edits of the call.

extension OutboxSession {
    /// The cloud has taken the call; single conversations may have been refused.
    package mutating func acknowledged(_ call: PushCall, _ reply: PushReply, at time: WallTime) {
        update.at = time
        cloud.acknowledge(call, reply)
        edits = edits.map { $0.advanced(past: call, reply) }
        let refusals = call.wanted.sorted { $0.key < $1.key }.compactMap { id, edits in
            (reply.results[id] ?? nil).map { (id: id, refusal: $0, edits: edits) }
        }
        // A conversation without a result may be done or not: the next pull shows it.
        let untold = call.conversations.filter { reply.results[$0] == nil }
        let unsure = Set(untold.flatMap { call.wanted[$0] ?? [] })
        let passing = refusals.filter { FailureTable.kind(of: $0.refusal.code).isTry }
        countFailure(of: unsure.union(passing.flatMap(\.edits)))
        for edit in call.edits where !refusals.isEmpty { refuse(edit, refusals, at: time) }
        let snapshot = cloud.snapshot
        let diff = SnapshotDiff(from: mirror, to: snapshot)
        if !diff.isEmpty {
            pushed.append(
                PushedUser(
                    user: user, at: time, diff: diff,
                    origins: OutboxSession.origins(of: diff.changes, in: call)))
            mirror = snapshot
            summary.changes += diff.changes.count
        }
        record(call, .done(reply), at: time)
        if !untold.isEmpty {
            doubted.formUnion(unsure)
            summary.trouble = PushFailure(
                failure: CallFailure(
                    kind: .transient, problem: "the reply lacks the result of a conversation"),
                edits: call.edits)
        }
    }

    /// Conversations of an edit were refused: some codes pass, the others are final. The failure of the edit
    /// is already counted.
    private mutating func refuse(
        _ edit: EditID, _ refusals: [(id: ConversationID, refusal: Refusal, edits: [EditID])],
        at time: WallTime
    ) {
        guard let index = edits.firstIndex(where: { $0.id == edit }) else { return }
        var passing: [(id: ConversationID, refusal: Refusal, kind: FailureKind)] = []
        for (id, refusal, wanting) in refusals where wanting.contains(edit) {
            let kind = FailureTable.kind(of: refusal.code)
            switch kind {
            case .transient, .stale, .throttled: passing.append((id, refusal, kind))
            default: edits[index].refused[id] = refusal
            }
        }
        guard let first = passing.first else { return }
        for (id, refusal, kind) in passing where kind.isTry {
            let isEnough =
                kind == .stale
                ? edits[index].failures >= Edit.mostStale : edits[index].isTired(at: time)
            if isEnough { edits[index].refused[id] = refusal }
        }
        // What is refused for good needs no waiting.
        guard passing.contains(where: { edits[index].refused[$0.id] == nil }) else { return }
        pause(
            [edit],
            CallFailure(
                kind: first.kind, code: first.refusal.code, problem: first.refusal.words))
    }

    /// The edits wait until they are tried again; those about other things do not.
    private mutating func pause(_ ids: [EditID], _ failure: CallFailure) {
        paused.formUnion(ids)
        for id in ids { summary.paused[id] = failure }
    }

    /// The cloud did not take the call as a whole.
    package mutating func failed(_ call: PushCall, _ failure: CallFailure, at time: WallTime) {
        update.at = time
        if failure.kind == .rejected, !isPerhapsMissing(call, failure) {
            return rejected(call, failure, at: time)
        }
        if failure.kind == .stale || failure.kind == .rejected {
            pause(call.edits, failure)
        } else {
            summary.trouble = PushFailure(failure: failure, edits: call.edits)
        }
        if failure.mayHaveTakenEffect {
            doubted.formUnion(call.edits)
        } else {
            setState(.queued, of: call.edits)
            update.unsent += call.edits
        }
        if failure.kind == .stopping { return }
        // Failures that usually pass count against the edit; a cloud that cannot be reached does not.
        if failure.isAnswered, failure.kind.isTry || failure.kind == .rejected {
            countFailure(of: Set(call.edits))
        }
        record(
            call,
            failure.mayHaveTakenEffect
                ? .inDoubt(code: failure.code, problem: failure.problem)
                : .refused(code: failure.code, problem: failure.problem), at: time)
    }

    /// A group that has vanished may be answered with "a parameter is wrong" instead of its own code:
    /// the first time that is no refusal, because the next listing shows whether the group is there.
    private func isPerhapsMissing(_ call: PushCall, _ failure: CallFailure) -> Bool {
        guard failure.code == 50002 else { return false }
        switch call.action {
        case .create, .mark: return false
        case .rename, .delete, .update:
            let ids = Set(call.edits)
            return edits.allSatisfy { !ids.contains($0.id) || $0.failures == 0 }
        }
    }

    /// A refused call for several edits is split, to find out which of them is refused. If it cannot be split,
    /// as a creation with the rename after it, its last edit is rejected and the others are tried again.
    private mutating func rejected(_ call: PushCall, _ failure: CallFailure, at time: WallTime) {
        let ids = Set(call.edits)
        let isSplit = edits.allSatisfy { $0.sentSeparately || !ids.contains($0.id) }
        setState(.queued, of: call.edits)
        update.unsent += call.edits
        for index in edits.indices where ids.contains(edits[index].id) && ids.count > 1 {
            edits[index].sentSeparately = true
        }
        record(call, .refused(code: failure.code, problem: failure.problem), at: time)
        guard let last = call.edits.last, ids.count == 1 || isSplit else { return }
        note(
            EditDecision(
                edit: last,
                course: .reject(
                    .refused, Refusal(code: failure.code ?? 0, words: failure.problem),
                    words: failure.problem)))
    }

    private mutating func record(
        _ call: PushCall, _ outcome: EndedPush.Outcome, at time: WallTime
    ) {
        let ids = Set(call.edits)
        summary.calls += 1
        update.ended.append(
            EndedPush(
                call: call, at: time, outcome: outcome,
                edits: edits.filter { ids.contains($0.id) }))
    }

    /// Which edit each change goes back to.
    private static func origins(of changes: [Change], in call: PushCall) -> [Change: EditID] {
        var origins: [Change: EditID] = [:]
        for change in changes {
            let wanting = change.conversation.flatMap { call.wanted[$0] } ?? call.edits
            origins[change] = wanting.last
        }
        return origins
    }
}

extension FailureKind {
    /// It usually passes, and counts as a try of the edit. "Too often" passes too, but says nothing about the
    /// edit.
    var isTry: Bool { self == .transient || self == .stale }
}

extension Edit {
    /// An edit is given up after so many passing failures, and not before this age: an outage of some hours is
    /// no reason.
    package static let mostFailures = 15
    package static let longestPatience = Duration.seconds(24 * 3600)

    /// It has failed too often and for too long.
    func isTired(at time: WallTime) -> Bool {
        failures >= Self.mostFailures
            && (queuedAt.map { time - $0 >= Self.longestPatience } ?? true)
    }

    /// After so many such failures an edit is sent separately.
    static let mostTogether = 10
    /// Cloud.md §4: a chat group that cannot be resolved (51007) may be so for a moment only.
    static let mostStale = 3
}
