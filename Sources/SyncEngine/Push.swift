import ChatAPI
import ChatModel
import EventLog
import MirrorStore
import SyncRules

// The acts of sending edits: store what was decided, send one call, take in its answer. Nothing is sent
// before the store says that its edits are being sent, and nothing is decided on an answer that is not
// stored. What is decided, OutboxSession decides.

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
        do {
            return .success(try await store.unsettledEdits(of: job.number))
        } catch {
            return .failure(error)
        }
    }

    /// Groups of the cloud that open edits are about, except those that wait for an operator.
    func groupsMeant(by reading: Result<[Edit], StoreFailure>) -> Set<GroupID> {
        let edits = (try? reading.get()) ?? []
        return Set(
            edits.filter { $0.state.isOpen && $0.blockedBy == nil }
                .flatMap { [$0.operation.group?.id, $0.createdGroup] }
                .compactMap(\.self).filter { $0.maker == nil })
    }

    /// Sends what the edits want and the cloud has not: one call at a time, each planned on what the cloud
    /// has acknowledged so far.
    /// - Parameters:
    ///   - edits: open and rejected ones, ascending.
    ///   - listed: what the cloud has, and what the mirror has once `entry` is stored.
    ///   - entry: of the pull; stored with the first decisions.
    /// - Returns: what became of the edits.
    func send(
        _ edits: [Edit], of job: PassJob, on listed: Snapshot, storing entry: StoreEntry,
        calls: inout Int
    ) async throws -> PushSummary {
        var session = OutboxSession(
            edits, of: job.number, on: listed, policy: job.policy,
            paused: job.paused, at: now)
        var call = try await store([entry], &session)
        while let next = call {
            calls += 1
            do {
                let reply = try await cloud.push(next, of: job.user)
                session.acknowledged(next, cleaned(reply), at: now)
            } catch {
                session.failed(next, error, at: now)
            }
            call = try await store([], &session)
        }
        return session.summary
    }

    /// Stores `entries` with what has happened in the session and what it decides now; the call to make
    /// next. What it decides counts only when no operator has cancelled an edit since they were read.
    private func store(_ entries: [StoreEntry], _ session: inout OutboxSession) async throws
        -> PushCall?
    {
        var entries = entries
        while true {
            entries += Self.entries(session.takeProgress())
            var planned = session
            let isLast =
                session.summary.calls >= Self.mostCalls || session.summary.trouble != nil
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
