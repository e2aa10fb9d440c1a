import ChatAPI
import ChatModel
import SyncRules

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

    /// One line for the operator: what is wrong comes first.
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
