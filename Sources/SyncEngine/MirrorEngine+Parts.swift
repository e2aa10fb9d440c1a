import ChatAPI
import ChatModel
import EventLog
import MirrorStore
import SyncRules

// What an engine is made of, its settings, and how it ends.

extension MirrorEngine {
    /// What the engine works with.
    package struct Parts: Sendable {
        package let cloud: any ConversationCloud
        package let gate: CallGate
        package let counters: CallCounters
        package let store: any MirrorStore
        package let time: any Timekeeper
        package let log: Log
        /// A random number, at least 0 and below 1.
        package let chance: @Sendable () -> Double
        /// What only the process around the engine knows, for the statistics.
        package let process: @Sendable () -> ProcessNumbers

        package init(
            cloud: any ConversationCloud, gate: CallGate, counters: CallCounters,
            store: any MirrorStore, time: any Timekeeper, log: Log,
            chance: @escaping @Sendable () -> Double,
            process: @escaping @Sendable () -> ProcessNumbers = { ProcessNumbers() }
        ) {
            self.process = process
            self.cloud = cloud
            self.gate = gate
            self.counters = counters
            self.store = store
            self.time = time
            self.log = log
            self.chance = chance
        }
    }

    /// What the configuration says about the engine.
    package struct Settings: Sendable {
        package var maxStaleness: Duration
        package var minInterval = Schedule.shortestInterval
        package var passesAtOnce: Int
        /// Conversations that the plan lets a listing return; 0: unknown.
        package var listingCap: Int
        package var guardLimits: DeletionGuard.Limits
        package var pushPolicy = PushPolicy()
        /// How long settled edits and changes are kept; nil for ever.
        package var history: Duration?
        package var mode: RunMode
        /// End when the cloud refuses the app before it has ever accepted a call.
        package var endsWhenRefused: Bool
        package var version: String
        package var pid: Int32

        package init(
            maxStaleness: Duration, passesAtOnce: Int, listingCap: Int,
            guardLimits: DeletionGuard.Limits, mode: RunMode = .daemon,
            endsWhenRefused: Bool = false, version: String = "", pid: Int32 = 0
        ) {
            self.maxStaleness = maxStaleness
            self.passesAtOnce = passesAtOnce
            self.listingCap = listingCap
            self.guardLimits = guardLimits
            self.mode = mode
            self.endsWhenRefused = endsWhenRefused
            self.version = version
            self.pid = pid
        }
    }

    /// Why `run` returned.
    package enum End: Sendable {
        case drained
        case requestDone
        case refused(CallFailure)
        case unreachable(CallFailure)
        case storeUnusable(StoreFailure)
    }
}
