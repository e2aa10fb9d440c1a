import ChatEmulator
import ChatModel
import SyncRules

// What a seed stands for. Each ingredient draws from a generator of its own, so a world without one
// of them is nearly the same world: that is how a failing one is made smaller.

/// What can happen in a world, beside the mirror's ordinary work. Each can be left out.
package enum Ingredient: String, CaseIterable, Sendable {
    case phones, edits, requests, faults, lies, losses, limits, clocks, refusals, reloads, stops,
        kills, powercuts, disk, locks, shuffle, hints
}

/// What goes wrong at one operation on the disk, counted from the beginning of a world.
package struct Accident: Hashable, Sendable {
    package enum Kind: String, CaseIterable, Sendable {
        case kill, powercut, error, errors, full
    }

    package let kind: Kind
    package let operation: Int

    package init(_ kind: Kind, at operation: Int) {
        self.kind = kind
        self.operation = operation
    }
}

/// The parameters of one world.
package struct WorldPlan: Sendable {
    package let seed: UInt64
    package var without: Set<Ingredient>
    package var users: Int
    /// The first so many have phones that change things; what the others end with is known to the
    /// letter.
    package let phoneUsers: Int
    /// How long trouble lasts; then the world goes quiet.
    package var trouble: Duration
    package private(set) var cloud: EmulatorOptions
    /// One way, and by how much longer it may take.
    package let latency: Duration
    package let jitter: Duration
    package let policy: PushPolicy
    package let guardLimits: DeletionGuard.Limits
    package let maxStaleness: Duration
    package let passesAtOnce: Int
    /// Calls of one command within a second.
    package private(set) var limit = 200
    /// Calls of a dead process that may still be under way, as `in_flight` bounds them. With as many
    /// as the limit the next process would be silent for four seconds.
    var inFlight: Int { min(60, max(1, limit / 2)) }
    /// Between two acts of the same kind, on average.
    package let phonePause: Duration
    package let editPause: Duration
    /// Others say who is online or has changed something: in every second world.
    var hasHints: Bool {
        var random = self.random(8)
        return has(.hints) && random.chance() < 0.5
    }
    /// What goes wrong with the disk at one certain operation.
    package var accident: Accident?

    package init(seed: UInt64, without: Set<Ingredient> = [], users: Int? = nil) {
        self.seed = seed
        self.without = without
        var random = SplitMix(seed: seed &* 0x9E37_79B9_7F4A_7C15 ^ 0x5EED)
        _ = random.next()
        let size = random.chance()
        let count =
            switch size {
            case ..<0.70: Int.random(in: 1...4, using: &random)
            case ..<0.95: Int.random(in: 5...12, using: &random)
            case ..<0.995: Int.random(in: 13...40, using: &random)
            default: Int.random(in: 100...200, using: &random)
            }
        self.users = users ?? count
        phoneUsers = min(self.users, (count + Int.random(in: 0...1, using: &random)) / 2)
        let longest = size < 0.95 ? 30 : 12
        trouble = .seconds(Int.random(in: 5...longest, using: &random))
        latency = .milliseconds([0, 2, 10, 30, 80].randomElement(using: &random) ?? 0)
        jitter = .milliseconds([0, 1, 5, 20].randomElement(using: &random) ?? 0)
        policy = PushPolicy(
            conflicts: ConflictPolicy.allCases.randomElement(using: &random) ?? .reject,
            missingGroup: random.chance() < 0.5 ? .reject : .recreate)
        guardLimits = DeletionGuard.Limits(
            share: 0.05, atLeast: random.chance() < 0.5 ? 2 : 20, window: .seconds(600))
        maxStaleness = .seconds([10, 30, 60].randomElement(using: &random) ?? 60)
        let atOnce = [1, 4, 20, 50].randomElement(using: &random) ?? 20
        passesAtOnce = self.users > 5 ? max(4, atOnce) : atOnce
        phonePause = .milliseconds(Int.random(in: 40...3000, using: &random))
        editPause = .milliseconds(Int.random(in: 60...4000, using: &random))
        cloud = WorldPlan.cloud(users: self.users, seed: seed, &random)
        // So many users would hardly ever meet the real limit.
        var draws = self.random(7)
        if draws.chance() < 0.5 {
            limit = max(3, min(200, callsARound / Int.random(in: 1...4, using: &draws)))
        }
        cloud.rate = limit
        if draws.chance() < 0.3 { cloud.duplicateCreate = .refuse }
    }

    private static func cloud(users: Int, seed: UInt64, _ random: inout SplitMix)
        -> EmulatorOptions
    {
        func any<Knob: CaseIterable>(_ knob: Knob.Type, _ random: inout SplitMix) -> Knob {
            guard let value = Array(Knob.allCases).randomElement(using: &random) else {
                preconditionFailure("\(knob) has no case")
            }
            return value
        }
        var options = EmulatorOptions()
        options.users = users
        options.seed = seed
        options.conversations = [0, 1, 3, 8, 15, 40].randomElement(using: &random)
        // At most eight pages: more only take longer.
        let small = max(3, (options.conversations ?? 0) / 8 + 1)
        options.pageSize = [small, small * 2, 100].randomElement(using: &random) ?? 100
        options.groupItems = any(EmulatorOptions.GroupItems.self, &random)
        options.emptyArrays = any(EmulatorOptions.EmptyArrays.self, &random)
        options.lastCursor = any(EmulatorOptions.LastCursor.self, &random)
        options.bare = any(EmulatorOptions.Bare.self, &random)
        options.numbers = any(EmulatorOptions.Numbers.self, &random)
        options.errorDisplay = any(EmulatorOptions.ErrorDisplay.self, &random)
        options.rateCode = random.chance() < 0.5 ? 60007 : 60011
        return options
    }

    /// How long it may take to pull everybody once: pages one after another, so many users at a time,
    /// and never more calls than the limit.
    /// - Parameter calls: what it takes to pull each user.
    func slowestRound(_ calls: [Int]) -> Duration {
        let all = calls.reduce(0, +)
        let inARow = max(calls.max() ?? 0, all / passesAtOnce)
        return max((latency + jitter) * (2 * inARow), .milliseconds(all * 2000 / limit))
    }

    /// What it takes at most to pull everybody once, as the world begins.
    private var callsARound: Int {
        users * min(8, 2 + (cloud.conversations ?? 0) / cloud.pageSize) * 2
    }

    /// A generator for one purpose.
    func random(_ purpose: UInt64) -> SplitMix {
        var random = SplitMix(seed: seed &* 0xD134_2543_DE82_EF95 &+ purpose)
        _ = random.next()
        return random
    }

    func has(_ ingredient: Ingredient) -> Bool { !without.contains(ingredient) }

    /// What an operator types to see this world again.
    package var replay: String {
        var words = ["make simulate SEED=\(seed)"]
        if users != WorldPlan(seed: seed).users { words.append("USERS=\(users)") }
        if !without.isEmpty {
            let names = without.map(\.rawValue).sorted().joined(separator: ",")
            words.append("WITHOUT=\(names)")
        }
        return words.joined(separator: " ")
    }
}
