import ChatAPI
import ChatModel
import EventLog
import SyncRules

// What passes say about the cloud as a whole, and what is reported of it.

extension MirrorEngine {
    /// Takes in how the calls of a pass ended.
    func observe(
        _ observation: CloudHealth.Observation, of job: PassJob, _ failure: CallFailure? = nil
    ) {
        if observation == .accepted { settings.endsWhenRefused = false }
        let change = cloud.observe(
            observation, began: job.startedAt, failure, now: parts.time.now())
        guard let change else { return }
        let (problem, advice) = (failure?.problem ?? "", failure?.advice ?? "")
        switch change.now {
        case .accepting: parts.log(.cloudAccepting(before: change.before.word))
        case .refused(let code), .clockOff(let code):
            parts.log(.cloudRefusing(code: code, problem: problem, advice: advice))
        case .unreachable:
            parts.log(
                .cloudUnreachable(problem: problem, retryIn: CloudHealth.unreachableProbe))
        case .unknown: break
        }
    }

    /// How the daemon is this moment, for `status`, `health` and systemd: what must be visible also
    /// when the database cannot be written.
    package func pulse() async -> Pulse {
        let cloud = cloud.shown
        return Pulse(
            cloud: cloud.word, cloudProblem: parts.log.redactor.clean(cloud.problem),
            storeProblem: await commits.problem.map(parts.log.redactor.clean),
            clockOffset: parts.cloud.clockOffset)
    }

    /// What the first call came to, in a word; nil while there is none and one is to be made.
    package var readiness: String? {
        // An engine that ends because it is refused was never ready.
        if isRefusedFromTheStart { return nil }
        if cloud.health.state != .unknown { return cloud.health.state.word }
        if totals.passes > 0 { return "not answering" }
        return schedule.count == 0 ? "not needed: the list of users is empty" : nil
    }

    /// A reload may have fixed what the cloud refused.
    func reconsiderCloud() {
        parts.cloud.reconnect()
        cloud.reconsider(now: parts.time.now())
    }
}
