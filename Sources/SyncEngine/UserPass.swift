import ChatModel
import MirrorStore
import SyncRules

// One pass brings one user's mirror up to date: pull, diff, guard, store. This file is the story
// and holds every branch; what it calls decides nothing about order. Until the mirror is written in
// the last step, in one transaction, a failure anywhere leaves it as it was.

/// The pass of any user. One user has one pass at a time; the caller sees to that.
struct UserPass: Sendable {
    let pull: Pull
    let store: any MirrorStore
    let commits: CommitGroup
    let guardian: Guardian

    /// Runs the pass to its end; never throws. `calls` counts the calls made, failed ones included.
    func run(_ job: PassJob, calls: inout Int) async -> PassOutcome {
        do {
            // Pull: a whole, consistent listing, or nothing.
            guard
                case .listing(let listing, let digest) = try await pull.listing(
                    of: job, calls: &calls)
            else { return await unchanged(job) }

            // Diff: what the cloud says against what the mirror says.
            let stored = try await store.snapshot(of: job.number)
            let difference = SnapshotDiff(from: stored, to: listing.snapshot)
            if job.mode == .compare { return .compared(difference.changes) }

            // Guard: what is gone must be gone, and not for too many users at once.
            try await pull.confirm(difference.vanished, from: listing, of: job, calls: &calls)
            let verdict = await guardian.judge(job, losing: stored, to: listing.snapshot)

            // Store: snapshot, changes and what is held, in one transaction.
            let pulled =
                switch verdict {
                case .delete: upToDate(job, difference, digest)
                case .hold: holdingDeletions(job, stored, listing.snapshot, difference)
                }
            try await commits.commit(.pulled(pulled))
            return .changed(summary(of: pulled, listing))
        } catch let failure as PassFailure {
            return .failed(failure)
        } catch let failure as StoreFailure {
            return .storeFailed(failure)
        } catch {
            preconditionFailure("a pass fails with the cloud or with the store, not with \(error)")
        }
    }

    private func unchanged(_ job: PassJob) async -> PassOutcome {
        guard job.mode == .store else { return .compared([]) }
        await guardian.sawNothingLost()
        await commits.note(job.number, pulledAt: job.startedAt)
        return .unchanged
    }

    private func upToDate(_ job: PassJob, _ difference: SnapshotDiff, _ digest: Digest)
        -> PulledUser
    {
        PulledUser(
            user: job.number, at: commits.wallTime(of: job.startedAt), digest: digest,
            diff: difference, held: nil)
    }

    /// What is new is stored, what is gone stays until a person decides. Without a digest, so that
    /// the next pull looks again.
    private func holdingDeletions(
        _ job: PassJob, _ stored: Snapshot, _ listed: Snapshot, _ difference: SnapshotDiff
    ) -> PulledUser {
        let gone = HeldDeletions(
            groups: difference.changes.count { $0.kind == .groupDeleted },
            conversations: difference.vanished.count)
        return PulledUser(
            user: job.number, at: commits.wallTime(of: job.startedAt), digest: nil,
            diff: SnapshotDiff(from: stored, to: stored.extended(by: listed)), held: gone)
    }

    private func summary(of pulled: PulledUser, _ listing: Listing) -> PassSummary {
        PassSummary(
            changes: pulled.diff.changes.count,
            conversations: listing.snapshot.conversations.count,
            groups: listing.snapshot.groups.count, digest: pulled.digest, held: pulled.held,
            dangling: listing.dangling)
    }
}
