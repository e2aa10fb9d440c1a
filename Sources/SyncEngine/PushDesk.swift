import ChatAPI
import ChatModel
import MirrorStore
import SyncRules

// What one pass knows while it pushes: the cloud as it was listed, with what it has acknowledged
// since, and the edits that are left. Values only; Push does the sending and storing.

/// The desk at which one user's edits are worked off.
struct PushDesk: Sendable {
    /// What the cloud has, as far as is known.
    private(set) var cloud: Draft
    /// What the mirror has.
    private var mirror: Snapshot
    private(set) var edits: [Edit]
    private var update: OutboxUpdate
    private var pushed: [StoreEntry] = []
    private(set) var summary = PushSummary()
    let user: UserNumber
    private let policy: PushPolicy
    /// The edits as the store has them, where it knows what they stand on.
    private var stored: [EditID: Edit]
    /// Edits of calls without a clear answer: only a listing made later can tell.
    private var doubted: Set<EditID> = []
    /// Edits that have failed, in this pass or a moment before: the others go on without them.
    private var paused: Set<EditID>

    init(
        _ edits: [Edit], of user: UserNumber, cloud: Snapshot, mirror: Snapshot,
        policy: PushPolicy, paused: Set<EditID> = [], at time: WallTime, isSkipped: Bool = false
    ) {
        self.paused = paused
        summary.isSkipped = isSkipped
        self.cloud = Draft(cloud)
        self.mirror = mirror
        self.edits = edits
        self.user = user
        self.policy = policy
        update = OutboxUpdate(user: user, at: time)
        stored = Dictionary(uniqueKeysWithValues: edits.map { ($0.id, $0) })
    }

    // MARK: Deciding

    /// Decides what follows from what is known now; the next call, if there is one. What was
    /// decided waits in `takeEntries` to be stored before the call is made.
    mutating func plan(at time: WallTime, isLast: Bool) -> PushCall? {
        update.at = time
        update.premise = edits.map(\.id).max().map {
            OutboxUpdate.Premise(unsettled: edits.count, through: $0)
        }
        while true {
            let rebase = Rebase(edits, on: cloud, policy, paused: paused)
            for decision in rebase.decisions { note(decision) }
            for (old, new) in rebase.renumbered {
                edits = edits.map { $0.renumbering(old, as: new) }
                update.renumbered[old] = new
            }
            // Others may have to wait behind what was rejected just now.
            if rebase.rejectsSomething { continue }
            if let call = rebase.calls.first {
                guard !isLast else {
                    summary.isMore = true
                    return nil
                }
                if giveUp(call, at: time) { continue }
                update.sending = call.edits
                setState(.sending, of: call.edits)
                return call
            }
            if rebase.isFinal { return nil }
        }
    }

    /// Everything that is to be stored now, mirror first.
    mutating func takeEntries() -> [StoreEntry] {
        defer {
            pushed = []
            update = OutboxUpdate(user: user, at: update.at)
        }
        summary.left = edits.count { $0.state.isOpen }
        return pushed + (update.isEmpty ? [] : [.outbox(update)])
    }

    private mutating func note(_ decision: EditDecision) {
        guard let index = edits.firstIndex(where: { $0.id == decision.edit }) else { return }
        switch decision.course {
        case .push:
            let edit = edits[index].standing(by: decision)
            edits[index] = edit
            let isKnown =
                decision.conflict == nil
                && stored[edit.id].map {
                    $0.base == edit.base && $0.made == edit.made && $0.operation == edit.operation
                } ?? false
            guard !isKnown || edit.behind != nil else { return }
            stored[edit.id] = edit
            edits[index].behind = nil
        case .wait(let before):
            if doubted.contains(decision.edit) { return }
            let isKnown = edits[index].behind == before && edits[index].state == .queued
            edits[index].state = .queued
            edits[index].behind = before
            if isKnown { return }
        case .later: return
        case .settle(let state, _):
            summary.settled[state, default: 0] += 1
            edits.remove(at: index)
        case .reject(let reason, let refusal, let words):
            summary.rejected.append(
                PushSummary.Rejected(
                    edit: decision.edit, operation: edits[index].operation.kind, reason: reason,
                    code: refusal?.code, words: words))
            edits[index].state = .rejected
        }
        update.decisions.append(decision)
    }

    /// A person has taken some back: what is left is to be decided anew.
    mutating func reload(_ unsettled: [Edit]) {
        // Those that were queued since are for a pass that begins with a listing.
        let known = Set(edits.map(\.id))
        edits = unsettled.filter { known.contains($0.id) }
        stored = Dictionary(uniqueKeysWithValues: edits.map { ($0.id, $0) })
    }

    /// Who has failed often goes alone: one edit that always fails must not take others with it.
    private mutating func countFailure(of ids: Set<EditID>) {
        for index in edits.indices where ids.contains(edits[index].id) {
            edits[index].failures += 1
            if edits[index].failures >= Edit.mostTogether { edits[index].isAlone = true }
        }
    }

    private mutating func setState(_ state: EditState, of ids: [EditID]) {
        let ids = Set(ids)
        for index in edits.indices where ids.contains(edits[index].id) {
            edits[index].state = state
        }
    }

