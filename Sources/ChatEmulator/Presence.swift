// Who is at a phone. Without a webhook phones change things out of nowhere; with one each change lies in a visit, and
// there are visits without any.

import Glibc

/// What the cloud reports to the app's backend: a user came or went.
package struct PresenceNotice: Hashable, Sendable {
    package let user: String
    package let action: Action

    /// The vendor's words.
    package enum Action: String, Sendable {
        case login = "Login"
        case logout = "Logout"
        /// Without a goodbye: the connection broke.
        case disconnect = "Disconnect"
    }
}

/// The visits of all users, and what comes next in them.
struct Visits: Sendable {
    private var random: SplitMix
    private var steps: [Step] = []
    private var online: Set<Int> = []

    /// A step that lies ahead.
    private struct Step: Sendable {
        let at: Int64
        let user: Int
        let kind: Kind

        enum Kind: Sendable { case change, end }
    }

    /// What happens to a user now.
    enum Event: Sendable {
        case came(Int)
        case changed(Int)
        case went(Int, isCut: Bool)
    }

    /// Ends that are no logout.
    private static let cut = 0.3

    init(seed: UInt64) { random = SplitMix(seed: seed) }

    /// A visit begins, or a user who is there changes something more.
    /// - Parameter length: of an average visit, in nanoseconds.
    mutating func begin(of user: Int, changing: Bool, length: Double, now: Int64) -> [Event] {
        let end = now + Int64(exponential(length)) + 1
        guard online.insert(user).inserted else { return changing ? [.changed(user)] : [] }
        if changing { insert(Step(at: now + (end - now) / 2, user: user, kind: .change)) }
        insert(Step(at: end, user: user, kind: .end))
        return [.came(user)]
    }

    /// What is due, in its order.
    mutating func advance(to now: Int64) -> [Event] {
        var events: [Event] = []
        while let step = steps.last, step.at <= now {
            steps.removeLast()
            switch step.kind {
            case .change: events.append(.changed(step.user))
            case .end:
                online.remove(step.user)
                events.append(.went(step.user, isCut: random.chance() < Self.cut))
            }
        }
        return events
    }

    /// A user picked by chance, from 1 on.
    mutating func anyone(of users: Int) -> Int { 1 + random.below(users) }

    private mutating func exponential(_ mean: Double) -> Double {
        -log(1 - random.chance()) * mean
    }

    /// The next step is the last of the list.
    private mutating func insert(_ step: Step) {
        var (low, high) = (0, steps.count)
        while low < high {
            let middle = (low + high) / 2
            if steps[middle].at > step.at { low = middle + 1 } else { high = middle }
        }
        steps.insert(step, at: low)
    }
}

extension CloudCore {
    /// Begins so many visits with a change, and others without; goes on with those under way.
    /// - Returns: who came and went.
    package func visit(_ count: Int, now: EmulatorTime) -> [PresenceNotice] {
        let users = min(options.users, options.churnUsers ?? options.users)
        guard users > 0 else { return [] }
        let length = options.visitSeconds * 1e9
        var events = visits.advance(to: now.nanoseconds)
        for _ in 0..<count {
            events += visits.begin(
                of: visits.anyone(of: users), changing: true, length: length, now: now.nanoseconds)
            idleVisits += options.idleVisits
            while idleVisits >= 1 {
                idleVisits -= 1
                events += visits.begin(
                    of: visits.anyone(of: users), changing: false, length: length,
                    now: now.nanoseconds)
            }
        }
        return events.compactMap { event in
            switch event {
            case .came(let user):
                return PresenceNotice(user: Population.name(user), action: .login)
            case .changed(let user):
                phoneChange(
                    user: Population.name(user), now: now.seconds + options.clockSkew)
                return nil
            case .went(let user, let isCut):
                return PresenceNotice(
                    user: Population.name(user), action: isCut ? .disconnect : .logout)
            }
        }
    }
}
