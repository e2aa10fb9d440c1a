// The value of pulling a user is the age that its copy is expected to have: the time since the newest
// change that the mirror lacks, averaged over what may have happened. For changes at random with rate λ,
// unseen for τ seconds, that is τ - (1 - e^(-λτ))/λ, nearly τ·λτ/(2 + λτ), which needs no library's help and
// is the same on every machine. To pull whoever's copy is expected to be the stalest keeps the quiet ones
// fresh and shares what is left among the busy ones (Documentation/Decisions/0014-expected-staleness.md).
//
// Within one class the value only grows with τ, so the user pulled longest ago is the best of its class: a
// class is a queue, and a decision compares the heads of the queues.

/// Users with nearly the same rate of changes and cost of a pull: half an octave of each.
struct StalenessClass: Hashable, Sendable {
    /// From 0 up.
    let number: Int

    /// Half octaves of rates, from 2^-40 to 2^8 a second.
    private static let rates = 96
    private static let slowest = -80
    /// Half octaves of costs, from 1 to 255 calls.
    private static let costs = 16
    static let count = rates * costs

    /// - Parameters:
    ///   - rate: changes a second, above 0.
    ///   - calls: of a pull, at least 1.
    init(rate: Double, calls: Int) {
        let speed = min(max(rate.halfOctave - Self.slowest, 0), Self.rates - 1)
        let cost = min(Double(max(calls, 1)).halfOctave, Self.costs - 1)
        number = speed * Self.costs + cost
    }

    init(number: Int) { self.number = number }

    /// Changes a second: the middle of the class.
    private var rate: Double {
        .powerOfRootTwo(number / Self.costs + Self.slowest) * 1.189_207_115_002_721
    }

    /// The rates of the class.
    var changesADay: ClosedRange<Double> {
        let place = number / Self.costs + Self.slowest
        return 86_400 * .powerOfRootTwo(place)...86_400 * .powerOfRootTwo(place + 1)
    }

    /// Calls of a pull: the fewest of the class, exact for one call.
    private var calls: Double { .powerOfRootTwo(number % Self.costs) }

    /// The expected staleness of a user's copy, for each call that a pull of it costs.
    /// - Parameter span: seconds since its last pull, at least 0.
    func value(after span: Double) -> Double {
        let own = Self.values[number]
        return expectedStaleness(rate: own.rate, after: span) * own.perCall
    }

    /// Rate and cost of each class, ready for use.
    private static let values: [(rate: Double, perCall: Double)] = (0..<count).map {
        let own = StalenessClass(number: $0)
        return (own.rate, 1 / own.calls)
    }
}

/// Users who went offline and were not pulled since, with nearly the same chance of a change and cost of a pull.
/// Nothing more happens until their next visit, so to wait gains nothing, and a pull now saves all the time until
/// then: the value grows with the time only as the copy's age does.
struct ChanceClass: Hashable, Sendable {
    /// From 0 up.
    let number: Int

    /// Half octaves of chances, from 2^-24 to 1.
    private static let chances = 48
    private static let costs = 16
    static let count = chances * costs

    /// - Parameter chance: that the copy lacks a change, above 0 and at most 1.
    init(chance: Double, calls: Int) {
        let likelihood = min(max(chance.halfOctave + Self.chances, 0), Self.chances - 1)
        let cost = min(Double(max(calls, 1)).halfOctave, Self.costs - 1)
        number = likelihood * Self.costs + cost
    }

    init(number: Int) { self.number = number }

    /// Whether its users are at least as likely to lack a change.
    func isAsHigh(as other: ChanceClass) -> Bool {
        number / Self.costs >= other.number / Self.costs
    }

    /// Seconds for each call that a pull saves.
    /// - Parameters:
    ///   - span: seconds since half of the visit.
    ///   - absence: seconds until the next visit.
    func value(after span: Double, absence: Double) -> Double {
        Self.perSecond[number] * (absence + span)
    }

    private static let perSecond: [Double] = (0..<count).map { number in
        .powerOfRootTwo(number / costs - chances) * 1.189_207_115_002_721
            / .powerOfRootTwo(number % costs)
    }
}

/// What decides about a user's turn, and so in which queue it stands.
enum TurnClass: Hashable, Sendable {
    /// Not online, as far as is known.
    case quiet(StalenessClass)
    case online(StalenessClass)
    /// It has been online since its last pull.
    case visited(ChanceClass)
}

/// Seconds since the newest change that a copy lacks, as expected.
/// - Parameters:
///   - rate: changes a second.
///   - span: seconds since the pull.
package func expectedStaleness(rate: Double, after span: Double) -> Double {
    let unseen = rate * span
    return span * unseen / (2 + unseen)
}

/// The chance that a copy lacks a change, nearly 1 - e^(-x).
/// - Parameters: as of `expectedStaleness`.
package func chanceOfStaleness(rate: Double, after span: Double) -> Double {
    let unseen = rate * span
    return unseen / (1 + unseen)
}

extension Double {
    /// The whole number below twice the binary logarithm, of a number above 0.
    fileprivate var halfOctave: Int {
        2 * Int(exponent) + (significand >= 1.414_213_562_373_095_1 ? 1 : 0)
    }

    fileprivate static func powerOfRootTwo(_ power: Int) -> Double {
        let octave = power >= 0 ? power / 2 : (power - 1) / 2
        return Double(sign: .plus, exponent: octave, significand: 1)
            * (power == 2 * octave ? 1 : 1.414_213_562_373_095_1)
    }
}
