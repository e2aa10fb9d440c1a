import ChatModel
import MirrorStore
import SyncRules

// What a world asked of its store, step by step, so that the same can be asked again with an
// accident in the midst of any step.

/// One transaction, or one opening, of the store.
package enum StoreStep: Sendable {
    case list([(number: UserNumber, id: UserID)], WallTime)
    case unlist([UserNumber], WallTime)
    case commit([StoreEntry])
    case queue(EditOrder, WallTime)
    case cancel(EditSelection, WallTime)
    case retry(EditSelection, force: Bool, WallTime)
    case ask(ResyncRequest.Kind, [UserNumber]?, WallTime)
    case decide(HeldDecision, WallTime)
    case prune(WallTime, changesUpTo: Int64)

    /// Does it.
    package func perform(on store: SQLiteMirror) async throws {
        switch self {
        case .list(let users, let time): try store.list(users, at: time)
        case .unlist(let users, let time): try store.unlist(users, at: time)
        case .commit(let entries): _ = try await store.commit(entries)
        case .queue(let order, let time):
            do {
                _ = try store.queue(at: time) { try $0.add(order) }
            } catch is EditFault {}
        case .cancel(let selection, let time): _ = try store.cancelEdits(selection, at: time)
        case .retry(let selection, let force, let time):
            _ = try store.retryEdits(selection, force: force, at: time)
        case .ask(let kind, let users, let time): _ = try store.ask(kind, users: users, at: time)
        case .decide(let decision, let time):
            _ = try store.decide(decision, users: nil, at: time)
        case .prune(let time, let revision):
            _ = try await store.prune(before: time, changesUpTo: revision)
        }
    }

    /// For messages.
    package var word: String {
        switch self {
        case .list: "list"
        case .unlist: "unlist"
        case .commit: "commit"
        case .queue: "queue"
        case .cancel: "cancel"
        case .retry: "retry"
        case .ask: "ask"
        case .decide: "decide"
        case .prune: "prune"
        }
    }
}
