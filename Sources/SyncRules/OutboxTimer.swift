import ChatModel

// Who has edits to be sent, and when they may be sent. Edits that failed wait, each for its own back-off;
// after a write without a clear answer nothing of its user is sent until a listing is conclusive.

/// The users with open edits that the engine can do something about.
package struct OutboxTimer: Sendable {
    /// A time in which some edits are not tried.
    private struct Pause: Sendable {
        let until: MonotonicTime
        let failures: Int
    }

    /// A user with open edits.
    private struct User: Sendable {
        /// Counts what commands have done about the user: a pass that began before the last of it has not
        /// seen everything.
        var revision = 0
        /// The revision that the running or last pass has seen.
        var seen = 0
        /// Pushes in a row that a failure ended.
        var failures = 0
        /// Nothing is sent before.
        var pausedUntil: MonotonicTime?
        var pauses: [EditID: Pause] = [:]
    }

    private var users: [UserNumber: User] = [:]

    /// The cloud gives a call up after 3 s (Cloud.md §3). A write that has not taken effect after 4 s never
    /// will, so a listing is then conclusive.
    package static let settling = Duration.seconds(4)
    /// The second look comes when the times of the cloud, in whole seconds, have moved on.
    package static let secondLook = Duration.seconds(2)

    package init() {}

    /// Whether the user has edits to be sent.
    package func contains(_ user: UserNumber) -> Bool { users[user] != nil }
    package var waiting: [UserNumber] { users.keys.sorted() }

    /// What an earlier process has left.
    /// - Parameter sentAgo: how long ago a write was sent whose outcome is not known; nil when there is
    ///   none. By a calendar that may have been set since, so never longer than a write can take.
    package mutating func open(_ user: UserNumber, sentAgo: Duration?, now: MonotonicTime) {
        var one = User()
        if let sentAgo {
            one.pausedUntil = now + (Self.settling - min(max(.zero, sentAgo), Self.settling))
        }
        users[user] = one
    }

    /// A command has queued, retried or cancelled edits of the user.
    package mutating func changed(_ user: UserNumber) {
        users[user, default: User()].revision += 1
    }

    /// When the user's edits may have their turn: `now` when nothing speaks against it; nil without edits.
    package func turn(of user: UserNumber, now: MonotonicTime) -> MonotonicTime? {
        users[user].map { max($0.pausedUntil ?? now, now) }
    }

    /// Edits that are not tried again yet.
    package func pausedEdits(of user: UserNumber, at now: MonotonicTime) -> Set<EditID> {
        Set((users[user]?.pauses ?? [:]).filter { $0.value.until > now }.keys)
    }

    /// A pass begins.
    /// - Returns: whether it may send the user's edits.
    package mutating func begin(_ user: UserNumber, now: MonotonicTime) -> Bool {
        guard let one = users[user], (one.pausedUntil ?? now) <= now else { return false }
        users[user]?.seen = one.revision
        users[user]?.pausedUntil = nil
        return true
    }

    // MARK: What follows from a push

    /// What is logged about a push.
    package enum Note: Sendable {
        /// Edits wait for a back-off.
        case failed(edits: Int, CallFailure, failures: Int, retryIn: Duration)
        /// What a write did is not known.
        case inDoubt(edits: Int, CallFailure, lookIn: Duration)
    }

    /// When the user is pulled next because of its edits.
    package enum Next: Sendable, Equatable {
        case whenItsTurnComes
        case atOnce
        /// Before other users.
        case at(MonotonicTime)
        /// In turn, but then: what was written is looked at once more.
        case secondLook(MonotonicTime)
    }

    /// Takes in how a pass ended that could send edits; nil when there is nothing to follow.
    /// - Parameters:
    ///   - paused: the edits that were paused when it began.
    ///   - chance: gives a random number, at least 0 and below 1.
    package mutating func pushed(
        _ user: UserNumber, _ push: PushSummary, paused: Set<EditID>, chance: () -> Double,
        now: MonotonicTime
    ) -> (notes: [Note], next: Next)? {
        guard let before = users[user], !push.isSkipped else { return nil }
        var (one, notes): (User, [Note]) = (before, [])
        // What was not paused when the pass began has been tried: it is done, or has failed again.
        one.pauses = one.pauses.filter { paused.contains($0.key) }
        for (edit, failure) in push.paused.sorted(by: { $0.key < $1.key }) {
            let failures = (before.pauses[edit]?.failures ?? 0) + 1
            let span = BackOff.delay(afterFailures: failures, chance: chance())
            one.pauses[edit] = Pause(until: now + span, failures: failures)
            notes.append(.failed(edits: 1, failure, failures: failures, retryIn: span))
        }
        one.failures = push.trouble == nil ? 0 : one.failures + 1
        if let trouble = push.trouble, trouble.failure.kind != .stopping {
            notes.append(Self.stop(&one, after: trouble, chance: chance(), now: now))
        }
        let isMore = one.seen != one.revision || push.isMore
        let next = one.pausedUntil ?? one.pauses.values.map(\.until).min()
        users[user] = isMore || next != nil ? one : nil
        if one.pausedUntil == nil, isMore { return (notes, .atOnce) }
        if let next { return (notes, .at(next)) }
        return (notes, push.calls > 0 ? .secondLook(now + Self.secondLook) : .whenItsTurnComes)
    }

    /// A failure ended the pass: nothing of the user is sent while a write may still take effect. The edits
    /// of that write then wait for their back-off, the others do not.
    private static func stop(
        _ user: inout User, after trouble: PushFailure, chance: Double, now: MonotonicTime
    ) -> Note {
        // A refusal, too, is of the writes alone: the user has just been listed. If it is not, the next
        // listing shows it.
        let span = BackOff.delay(afterFailures: user.failures, chance: chance)
        guard trouble.failure.mayHaveTakenEffect else {
            user.pausedUntil = now + span
            return .failed(
                edits: trouble.edits.count, trouble.failure, failures: user.failures, retryIn: span)
        }
        user.pausedUntil = now + settling
        for edit in trouble.edits {
            user.pauses[edit] = Pause(until: now + max(span, settling), failures: user.failures)
        }
        return .inDoubt(edits: trouble.edits.count, trouble.failure, lookIn: settling)
    }
}
