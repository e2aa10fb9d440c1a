import ChatModel
import SyncRules

/// How fresh the copies are expected to be, reckoned from what is known of how often users change.
struct Forecast: Sendable {
    private var users = 0
    private var chances = 0.0

    /// Takes in a user.
    /// - Parameter chance: that its copy lacks a change.
    mutating func add(chance: Double) {
        users += 1
        chances += chance
    }

    /// The share of the users whose copies lack nothing; nil without users.
    var fresh: Double? { users == 0 ? nil : 1 - chances / Double(users) }
}

/// Users whose evidence is to be looked for in the mirror, some at a time: after an upgrade from a version that
/// kept none.
struct LostEvidence: Sendable {
    private var next: UserNumber = 1
    private let last: UserNumber
    private static let atOnce: UserNumber = 1000
    /// What is older says little about now.
    static let window = Duration.seconds(7 * 86_400)

    init(upTo last: UserNumber) { self.last = last }

    /// The next users; nil when all were looked at.
    var users: ClosedRange<UserNumber>? {
        next <= last ? next...min(last, next + Self.atOnce - 1) : nil
    }

    /// The users have been looked at.
    mutating func advance() { next += Self.atOnce }
}

/// Notices when the greatest age that copies may have is out of reach.
struct ReachWatch: Sendable {
    private var isOutOfReach = false

    /// - Returns: whether it has become one or the other since the last look; nil while nothing has changed.
    mutating func look(maxStaleness: Duration, limit: Duration) -> Bool? {
        guard (limit > maxStaleness) != isOutOfReach else { return nil }
        isOutOfReach.toggle()
        return isOutOfReach
    }
}