    // MARK: What became of a call

    mutating func acknowledged(_ call: PushCall, _ reply: PushReply, at time: WallTime) {
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
                .pushed(
                    PushedUser(
                        user: user, at: time, diff: diff,
                        origins: PushDesk.origins(of: diff.changes, in: call))))
            mirror = snapshot
            summary.changes += diff.changes.count
        }
        record(call, .done(reply), at: time)
        if !untold.isEmpty {
            doubted.formUnion(unsure)
            summary.trouble = PushSummary.Trouble(
                failure: CallFailure(
                    kind: .transient, problem: "the reply lacks the result of a conversation"),
                edits: call.edits)
        }
    }

    /// Conversations of an edit were refused: some codes pass, the others are final. That the edit
    /// has failed once more is counted before.
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
        // What is refused for good by now is not waited for.
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
    mutating func failed(_ call: PushCall, _ failure: CallFailure, at time: WallTime) {
        update.at = time
        if failure.kind == .rejected, !isPerhapsMissing(call, failure) {
            return rejected(call, failure, at: time)
        }
        if failure.kind == .stale || failure.kind == .rejected {
            pause(call.edits, failure)
        } else {
            summary.trouble = PushSummary.Trouble(failure: failure, edits: call.edits)
        }
        if failure.mayHaveTakenEffect {
            doubted.formUnion(call.edits)
        } else {
            setState(.queued, of: call.edits)
            update.unsent += call.edits
        }
        if failure.kind == .stopping { return }
        // Failures that usually pass are not waited for for ever; a cloud that cannot be reached is.
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
    /// the first time that is no refusal, for the next listing tells whether the group is there.
    private func isPerhapsMissing(_ call: PushCall, _ failure: CallFailure) -> Bool {
        guard failure.code == 50002 else { return false }
        switch call.action {
        case .create, .mark: return false
        case .rename, .delete, .update:
            let ids = Set(call.edits)
            return edits.allSatisfy { !ids.contains($0.id) || $0.failures == 0 }
        }
    }

    /// Whether edits of the call have failed too often to be sent once more. Decided only now: what
    /// was in doubt the last time has been looked at since.
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

    /// A call for several edits is split before anybody is blamed. What cannot be split, such as a
    /// creation and the rename after it, loses its last edit: the others are tried without it.
    private mutating func rejected(_ call: PushCall, _ failure: CallFailure, at time: WallTime) {
        let ids = Set(call.edits)
        let isSplit = edits.allSatisfy { $0.isAlone || !ids.contains($0.id) }
        setState(.queued, of: call.edits)
        update.unsent += call.edits
        for index in edits.indices where ids.contains(edits[index].id) && ids.count > 1 {
            edits[index].isAlone = true
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
                call: call, command: call.action.command.rawValue, at: time, outcome: outcome,
                edits: edits.filter { ids.contains($0.id) }))
    }

    /// Which edit each change goes back to.
    static func origins(of changes: [Change], in call: PushCall) -> [Change: EditID] {
        var origins: [Change: EditID] = [:]
        for change in changes {
            let wanting = change.conversation.flatMap { call.wanted[$0] } ?? call.edits
            origins[change] = wanting.last
        }
        return origins
    }
}

extension FailureKind {
    /// It usually passes, and counts for the edit. "Too often" passes too, but says nothing about the
    /// edit, and is no try of it.
    fileprivate var isTry: Bool { self == .transient || self == .stale }
}

extension Edit {
    /// Failures of the cloud that usually pass, and the age, before an edit is given up: an outage of
    /// some hours is no reason to.
    package static let mostFailures = 15
    package static let longestPatience = Duration.seconds(24 * 3600)

    /// It has failed too often and for too long.
    fileprivate func isTired(at time: WallTime) -> Bool {
        failures >= Self.mostFailures
            && (queuedAt.map { time - $0 >= Self.longestPatience } ?? true)
    }

    /// Such failures of an edit at calls that others may share; the tries after them are its own.
    static let mostTogether = 10
    /// Cloud.md §4: a chat group that cannot be resolved (51007) may be so for a moment only.
    static let mostStale = 3
}

/// What a pass did about a user's edits.
package struct PushSummary: Sendable {
    package struct Rejected: Sendable {
        let edit: EditID
        let operation: EditOperation.Kind
        let reason: EditReason
        let code: Int?
        let words: String
    }

    package struct Trouble: Sendable {
        let failure: CallFailure
        let edits: [EditID]
    }

    var calls = 0
    /// Changes that acknowledged calls have made of the mirror.
    var changes = 0
    var settled: [EditState: Int] = [:]
    var rejected: [Rejected] = []
    /// Edits that are still open.
    var left = 0
    /// The edits were not looked at: what the cloud says of the user is doubted, or a write may still
    /// take effect.
    var isSkipped = false
    /// There is more to be sent, and nothing speaks against it.
    var isMore = false
    /// Why it ended before everything was sent.
    var trouble: Trouble?
    /// Edits that failed and wait, each with why, while the others went on.
    var paused: [EditID: CallFailure] = [:]
}
