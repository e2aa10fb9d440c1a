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
        let isSilent = observation == .noAnswer && health.isRefused
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
        case .refused(let code): return (health.state.word, code, words)
        case .unreachable: return (health.state.word, nil, words)
        case .accepting, .unknown: return (health.state.word, nil, "")
        }
    }

    /// What the first call came to, in a word; nil while there is none and one is to be made.
    package var readiness: String? {
        if health.state != .unknown { return health.state.word }
        if totals.passes > 0 { return "not answering" }
        return schedule.count == 0 ? "not needed: the list of users is empty" : nil
    }

    /// A reload may have mended what the cloud refused.
    func reconsiderCloud() {
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
        }
    }
}
