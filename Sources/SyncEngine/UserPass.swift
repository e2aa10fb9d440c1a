import ChatModel
import MirrorStore
import SyncRules

// One pass brings one user's mirror up to date and carries the user's edits to the cloud: pull,
// diff, guard, rebase, store, push. This file is the story and holds every branch; what it calls
// decides nothing about order. Until the mirror is written, in one transaction, a failure anywhere
// leaves it as it was; no edit is sent before the store says that it is being sent.

/// The pass of any user. One user has one pass at a time; the caller sees to that.
struct UserPass: Sendable {
    let pull: Pull
    let store: any MirrorStore
    let commits: CommitGroup
    let deletionHolds: DeletionHolds
    let push: Push

    /// Runs the pass to its end; never throws. `calls` counts the calls made, failed ones included.
    func run(_ job: PassJob, calls: inout Int) async -> PassOutcome {
        do {
            // What the cloud said earlier tells nothing about an edit: they are read first. Should the
            // store fail, the first call is made all the same, for it has its permit.
            let reading = await push.edits(of: job)

            // Pull: a whole, consistent listing, or nothing.
            let pulled = try await pull.listing(
                of: job, wanted: push.groupsMeant(by: reading), calls: &calls)
            if pulled.isAsBefore {
                await deletionHolds.sawNothingLost()
                if !job.mayPush { return await unchanged(job) }
            }

            // Diff: what the cloud says against what the mirror says.
            let stored = try await store.snapshot(of: job.number)
            let listed = pulled.listing?.snapshot ?? stored
            let difference = SnapshotDiff(from: stored, to: listed)
            if job.mode == .compare { return .compared(difference.changes) }
            // Nothing as before: such a listing has no digest to be known by.
            let hasSkipped = pulled.listing.map { $0.skipped > 0 } ?? false
            if listed.isEmpty, stored.isEmpty, !job.mayPush, !job.isFirst, !hasSkipped {
                return await unchanged(job)
            }

            // Guard: what is gone must be gone, and not for too many users at once.
            var verdict = DeletionHolds.Verdict.delete
            if let listing = pulled.listing {
                try await pull.confirm(difference.vanished, from: listing, of: job, calls: &calls)
                verdict = await deletionHolds.judge(job, losing: stored, to: listed, difference)
            }

            // EditPlan: the user's edits on what the cloud has now; none while that is doubted, or may
            // still change by what was sent.
            let edits = try reading.get()
            var session = push.session(
                of: job, edits, cloud: listed, mirror: listed,
                isSkipped: verdict.isHold || !job.mayPush)

            // Store: snapshot, changes, what is held and what was decided about edits, in one
            // transaction.
            let (entry, summary) = entry(job, pulled, stored, difference, verdict, edits)
            var call = try await push.store([entry], &session)

            // Push: one call at a time, each planned on what the cloud has acknowledged so far.
            while let next = call {
                calls += 1
                await push.send(next, of: job, &session)
                call = try await push.store([], &session)
            }
            return .changed(summary.with(session.summary))
        } catch let failure as PassFailure {
            return .failed(failure)
        } catch let failure as StoreFailure {
            return .storeFailed(failure)
        } catch {
            preconditionFailure("a pass fails with the cloud or with the store, not with \(error)")
        }
    }

    private func unchanged(_ job: PassJob) async -> PassOutcome {
        await commits.note(job.number, pulledAt: job.startedAt)
        return .unchanged
    }

    /// What the pull gives to be stored, and the pass in numbers.
    private func entry(
        _ job: PassJob, _ pulled: Pulled, _ stored: Snapshot, _ difference: SnapshotDiff,
        _ verdict: DeletionHolds.Verdict, _ edits: [Edit]
    ) -> (StoreEntry, PassSummary) {
        let time = commits.wallTime(of: job.startedAt)
        guard case .listing(let listing, let digest) = pulled else {
            return (
                .unchanged(job.number, at: time),
                PassSummary(changes: 0, of: stored, digest: job.digest)
            )
        }
        let user: PulledUser
        switch verdict {
        case .delete:
            // A digest stands for a mirror that holds something: who has nothing to lose must not
            // count as one who has kept it.
            user = PulledUser(
                user: job.number, at: time, digest: listing.snapshot.isEmpty ? nil : digest,
                diff: difference, held: nil, origins: difference.origins(among: edits),
                skipped: listing.skipped)
        case .hold(let deletions):
            // What is new is stored, what is gone stays until a person decides. Without a digest, so
            // that the next pull looks again.
            user = PulledUser(
                user: job.number, at: time, digest: nil,
                diff: SnapshotDiff(from: stored, to: stored.extended(by: listing.snapshot)),
                held: deletions, skipped: listing.skipped)
        }
        var summary = PassSummary(
            changes: user.diff.changes.count, of: listing.snapshot, digest: user.digest)
        summary.held = user.held
        summary.dangling = listing.dangling
        summary.skipped = listing.skipped
        return (.pulled(user), summary)
    }
}
