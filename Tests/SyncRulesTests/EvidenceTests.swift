import ChatModel
import SyncRules
import Testing

private let day = 86_400.0

@Suite struct TheEvidenceOfAUser {
    @Test func isOneChangeADay_asLongAsNothingIsKnown() {
        #expect(abs(Evidence.prior.rate * day - 1) < 1e-6)
        #expect(Evidence.prior.changes == 0.3)
    }

    /// Watched without a change: the seconds count.
    @Test func growsByTheTime_whenAPullFindsNothing() {
        let evidence = Evidence.prior.adding(.unchanged, after: 1000)
        #expect(evidence.changes == 0.3)
        #expect(abs(Double(evidence.watched) - (0.3 * day + 1000)) < 0.1)
    }

    /// Of a day, only the hour since the newest change counts.
    @Test func growsByOneAndByTheAgeOfTheChange_whenAPullFindsOne() {
        let evidence = Evidence.prior.adding(.changed(age: .seconds(3600)), after: day)
        #expect(abs(evidence.changes - 1.3) < 1e-6)
        #expect(abs(Double(evidence.watched) - (0.3 * day + 3600)) < 0.1)
    }

    /// A week counts half: what was above the prior, of both.
    @Test func isForgottenByHalf_inAWeek() {
        let before = Evidence(changes: 10.3, watched: Float(2.3 * day))
        let after = before.adding(.unchanged, after: 7 * day)
        #expect(abs(after.changes - 5.3) < 1e-5)
        #expect(abs(Double(after.watched) - (0.3 + 1 + 7) * day) < 1)
    }

    @Test func countsHalfOfTheTime_forAChangeThatShowsNoTime() {
        let evidence = Evidence.prior.adding(.changed(age: nil), after: 1000)
        #expect(abs(evidence.changes - 1.3) < 1e-3)
        #expect(abs(Double(evidence.watched) - (0.3 * day + 500)) < 1)
    }

    /// A change that a pull finds came after the pull before, whatever the clocks say.
    @Test func countsNoMoreThanTheTimeSinceTheLastPull() {
        let evidence = Evidence.prior.adding(.changed(age: .seconds(5000)), after: 1000)
        #expect(abs(Double(evidence.watched) - (0.3 * day + 1000)) < 1)
    }

    @Test func countsNothing_forAChangeFromTheFuture() {
        let evidence = Evidence.prior.adding(.changed(age: .seconds(-60)), after: 1000)
        #expect(abs(Double(evidence.watched) - 0.3 * day) < 1)
    }

    /// Of a change that is older than the memory it is only known that it is old.
    @Test(arguments: [(5.0, 5.3), (7.0, 7.3), (300.0, 7.3)])
    func countsTheAgeOfTheNewestChange_atTheFirstPull(days: Double, watched: Double) {
        let evidence = Evidence.prior.adding(.changed(age: .seconds(days * day)), after: 0)
        #expect(abs(evidence.changes - 1.3) < 1e-6)
        #expect(abs(Double(evidence.watched) - watched * day) < 1)
        #expect(Evidence.prior.adding(.unchanged, after: 0) == .prior)
    }

    @Test func isMadeFromTheMirror_whenItWasLost() {
        let evidence = Evidence(recent: 4)
        #expect(evidence.changes == 4.3)
        #expect(abs(Double(evidence.watched) - 7.3 * day) < 1)
    }

    /// 200 pulls of a user who changes at random, 20 times a day.
    @Test(arguments: 1...5 as ClosedRange<UInt64>)
    func comesNearTheTruth_inTwoHundredPulls(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let rate = 20 / day
        var evidence = Evidence.prior
        for _ in 0..<200 {
            let span = Double.random(in: 600...7200, using: &random)
            // The time back from the pull to the newest change, of changes without memory.
            let age = -Double.random(in: 1e-9..<1, using: &random).naturalLogarithm / rate
            let finding: PullFinding = age < span ? .changed(age: .seconds(age)) : .unchanged
            evidence = evidence.adding(finding, after: span)
        }
        #expect(evidence.rate > rate / 1.5 && evidence.rate < rate * 1.5)
    }
}

