import ChatModel
import SyncEngine

/// How long a command waits for a daemon that does not go on, and what it says meanwhile.
package struct DaemonPatience: Sendable {
    /// What a waiting command makes of what it sees of the daemon.
    package enum Verdict: Hashable, Sendable {
        case wait
        /// Say what is waited for.
        case say(String)
        case giveUp(String)
    }

    /// Without progress for so long, the command says what it waits for.
    static let untilWords = Duration.seconds(10)
    /// A daemon that has been silent for so long is not waited for.
    static let untilGivenUp = Duration.seconds(60)

    private var since: MonotonicTime
    private var done = -1
    private var said: String?

    package init(since: MonotonicTime) { self.since = since }

    /// Takes in how the daemon is and how many users of the request are done.
    package mutating func look(_ heartbeat: Heartbeat?, done: Int, now: MonotonicTime) -> Verdict {
        if done != self.done {
            self.done = done
            since = now
            said = nil
        }
        // One that has not begun to beat has not been silent for longer than we have looked.
        let silence = heartbeat?.age ?? now - since
        if silence >= Self.untilGivenUp, heartbeat?.isSilent ?? true {
            return .giveUp("has not responded for \(silence.components.seconds) s")
        }
        guard now - since >= Self.untilWords else { return .wait }
        let words =
            heartbeat.map { $0.isSilent ? "it does not respond" : $0.pulse.sentence }
            ?? "it is starting"
        guard words != said else { return .wait }
        said = words
        return .say(words)
    }
}
