import ChatModel
import HeapModule

// Changes come in bursts: who has just changed something is likely to change more. So a user whose pull found
// a change that is younger than two minutes is looked at once more soon, out of turn. What such looks find
// decides how soon, and they have a share of the calls, so that a flood of changes leaves the others theirs.

/// Second looks at users who have just changed something.
struct FollowUps: Sendable {
    /// A look that is due, unless the user is pulled before.
    private struct Look: Comparable, Sendable {
        let due: MonotonicTime
        let user: UserNumber
        let after: PullTime

        static func < (left: Look, right: Look) -> Bool {
            (left.due, left.user) < (right.due, right.user)
        }
    }

    /// A change older than this calls for no look.
    static let window = Duration.seconds(120)
    private static let shortest = Duration.seconds(30)
    private static let longest = Duration.seconds(3600)
    /// Longer waits find more, shorter ones find it sooner.
    private static let prices = 1.5
    /// How much one look says about the next ones.
    private static let step = 0.01

    private var looks = Heap<Look>()
    /// Of the looks lately, how many found a change.
    private(set) var hitRate = 0.5
    private var share = ShareOfCalls(0.3)

    /// Whether the share of the calls is not used up.
    var mayLook: Bool { share.isLeft }

    /// Books a look.
    /// - Parameters:
    ///   - pulledAt: the user's last pull; after a later one there is no look.
    ///   - price: seconds of expected staleness at which users are pulled now. A look costs a call that would
    ///     have saved as much, and only some looks find anything.
    ///   - interval: the least time between two pulls.
    mutating func book(
        _ user: UserNumber, pulledAt: PullTime, price: Double, interval: Duration,
        now: MonotonicTime
    ) {
        let wait =
            Self.shortest + .seconds(min(Self.prices * price / hitRate, Self.longest.inSeconds))
        let due = now + max(min(wait, Self.longest), interval)
        looks.insert(Look(due: due, user: user, after: pulledAt))
    }

    /// When the next look is due.
    var nextDue: MonotonicTime? { looks.min?.due }

    /// The next user to be looked at; nil when none is due.
    /// - Parameter isStill: whether the user waits for its turn, with this as its last pull.
    mutating func next(now: MonotonicTime, isStill: (UserNumber, PullTime) -> Bool) -> UserNumber? {
        while let look = looks.min, look.due <= now {
            if isStill(look.user, look.after) { return look.user }
            looks.removeMin()
        }
        return nil
    }

    /// The look that `next` gave is made.
    mutating func take() { looks.removeMin() }

    /// Counts calls, of looks or of others.
    mutating func count(calls: Int, ofLook isLook: Bool) { share.count(calls, ofIts: isLook) }

    /// Takes in whether a look found a change.
    mutating func learn(found: Bool) {
        hitRate = max(hitRate + ((found ? 1 : 0) - hitRate) * Self.step, 0.001)
    }
}

/// A part of all calls that something may have. What it does not use is saved up, and what it was given too much
/// is owed, within a thousand calls.
struct ShareOfCalls: Sendable {
    private let share: Double
    private var credit = 0.0
    private static let most = 1000.0

    init(_ share: Double) { self.share = share }

    var isLeft: Bool { credit >= 0 }

    /// Counts calls.
    /// - Parameter isOwn: they are its own.
    mutating func count(_ calls: Int, ofIts isOwn: Bool) {
        let change = Double(calls) * (isOwn ? share - 1 : share)
        credit = min(max(credit + change, -Self.most), Self.most)
    }
}
