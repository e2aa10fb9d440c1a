import ChatModel
import Freshness
import SyncRules
import Testing

// Every pull of a few users over seven days, as a number. Whoever changes what the schedule chooses finds these tests
// failing, and puts the new numbers here with the reason in the commit; whoever did not mean to has found a fault.

/// Two hundred users, a fifth as many calls as a thousand have in the other tests.
private enum Small {
    static let users = 200
    static let callsPerSecond = 0.04
    static let trace = TrafficTrace(TrafficTrace.Plan(users: users))
    static let busy = TrafficTrace(TrafficTrace.Plan(scale: 8, users: users))

    static func hints(_ change: (inout HintTrace) -> Void = { _ in }) -> [HintTrace.Notice] {
        var hints = HintTrace(HintTrace.Plan(), of: trace)
        change(&hints)
        return hints.notices
    }
}

/// One way to run the schedule.
private enum Way: String, CaseIterable, CustomTestStringConvertible {
    case ordinary, tightLimit, busyUsers, restarted
    case withHints, withChanges, withHintsRestarted, untilHintsCease
    case withEverybodyComingAndGoing, withEverybodySaidToHaveChanged

    var testDescription: String { rawValue }

    var result: FreshnessRun.Result {
        var setup = FreshnessRun.Setup(maxStaleness: .seconds(4 * 3600))
        var trace = Small.trace
        switch self {
        case .ordinary: break
        case .tightLimit: setup.maxStaleness = .seconds(2 * 3600)
        case .busyUsers: trace = Small.busy
        case .restarted: setup.restart = 4
        case .withHints: setup.hints = Small.hints()
        case .withChanges:
            setup.hints = Small.hints { $0.addChanges(of: Small.trace, arriving: 0.9) }
        case .withHintsRestarted:
            setup.hints = Small.hints()
            setup.restart = 4
        case .untilHintsCease:
            let end = TrafficTrace.start + 3 * TrafficTrace.day
            setup.hints = Small.hints().filter { $0.arrival < end }
        case .withEverybodyComingAndGoing:
            setup.hints = Small.hints { $0.add(.reconnections, users: Small.users) }
        case .withEverybodySaidToHaveChanged:
            setup.hints = Small.hints { $0.add(.everybodyHasChanged, users: Small.users) }
        }
        return FreshnessRun.run(
            trace, .expectedStaleness(setup), callsPerSecond: Small.callsPerSecond)
    }

    var digest: UInt64 {
        switch self {
        case .ordinary: 0x5A0F_C1E7_C5CA_3414
        case .tightLimit: 0x69B6_97E0_4044_9521
        case .busyUsers: 0x6476_C332_B222_B14A
        case .restarted: 0x3B37_B050_E0BD_2935
        case .withHints: 0x626E_7456_C6A0_2024
        case .withChanges: 0x02EE_2A35_E57E_2B56
        case .withHintsRestarted: 0x1AD7_B684_2471_BBD4
        case .untilHintsCease: 0xE442_5CFB_E3B6_9C7B
        case .withEverybodyComingAndGoing: 0x675F_C936_34A1_6F23
        case .withEverybodySaidToHaveChanged: 0xD76E_2F44_86EE_9531
        }
    }
}

@Suite struct ThePullsOfSevenDays {
    @Test(arguments: Way.allCases)
    fileprivate func areThoseOfBefore(way: Way) {
        #expect(way.result.digest == way.digest)
    }
}
