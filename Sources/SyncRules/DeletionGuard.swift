import ChatModel

// A cloud that suddenly lists nothing for many users (a plan that ran out, a wrong app, an outage
// that answers "OK") must not empty the mirror. One user that loses everything is normal; a share
// of all of them is not.

/// Watches how many users lose everything and says when their deletions must wait for an operator.
package struct DeletionGuard: Sendable {
    /// How many users may lose everything at once.
    package struct Limits: Hashable, Sendable {
        /// Of the users pulled within the window, those with something to lose: the share that may
        /// lose everything.
        package let share: Double
        /// Fewer emptied users than this never trip the guard.
        package let atLeast: Int
        package let window: Duration

        package init(share: Double, atLeast: Int, window: Duration) {
            self.share = share
            self.atLeast = atLeast
            self.window = window
        }
    }

    /// Whether a user may lose everything.
    package enum Verdict: Hashable, Sendable {
        case delete
        case hold
        /// Hold, and this user is the one that made the guard trip.
        case holdAndTrip
    }

    /// Changed by a reload; what was counted stays.
    package var limits: Limits
    /// True from the trip until `decided`.
    package private(set) var isTripped: Bool
    private var counts: [Count] = []
    /// The slice in which a user last lost everything: one that does so again and again is one.
    private var emptied: [UserNumber: MonotonicTime] = [:]

    /// One slice of the window: a sixtieth, so that old counts leave in small steps.
    private struct Count {
        let start: MonotonicTime
        var pulled = 0
    }

    /// - Parameter isTripped: whether undecided deletions were left by an earlier run.
    package init(limits: Limits, isTripped: Bool = false) {
        self.limits = limits
        self.isTripped = isTripped
    }

    /// Counts a pulled user that had something to lose and kept some of it.
    package mutating func kept(now: MonotonicTime) {
        turn(to: now)
        counts[counts.count - 1].pulled += 1
    }

    /// Counts a user that would lose everything and judges. A user that is held already is not
    /// counted again: ask `isTripped`.
    /// - Parameter others: users that have something to lose, this one left out.
    package mutating func emptied(_ user: UserNumber, now: MonotonicTime, others: Int) -> Verdict {
        turn(to: now)
        counts[counts.count - 1].pulled += 1
        emptied[user] = counts[counts.count - 1].start
        if isTripped { return .hold }
        let (pulled, emptied) = totals(others: others)
        guard emptied >= limits.atLeast, Double(emptied) > Double(pulled) * limits.share else {
            return .delete
        }
        isTripped = true
        return .holdAndTrip
    }

    /// No unapproved deletion is held any more: counting starts again.
    package mutating func decided() {
        isTripped = false
        counts = []
        emptied = [:]
    }

    /// Users with something to lose that were pulled within the window, and those of them that lost
    /// everything. Few users are pulled many times within the window: no more of them are
    /// counted than there are.
    package func totals(others: Int) -> (pulled: Int, emptied: Int) {
        let pulls = counts.reduce(0) { $0 + $1.pulled }
        return (min(pulls, others + emptied.count), emptied.count)
    }

    /// Drops the slices that have left the window and makes sure that the last one is current.
    private mutating func turn(to now: MonotonicTime) {
        if let first = counts.first, first.start + limits.window <= now {
            counts.removeAll { $0.start + limits.window <= now }
            emptied = emptied.filter { $0.value + limits.window > now }
        }
        if let last = counts.last, now < last.start + limits.window / 60 { return }
        counts.append(Count(start: now))
    }
}
