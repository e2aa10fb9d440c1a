import ChatModel
import Freshness
import SyncRules
import Testing

// The program's own schedule on an invented trace of changes, beside users in turn with the same calls. A thousand
// users here; `benchmark freshness` has twenty thousand.

private let users = 1000
private let callsPerSecond = 0.2

/// The traces that several tests use, made once.
private enum Traces {
    static let lognormal = TrafficTrace(TrafficTrace.Plan(users: users))
    static let busy = TrafficTrace(TrafficTrace.Plan(scale: 8, users: users))
    static let uniform = TrafficTrace(TrafficTrace.Plan(.uniform, users: users))
}

/// What several tests compare with, run once.
private enum Runs {
    static let inTurn = run(inTurn: Traces.lognormal)
    static let withoutHints = run(Traces.lognormal)
    static let withHints = run(Traces.lognormal, hints: hints())
}

private func run(
    _ trace: TrafficTrace, hours: Int = 4, restart: Int? = nil, hearsOfOwnChanges: Bool = true,
    hints: HintTrace? = nil
) -> FreshnessRun.Result {
    var setup = FreshnessRun.Setup(maxStaleness: .seconds(hours * 3600))
    setup.restart = restart
    setup.hearsOfOwnChanges = hearsOfOwnChanges
    setup.hints = hints?.notices ?? []
    return FreshnessRun.run(trace, .expectedStaleness(setup), callsPerSecond: callsPerSecond)
}

private func run(inTurn trace: TrafficTrace) -> FreshnessRun.Result {
    FreshnessRun.run(trace, .roundRobin, callsPerSecond: callsPerSecond)
}

@Suite struct TheTraceOfChanges {
    /// The hash is that of two other programs.
    @Test func isTheSameEverywhere() {
        #expect(Traces.lognormal.changes == 37_235)
        #expect(Traces.lognormal.hash == 0xD169_B7F3_1ED9_D0CD)
        #expect(Traces.lognormal.costs.reduce(0, +) == 1250)
    }

    @Test func isAnotherOne_withAnotherSeed() {
        let other = TrafficTrace(TrafficTrace.Plan(seed: 2, users: 50))
        #expect(other.hash != TrafficTrace(TrafficTrace.Plan(users: 50)).hash)
    }
}

@Suite struct TheScheduleOnATrace {
    @Test func pullsTheSameUsersAtTheSameTimes_everyTime() {
        let (one, other) = (Runs.withoutHints, run(Traces.lognormal))
        #expect(one.digest == other.digest && one.staleShare == other.staleShare)
        #expect(one.digest == 0xFCE4_FCF4_FEDB_E57B)
    }

    /// What is stored is enough.
    @Test func isAsGood_afterARestart() {
        let (whole, restarted) = (Runs.withoutHints, run(Traces.lognormal, restart: 4))
        #expect(abs(restarted.staleShare / whole.staleShare - 1) < 0.01)
        #expect(restarted.longestGap <= .seconds(4 * 3600))
    }

    @Test func leavesHalfAsManyCopiesStale_asUsersInTurn() {
        let ours = Runs.withoutHints
        #expect(ours.staleShare <= 0.55 * Runs.inTurn.staleShare)
        #expect(ours.longestGap <= .seconds(4 * 3600))
    }

    @Test func isBetterThanUsersInTurn_whereEverybodyChangesMuch() {
        let ours = run(Traces.busy)
        #expect(ours.staleShare <= 0.80 * run(inTurn: Traces.busy).staleShare)
        #expect(ours.longestGap <= .seconds(4 * 3600))
    }

    @Test func isBetterThanUsersInTurn_whereAllChangeAsOften() {
        let ours = run(Traces.uniform)
        #expect(ours.staleShare <= 0.90 * run(inTurn: Traces.uniform).staleShare)
        #expect(ours.longestGap <= .seconds(4 * 3600))
    }

