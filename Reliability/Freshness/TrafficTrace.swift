import ChatEmulator
import Glibc

// Ten days of changes that many users make, by a seed: what schedules are compared on. Rates differ widely
// between users, days have hours, changes come in bursts, and users live in ten time zones. The generator
// is portable; its hash says whether two programs made the same trace.

/// When each of many users changed something, and what a pull of each costs.
package struct TrafficTrace: Sendable {
    /// How the users' rates are spread.
    package enum Rates: String, CaseIterable, Sendable {
        case lognormal, pareto, classes
        /// Nearly equal.
        case uniform
    }

    /// What a trace is made from.
    package struct Plan: Sendable {
        package var rates: Rates
        /// Multiplies every rate.
        package var scale: Double
        package var seed: UInt64
        package var users: Int

        package init(
            _ rates: Rates = .lognormal, scale: Double = 1, seed: UInt64 = 1, users: Int
        ) {
            self.rates = rates
            self.scale = scale
            self.seed = seed
            self.users = users
        }
    }

    /// Milliseconds of all: three days that the first pull can see, seven of simulation.
    package static let end: Int = 10 * day
    package static let start: Int = 3 * day
    package static let day = 86_400_000

    package let plan: Plan
    /// All users' changes, each twice its time in milliseconds, and one more if it was made by our own edit.
    private var marks: [UInt32] = []
    /// Where each user's changes begin; one more for the end of the last.
    private var bounds = [0]
    /// By user: calls of a pull.
    package private(set) var costs: [Int] = []
    /// By user: hours east of Greenwich.
    private(set) var zones: [Int] = []

    package init(_ plan: Plan) {
        self.plan = plan
        for user in 0..<plan.users { add(user) }
    }

    package var changes: Int { marks.count }

    /// The positions of a user's changes.
    package func range(of user: Int) -> Range<Int> { bounds[user]..<bounds[user + 1] }

    /// Milliseconds since the begin of the trace.
    package func time(_ position: Int) -> Int { Int(marks[position] >> 1) }

    /// Whether our own edit made the change: the mirror knows of it.
    package func isOwn(_ position: Int) -> Bool { marks[position] & 1 == 1 }

    /// FNV-1a over all changes and costs.
    package var hash: UInt64 {
        var hash = FNV()
        for user in costs.indices {
            for position in range(of: user) { hash.add(UInt64(marks[position])) }
            hash.mix(UInt64(costs[user]))
        }
        return hash.value
    }

    // MARK: One user

    /// Hundredths of the usual traffic, by the hour of the user's day.
    static let profile: [Double] = [
        20, 10, 5, 5, 5, 10, 30, 70, 120, 160, 180, 170, 150, 160, 180, 170, 160, 150, 160, 190,
        200,
        170, 100, 50,
    ]
    static let busiest = 200.0
    static let mean = profile.reduce(0, +) / Double(profile.count)

    /// Whether something that comes at the busiest hour's rate happens at this time of the user's day.
    static func isKept(_ time: Int, zone: Int, _ random: inout TraceRandom) -> Bool {
        let hour = (time / 3_600_000 + zone + 48) % 24
        return random.unit() * busiest < profile[hour]
    }

    /// Milliseconds to the next of what happens `rate` times a day in the busiest hour.
    static func gap(_ rate: Double, _ random: inout TraceRandom) -> Int {
        max(1, random.exponential(Double(day) / (rate * busiest / mean)))
    }

    private mutating func add(_ user: Int) {
        var random = TraceRandom(seed: plan.seed, user: user, step: 0xD134_2543_DE82_EF95)
        let rate = rate(&random)
        // Of a change of habits and of weights, which this trace does not use.
        _ = (self.rate(&random), random.unit(), random.unit())
        let (many, size) = (random.unit(), random.unit())
        costs.append(many < (rate > 1 ? 0.2 : 0.05) ? min(20, Int(2 * pow(size, -0.8))) : 1)
        let zone = [0, 0, 0, 1, 2, -5, -6, -8, 8, 9][Int(10 * random.unit())]
        zones.append(zone)
        var own: [UInt32] = []
        var time = 0
        while true {
            time += Self.gap(rate, &random)
            guard time < Self.end else { break }
            if Self.isKept(time, zone: zone, &random) { addSession(at: time, to: &own, &random) }
        }
        // Twice the time is the main part, so equal times keep the order only within it.
        marks += own.enumerated().sorted {
            ($0.element >> 1, $0.offset) < ($1.element >> 1, $1.offset)
        }.map(\.element)
        bounds.append(marks.count)
    }

    private func addSession(at begin: Int, to own: inout [UInt32], _ random: inout TraceRandom) {
        var time = begin
        while true {
            let isOwn = random.unit() < 0.15
            if time < Self.end { own.append(UInt32(time * 2 + (isOwn ? 1 : 0))) }
            guard random.unit() < 2.0 / 3 else { return }
            time += max(1, random.exponential(90_000))
            // Whether the next change is about another conversation, which matters to no schedule.
            _ = random.unit()
        }
    }

    /// Sessions a day.
    private func rate(_ random: inout TraceRandom) -> Double {
        let rate =
            switch plan.rates {
            case .lognormal: 0.15 * exp(2.2 * random.bell())
            case .pareto: 0.1 * pow(random.unit(), -1 / 0.9)
            case .uniform: 0.5 * exp(0.5 * random.bell())
            case .classes: Self.classRate(random.unit())
            }
        return min(500, max(0.001, rate * plan.scale))
    }

    private static func classRate(_ chance: Double) -> Double {
        chance < 0.8 ? 1.0 / 60 : chance < 0.95 ? 2 : 40
    }
}

/// The random numbers of one user.
struct TraceRandom {
    private var source: SplitMix

    /// - Parameter step: another one for each kind of trace.
    init(seed: UInt64, user: Int, step: UInt64) {
        source = SplitMix(seed: seed ^ (UInt64(user + 1) &* step))
        _ = source.next()
    }

    /// Above 0 and below 1.
    mutating func unit() -> Double {
        (Double(source.next() >> 11) + 0.5) / Double(1 << 53 as UInt64)
    }

    /// Nearly normal, without a library's help: the sum of twelve.
    mutating func bell() -> Double {
        var sum = -6.0
        for _ in 0..<12 { sum += unit() }
        return sum
    }

    /// As uneven as the wishes of people: on average more than 1, mostly less.
    mutating func exponentialOfBell() -> Double { exp(bell() - 0.5) }

    /// A whole number below `mean` times an exponential one.
    mutating func exponential(_ mean: Double) -> Int { Int(-log(unit()) * mean) }
}

/// FNV-1a with 64 bits.
struct FNV {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    /// Takes in eight bytes, the lowest first.
    mutating func add(_ number: UInt64) {
        for shift in stride(from: 0, to: 64, by: 8) { mix(number >> UInt64(shift) & 0xFF) }
    }

    mutating func mix(_ number: UInt64) { value = (value ^ number) &* 0x100_0000_01B3 }
}
