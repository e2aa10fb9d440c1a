import ChatAPI
import ChatModel
import EventLog
import MirrorStore
import SyncRules

// The acts of pushing: store what was decided, send one call, take in its answer. Nothing is sent
// before the store says that its edits are being sent, and nothing is decided on an answer that is
// not stored.

/// Sends a user's edits.
struct Push: Sendable {
    let cloud: any ConversationCloud
    let store: any MirrorStore
    let commits: CommitGroup
    /// What the cloud says about edits goes into the database: no secret may be in it.
    let redactor: Redactor

    /// Calls of one pass. After them the user is pulled again: what was listed grows old.
    static let mostCalls = 50

    /// The edits that the pass works on, or why they cannot be read.
    func edits(of job: PassJob) async -> Result<[Edit], StoreFailure> {
        guard job.hasEdits else { return .success([]) }
        do {
            return .success(try await store.unsettledEdits(of: job.number))
        } catch {
            return .failure(error)
        }
    }

    /// Groups of the cloud that open edits are about, those apart that wait for a person.
    func groupsMeant(by reading: Result<[Edit], StoreFailure>) -> Set<GroupID> {
        let edits = (try? reading.get()) ?? []
        return Set(
            edits.filter { $0.state.isOpen && $0.behind == nil }
                .flatMap { [$0.operation.group?.id, $0.made] }
                .compactMap(\.self).filter { $0.maker == nil })
    }

    /// The session of a pass: without edits when they are not to be looked at.
    func session(
        of job: PassJob, _ edits: [Edit], cloud: Snapshot, mirror: Snapshot, isSkipped: Bool
    ) -> OutboxSession {
        OutboxSession(
            isSkipped ? [] : edits, of: job.number, cloud: cloud, mirror: mirror,
            policy: job.policy, paused: job.paused, at: now, isSkipped: isSkipped)
    }

    /// Stores `entries` with what has happened in the session and what it decides now; the call to make
    /// next. What it decides counts only when no person has taken an edit back since they were read.
    func store(_ entries: [StoreEntry], _ session: inout OutboxSession) async throws -> PushCall? {
        var entries = entries
        while true {
            entries += Self.entries(session.takeProgress())
            var planned = session
            let isLast = session.summary.calls >= Self.mostCalls || session.summary.trouble != nil
            let call = planned.plan(at: now, isLast: isLast)
            entries += Self.entries(planned.takeProgress())
            let report = entries.isEmpty ? CommitReport() : try await commits.commit(entries)
            if !report.outdated.contains(session.user) {
                session = planned
                return call
            }
            session.reload(try await store.unsettledEdits(of: session.user))
            entries = []
        }
    }

    /// Mirror first.
    private static func entries(_ progress: OutboxSession.Progress) -> [StoreEntry] {
        progress.pushed.map(StoreEntry.pushed) + (progress.update.map { [.outbox($0)] } ?? [])
    }

    /// Makes the call; its outcome waits in the session to be stored.
    func send(_ call: PushCall, of job: PassJob, _ session: inout OutboxSession) async {
        do {
            let reply = try await cloud.push(call, of: job.user)
            session.acknowledged(call, cleaned(reply), at: now)
        } catch {
            session.failed(call, error, at: now)
        }
    }

    /// A failure comes clean from the sender; what a reply says of single conversations does not.
    private func cleaned(_ reply: PushReply) -> PushReply {
        PushReply(
            group: reply.group,
            results: reply.results.mapValues { refusal in
                refusal.map { Refusal(code: $0.code, words: redactor.cleaned($0.words)) }
            })
    }

    private var now: WallTime { commits.wallNow }
}