    /// The schedule does not hear of changes.
    @Test func isBetterThanUsersInTurn_withoutHearingOfEdits() {
        let ours = run(Traces.lognormal, hearsOfOwnChanges: false)
        #expect(ours.staleShare <= 0.65 * Runs.inTurn.staleShare)
    }

    @Test func keepsALimitOfAQuarterMoreThanASweep() {
        let sweep = 1250 / callsPerSecond
        let ours = run(Traces.lognormal, hours: 1)
        #expect(ours.longestGap <= .seconds(sweep * 1.25))
    }
}

/// Hints on the trace, made once for each plan.
private func hints(_ change: (inout HintTrace.Plan) -> Void = { _ in }) -> HintTrace {
    var plan = HintTrace.Plan()
    change(&plan)
    return HintTrace(plan, of: Traces.lognormal)
}

@Suite struct TheTraceOfHints {
    /// The hashes are those of two other programs.
    @Test func isTheSameEverywhere() {
        let trace = hints()
        #expect(trace.visits == 53_085 && trace.visitHash == 0x779C_B323_5C94_C6FF)
        #expect(trace.notices.count == 97_243 && trace.noticeHash == 0x7C17_A045_0836_6801)
    }
}

@Suite struct HintsOnATrace {
    /// - Returns: the stale copies, as a part of those without hints.
    private func ratio(_ hints: HintTrace) -> Double {
        let ours = run(Traces.lognormal, hints: hints)
        #expect(ours.longestGap <= .seconds(4 * 3600))
        return ours.staleShare / Runs.withoutHints.staleShare
    }

    @Test func leaveHalfAsManyCopiesStale() {
        #expect(Runs.withHints.staleShare <= 0.52 * Runs.withoutHints.staleShare)
        #expect(Runs.withHints.longestGap <= .seconds(4 * 3600))
    }

    @Test func leaveATwentiethOfThoseWithUsersInTurn_whenTheySayWhoHasChanged() {
        var trace = hints()
        trace.addChanges(of: Traces.lognormal, arriving: 0.9)
        let ours = run(Traces.lognormal, hints: trace)
        #expect(ours.staleShare <= 0.08 * Runs.inTurn.staleShare)
    }

    @Test func help_thoughAThirdIsLost() {
        #expect(ratio(hints { $0.lost = 0.3 }) <= 0.70)
    }

    @Test func doNoHarm_whenNearlyAllAreLost() {
        let ratio = ratio(hints { $0.lost = 0.95 })
        #expect(ratio > 0.95 && ratio < 1.05)
    }

    @Test func doNoHarm_whenEverybodyIsAlwaysOnline() {
        let ratio = ratio(hints { $0.always = 1 })
        #expect(ratio > 0.95 && ratio < 1.05)
    }

    /// Those of other users: nothing that they say is true.
    @Test func doHardlyAnyHarm_whenTheyAreAboutOthers() {
        let others = TrafficTrace(TrafficTrace.Plan(seed: 2, users: users))
        #expect(ratio(HintTrace(HintTrace.Plan(seed: 2), of: others)) <= 1.1)
    }

    /// Another program forges hints by the thousand for two days: what they cost is bounded, and the limit holds.
    @Test(arguments: HintTrace.Flood.allCases)
    func thatAreForged_costABoundedPart(flood: HintTrace.Flood) {
        var trace = hints()
        trace.add(flood, users: users)
        let ours = run(Traces.lognormal, hints: trace)
        #expect(ours.longestGap <= .seconds(4 * 3600))
        #expect(ours.staleShare <= 1.15 * Runs.withoutHints.staleShare)
        #expect(ours.staleShare <= 0.65 * Runs.inTurn.staleShare)
    }

    @Test func areAsGood_afterARestart() {
        let restarted = run(Traces.lognormal, restart: 4, hints: hints())
        #expect(abs(restarted.staleShare / Runs.withHints.staleShare - 1) < 0.06)
    }

    @Test func leadToTheSamePulls_everyTime() {
        let trace = hints()
        #expect(
            run(Traces.lognormal, hints: trace).digest == run(Traces.lognormal, hints: trace).digest
        )
    }
}
