import ChatAPI
import ChatModel
import EventLog
import SyncRules

// The cloud as a whole: whether it takes our calls, what it said last, and what `status` tells of it.

extension MirrorEngine {
    /// Takes in how the calls of a pass ended.
    func observe(
        _ observation: CloudHealth.Observation, of job: PassJob, _ failure: CallFailure? = nil
    ) {
        let before = health.state
        if observation == .accepted { settings.endsWhenRefused = false }
        // Silence says nothing about why the app is refused.
        let isSilent = observation == .noAnswer && health.isStopped && health.state != .unreachable
        if let failure, !isSilent { lastFailure = failure }
        let wasInDoubt = health.isInDoubt
        let isOther = health.observe(
            observation, began: job.startedAt, now: parts.time.now())
        if isOther || health.isInDoubt != wasInDoubt { mustReport = true }
        guard isOther else { return }
        switch health.state {
        case .accepting: parts.log(.cloudAccepting(before: before.word))
        case .refused(let code):
            parts.log(
                .cloudRefusing(
                    code: code, problem: failure?.problem ?? "", advice: failure?.advice ?? ""))
        case .unreachable:
            parts.log(
                .cloudUnreachable(
                    problem: failure?.problem ?? "", retryIn: CloudHealth.unreachableProbe))
        case .clockOff(let code):
            parts.log(
                .cloudRefusing(
                    code: code, problem: failure?.problem ?? "", advice: failure?.advice ?? ""))
        case .unknown: break
        }
    }

    /// The state of the cloud in a word, its code and its words, for `status` and for the commands that
    /// ask a daemon. After a reload it is unknown until a call has told.
    package var cloudState: (word: String, code: Int?, problem: String) {
        if health.isInDoubt { return (CloudHealth.State.unknown.word, nil, "") }
        let words = [lastFailure?.description, lastFailure?.advice].compactMap(\.self)
            .filter { !$0.isEmpty }.joined(separator: "; ")
        switch health.state {
        case .refused(let code), .clockOff(let code): return (health.state.word, code, words)
        case .unreachable: return (health.state.word, nil, words)
        case .accepting, .unknown: return (health.state.word, nil, "")
        }
    }

    /// How the daemon is this moment, for `status`, `health` and systemd: what must be visible also
    /// when the database cannot be written.
    package func pulse() async -> Pulse {
        let cloud = cloudState
        return Pulse(
            cloud: cloud.word, cloudProblem: parts.log.redactor.clean(cloud.problem),
            storeProblem: await commits.problem.map(parts.log.redactor.clean),
            clockOffset: parts.cloud.clockOffset)
    }

    /// What the first call came to, in a word; nil while there is none and one is to be made.
    package var readiness: String? {
        // An engine that ends because it is refused was never ready.
        if isRefusedFromTheStart { return nil }
        if health.state != .unknown { return health.state.word }
        if totals.passes > 0 { return "not answering" }
        return schedule.count == 0 ? "not needed: the list of users is empty" : nil
    }

    /// A reload may have mended what the cloud refused.
    func reconsiderCloud() {
        parts.cloud.reconnect()
        health.reconsider(now: parts.time.now())
        mustReport = true
    }
}

extension CloudHealth.State {
    var word: String {
        switch self {
        case .unknown: "unknown"
        case .accepting: "accepting"
        case .refused: "refused"
        case .unreachable: "unreachable"
        case .clockOff: "clock_off"
        }
    }
}

/// How a daemon is at one moment.
package struct Pulse: Hashable, Sendable {
    /// `accepting`, `refused`, `unreachable`, `clock_off` or `unknown`; `starting` before the engine runs.
    package var cloud: String
    package var cloudProblem: String
    /// What the database failed with; nil while it can be written.
    package var storeProblem: String?
    /// By how much this machine's clock is ahead of the cloud's; nil while they agree.
    package var clockOffset: Duration?
    /// The last reload was rejected: the configuration in use is not the one in the file.
    package var isReloadRejected = false

    package init(
        cloud: String, cloudProblem: String = "", storeProblem: String? = nil,
        clockOffset: Duration? = nil, isReloadRejected: Bool = false
    ) {
        self.isReloadRejected = isReloadRejected
        self.cloud = cloud
        self.cloudProblem = cloudProblem
        self.storeProblem = storeProblem
        self.clockOffset = clockOffset
    }

    package static let reloadRejected =
        "the last reload was rejected, the old configuration is in use"

    /// Of a daemon that opens its database and reads its list, which takes as long as they are large.
    package static let starting = Pulse(cloud: "starting")

    /// One line for a person: what is wrong first.
    package var sentence: String {
        var parts: [String] = []
        if let storeProblem { parts.append("the database cannot be written: \(storeProblem)") }
        let problem = cloudProblem.isEmpty ? "" : ": \(cloudProblem)"
        switch cloud {
        case "accepting": parts.append("the cloud accepts calls")
        case "refused": parts.append("the cloud refuses calls\(problem)")
        case "unreachable": parts.append("the cloud cannot be reached\(problem)")
        case "clock_off": parts.append("the clock is off\(problem)")
        case Pulse.starting.cloud: parts.append("the daemon is starting")
        default: parts.append("nothing is known of the cloud yet")
        }
        if let clockOffset, cloud != "clock_off" {
            parts.append("this machine's clock is \(clockOffset.asClockOffset) the cloud's")
        }
        if isReloadRejected { parts.append(Pulse.reloadRejected) }
        return parts.joined(separator: "; ")
    }
}
