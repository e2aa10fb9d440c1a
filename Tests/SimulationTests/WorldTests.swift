import Disk
import Simulation
import Testing

@Suite struct PlansOfWorlds {
    @Test func aSeed_isOnePlan() {
        for seed in UInt64(1)...50 {
            let (one, other) = (WorldPlan(seed: seed), WorldPlan(seed: seed))
            #expect(one.users == other.users && one.replay == "make simulate SEED=\(seed)")
        }
    }

    @Test func whatIsLeftOut_isInTheLineThatRepeatsIt() {
        let plan = WorldPlan(seed: 5, without: [.kills, .disk], users: 3)
        #expect(plan.replay == "make simulate SEED=5 USERS=3 WITHOUT=disk,kills")
    }
}
