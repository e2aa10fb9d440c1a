import ChatModel

/// When and why a user is pulled next, as far as nothing happens in between: for people who ask.
package struct PullOutlook: Sendable {
    /// What is known of how often the user changes.
    package let evidence: Evidence
    /// Of the last pull.
    package let calls: Int
    /// Of the copy now.
    package let age: Duration
    /// Changes a day of the users among whom it has its turn.
    package let changesADay: ClosedRange<Double>
    /// The time since the newest change that the copy lacks, as expected.
    package let staleness: Duration
    /// That the copy lacks a change.
    package let chance: Double
    /// The expected staleness at which the user is pulled; nil where that is not known.
    package let stalenessThen: Duration?
    /// The age of the copy at which the user is pulled; nil where that is not known.
    package let ageThen: Duration?
    /// Whether the limit decides that, and not the price.
    package let isAtLimit: Bool

    /// - Parameters:
    ///   - price: seconds of expected staleness, for each call, at which users are pulled; 0 where that is not
    ///     known.
    ///   - limit: no user goes unpulled for longer.
    package init(
        evidence: Evidence, calls: Int, age: Duration, price: Double, limit: Duration
    ) {
        self.evidence = evidence
        self.calls = calls
        self.age = age
        let rate = evidence.rate
        changesADay = StalenessClass(rate: rate, calls: calls).changesADay
        let span = max(age, .zero).inSeconds
        staleness = .seconds(expectedStaleness(rate: rate, after: span))
        chance = chanceOfStaleness(rate: rate, after: span)
        guard price > 0, limit > .zero else {
            (stalenessThen, ageThen, isAtLimit) = (nil, nil, false)
            return
        }
        // The span after which the expected staleness is what a pull must bring: of span·λ·span/(2 + λ·span) =
        // wanted the positive solution.
        let wanted = price * Double(calls)
        let part = wanted * rate
        let fair = (part + (part * part + 8 * part).squareRoot()) / (2 * rate)
        let most = (limit * Heads.hundredthsOfTheLimit / 100).inSeconds
        isAtLimit = fair > most
        ageThen = .seconds(min(fair, most))
        stalenessThen = .seconds(expectedStaleness(rate: rate, after: min(fair, most)))
    }
}
