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

private func inTurn(_ trace: TrafficTrace) -> FreshnessRun.Result {
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
        let (one, other) = (run(Traces.lognormal), run(Traces.lognormal))
        #expect(one.digest == other.digest && one.staleShare == other.staleShare)
        #expect(one.digest == 0xFCE4_FCF4_FEDB_E57B)
    }

    /// What is stored is enough.
    @Test func isAsGood_afterARestart() {
        let (whole, restarted) = (run(Traces.lognormal), run(Traces.lognormal, restart: 4))
        #expect(abs(restarted.staleShare / whole.staleShare - 1) < 0.01)
        #expect(restarted.longestGap <= .seconds(4 * 3600))
    }

    @Test func leavesHalfAsManyCopiesStale_asUsersInTurn() {
        let ours = run(Traces.lognormal)
        #expect(ours.staleShare <= 0.55 * inTurn(Traces.lognormal).staleShare)
        #expect(ours.longestGap <= .seconds(4 * 3600))
    }

    @Test func isBetterThanUsersInTurn_whereEverybodyChangesMuch() {
        let ours = run(Traces.busy)
        #expect(ours.staleShare <= 0.80 * inTurn(Traces.busy).staleShare)
        #expect(ours.longestGap <= .seconds(4 * 3600))
    }

    @Test func isBetterThanUsersInTurn_whereAllChangeAsOften() {
        let ours = run(Traces.uniform)
        #expect(ours.staleShare <= 0.90 * inTurn(Traces.uniform).staleShare)
        #expect(ours.longestGap <= .seconds(4 * 3600))
    }

    /// Nobody tells the schedule of changes.
    @Test func isBetterThanUsersInTurn_withoutHearingOfEdits() {
        let ours = run(Traces.lognormal, hearsOfOwnChanges: false)
        #expect(ours.staleShare <= 0.65 * inTurn(Traces.lognormal).staleShare)
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
    private let without = run(Traces.lognormal)

    /// - Returns: the stale copies, as a part of those without hints.
    private func ratio(_ hints: HintTrace, restart: Int? = nil) -> Double {
        let ours = run(Traces.lognormal, restart: restart, hints: hints)
        #expect(ours.longestGap <= .seconds(4 * 3600))
        return ours.staleShare / without.staleShare
    }

    @Test func leaveHalfAsManyCopiesStale() {
        #expect(ratio(hints()) <= 0.52)
    }

    @Test func leaveATwentiethOfThoseWithUsersInTurn_whenTheySayWhoHasChanged() {
        var trace = hints()
        trace.addChanges(of: Traces.lognormal, arriving: 0.9)
        let ours = run(Traces.lognormal, hints: trace)
        #expect(ours.staleShare <= 0.08 * inTurn(Traces.lognormal).staleShare)
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

    @Test func areAsGood_afterARestart() {
        let trace = hints()
        #expect(abs(ratio(trace, restart: 4) / ratio(trace) - 1) < 0.06)
    }

    @Test func leadToTheSamePulls_everyTime() {
        let trace = hints()
        #expect(
            run(Traces.lognormal, hints: trace).digest == run(Traces.lognormal, hints: trace).digest
        )
    }
}
