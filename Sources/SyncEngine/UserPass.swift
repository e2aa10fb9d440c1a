import ChatModel
import MirrorStore
import SyncRules

// One pass of one user: bring the mirror up to date, then send the user's edits. Pull, diff, guard, store;
// plan, send, store. This file is the story and holds every branch; what it calls decides nothing about
// order. Until the mirror is written, in one transaction, a failure anywhere leaves it as it was; no edit is
// sent before the store says that it is being sent.

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
            // A listing proves nothing about an edit that was queued after it: the edits are read first.
            // If the store fails, the first call is made all the same, because it has its permit.
            let edits = job.hasEdits ? await push.edits(of: job) : .success([])

            switch try await bringUpToDate(job, edits, calls: &calls) {
            case .asBefore:
                return .unchanged
            case .compared(let changes):
                return .compared(changes)
            case .update(let update) where update.isHeld || !job.mayPush:
                _ = try await commits.commit([update.entry])
                return .changed(update.summary.with(.skipped))
            case .update(let update):
                // What was decided about edits is stored together with what it was decided by.
                let sent = try await push.send(
                    try edits.get(), of: job, on: update.listed, storing: update.entry,
                    calls: &calls)
                return .changed(update.summary.with(sent))
            }
        } catch let failure as PassFailure {
            return .failed(failure)
        } catch let failure as StoreFailure {
            return .storeFailed(failure)
        } catch {
            preconditionFailure("a pass fails with the cloud or with the store, not with \(error)")
        }
    }

    // MARK: The mirror

    /// What a pull means for the mirror.
    private enum Finding {
        /// The listing is the one that the mirror equals, and no edits are to be sent.
        case asBefore
        /// Of a comparison: what differs.
        case compared([Change])
        case update(Update)
    }

    /// What is to be stored of a pull.
    private struct Update {
        let entry: StoreEntry
        let summary: PassSummary
        /// What the cloud has.
        let listed: Snapshot
        /// Deletions are held: what the cloud says of the user is doubted.
        let isHeld: Bool
    }

    private func bringUpToDate(
        _ job: PassJob, _ edits: Result<[Edit], StoreFailure>, calls: inout Int
    ) async throws -> Finding {
        // Pull: a whole, consistent listing, or nothing.
        let pulled = try await pull.listing(
            of: job, wanted: push.groupsMeant(by: edits), calls: &calls)
        if pulled.isAsBefore {
            await deletionHolds.sawNothingLost()
            if !job.mayPush { return .asBefore }
        }

        // Diff: what the cloud says against what the mirror says.
        let stored = try await store.snapshot(of: job.number)
        let listed = pulled.listing?.snapshot ?? stored
        let difference = SnapshotDiff(from: stored, to: listed)
        if job.mode == .compare { return .compared(difference.changes) }
        // Nothing as before: such a listing has no digest to be known by.
        let hasSkipped = pulled.listing.map { $0.skipped > 0 } ?? false
        if listed.isEmpty, stored.isEmpty, !job.mayPush, !job.isFirst, !hasSkipped {
            return .asBefore
        }

        // Guard: what is gone must be gone, and not for too many users at once.
        var verdict = DeletionHolds.Verdict.delete
        if let listing = pulled.listing {
            try await pull.confirm(difference.vanished, from: listing, of: job, calls: &calls)
            verdict = await deletionHolds.judge(job, losing: stored, to: listed, difference)
        }

        // Store: snapshot, changes and what is held, in one transaction.
        let (entry, summary) = entry(
            job, pulled, stored, difference, verdict, try edits.get())
        return .update(
            Update(entry: entry, summary: summary, listed: listed, isHeld: verdict.isHold))
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
                diff: difference, held: nil,
                origins: edits.isEmpty ? [:] : difference.origins(among: edits),
                skipped: listing.skipped)
        case .hold(let deletions, let trip):
            // What is new is stored, what is gone stays until an operator decides. Without a digest, so
            // that the next pull looks again.
            user = PulledUser(
                user: job.number, at: time, digest: nil,
                diff: SnapshotDiff(from: stored, to: stored.extended(by: listing.snapshot)),
                held: deletions, trip: trip, skipped: listing.skipped)
        }
        var summary = PassSummary(
            changes: user.diff.changes.count, of: listing.snapshot, digest: user.digest)
        summary.finding = user.diff.finding(
            at: pull.cloudTime(at: time), isFirst: job.isFirst, without: user.origins)
        summary.held = user.held
        summary.dangling = listing.dangling
        summary.skipped = listing.skipped
        return (.pulled(user), summary)
    }
}