extension Double {
    /// By a series, so that no library has a say.
    fileprivate var naturalLogarithm: Double {
        let ratio = (significand - 1) / (significand + 1)
        var (term, sum, place) = (ratio, 0.0, 1.0)
        while place < 60 {
            sum += term / place
            term *= ratio * ratio
            place += 2
        }
        return 2 * sum + Double(exponent) * 0.693_147_180_559_945_3
    }
}

@Suite struct TheExpectedStaleness {
    /// By hand: after 1000 s with one change in 1000 s: 1000·1/(2+1).
    @Test func isAThirdOfTheTime_whenOneChangeIsExpected() {
        #expect(abs(expectedStaleness(rate: 0.001, after: 1000) - 1000.0 / 3) < 1e-9)
        #expect(abs(chanceOfStaleness(rate: 0.001, after: 1000) - 0.5) < 1e-12)
    }

    @Test func isNothing_rightAfterAPull() {
        #expect(expectedStaleness(rate: 0.001, after: 0) == 0)
        #expect(chanceOfStaleness(rate: 0.001, after: 0) == 0)
    }

    /// Of the exact value, τ - (1 - e^(-λτ))/λ, at one change expected: 1000 - 1000·(1 - 1/e) = 368.
    @Test func isNearTheExactValue() {
        let exact = 1000 / 2.718_281_828_459_045
        #expect(abs(expectedStaleness(rate: 0.001, after: 1000) / exact - 1) < 0.1)
    }
}

@Suite struct AnOutlook {
    private let evidence = Evidence(changes: 2, watched: Float(day))

    /// 2 changes a day, pulled where 100 s are expected: half of λτ² is 100 where τ is nearly 2940 s.
    @Test func saysAtWhichAgeTheCopyIsExpectedToBeAsStaleAsThePriceSays() throws {
        let outlook = PullOutlook(
            evidence: evidence, calls: 1, age: .seconds(600), price: 100, limit: .seconds(14_400))
        let age = try #require(outlook.ageThen)
        #expect(abs(expectedStaleness(rate: evidence.rate, after: age.inSeconds) - 100) < 0.01)
        #expect(age > .seconds(2900) && age < .seconds(3050))
        #expect(!outlook.isAtLimit)
        #expect(abs((outlook.stalenessThen ?? .zero).inSeconds - 100) < 0.01)
        #expect(abs(outlook.chance - 0.0137) < 0.001)
        #expect(abs(outlook.staleness.inSeconds - 4.14) < 0.01)
        #expect(outlook.changesADay.contains(2))
        #expect(
            abs(outlook.changesADay.upperBound / outlook.changesADay.lowerBound - 1.414) < 0.001)
    }

    @Test func ofAUserWhosePullCostsMoreCallsIsLater() throws {
        func age(_ calls: Int) throws -> Duration {
            try #require(
                PullOutlook(
                    evidence: evidence, calls: calls, age: .zero, price: 100,
                    limit: .seconds(14_400)
                ).ageThen)
        }
        #expect(try age(4) > age(1))
        #expect(try age(4) < age(1) * 5 / 2)
    }

    @Test func ofAUserWhoHardlyChangesIsTheLimit() throws {
        let outlook = PullOutlook(
            evidence: Evidence(recent: 0), calls: 1, age: .seconds(60), price: 100,
            limit: .seconds(10_000))
        #expect(outlook.isAtLimit)
        #expect(outlook.ageThen == .seconds(9800))
    }

    @Test func isNotKnown_beforeAnyoneWasPulled() {
        let outlook = PullOutlook(
            evidence: evidence, calls: 1, age: .zero, price: 0, limit: .seconds(10_000))
        #expect(outlook.ageThen == nil && outlook.stalenessThen == nil && !outlook.isAtLimit)
    }
}
