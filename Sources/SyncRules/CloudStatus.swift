import ChatModel

/// The cloud as a whole: whether it takes our calls, and what it said last.
package struct CloudStatus: Sendable {
    package private(set) var health = CloudHealth()
    private var lastFailure: CallFailure?
    /// What `status` reports has changed since it was written last.
    private var isNew = false

    package init() {}

    /// Takes in how the calls of a pass ended.
    /// - Parameter began: when the pass began.
    /// - Returns: the state before and now, when it has changed.
    package mutating func observe(
        _ observation: CloudHealth.Observation, began: MonotonicTime, _ failure: CallFailure?,
        now: MonotonicTime
    ) -> (before: CloudHealth.State, now: CloudHealth.State)? {
        let before = health.state
        // Silence says nothing about why the app is refused.
        let isSilent = observation == .noAnswer && health.isStopped && before != .unreachable
        if let failure, !isSilent { lastFailure = failure }
        let wasInDoubt = health.isInDoubt
        let isOther = health.observe(observation, began: began, now: now)
        if isOther || health.isInDoubt != wasInDoubt { isNew = true }
        return isOther ? (before, health.state) : nil
    }

    /// Whether a pass may start: while the cloud refuses or is silent, one probe may, each interval.
    package mutating func mayStart(now: MonotonicTime) -> Bool { health.mayStart(now: now) }

    /// A reload may have fixed what the cloud refused.
    package mutating func reconsider(now: MonotonicTime) {
        health.reconsider(now: now)
        isNew = true
    }

    /// Whether there is something to report, asked once.
    package mutating func takeNews() -> Bool {
        defer { isNew = false }
        return isNew
    }

    /// The state in a word, its code and its words, for `status` and for the commands that ask a daemon.
    /// After a reload it is unknown until a call has ended.
    package var shown: (word: String, code: Int?, problem: String) {
        if health.isInDoubt { return (CloudHealth.State.unknown.word, nil, "") }
        let words = [lastFailure?.description, lastFailure?.advice].compactMap(\.self)
            .filter { !$0.isEmpty }.joined(separator: "; ")
        switch health.state {
        case .refused(let code), .clockOff(let code): return (health.state.word, code, words)
        case .unreachable: return (health.state.word, nil, words)
        case .accepting, .unknown: return (health.state.word, nil, "")
        }
    }
}

extension CloudHealth.State {
    package var word: String {
        switch self {
        case .unknown: "unknown"
        case .accepting: "accepting"
        case .refused: "refused"
        case .unreachable: "unreachable"
        case .clockOff: "clock_off"
        }
    }
}

extension CallFailure {
    /// What a failed pass says about the cloud as a whole; nil when nothing was sent.
    package var observation: CloudHealth.Observation? {
        switch kind {
        case .stopping: nil
        case .refusedApp: .refused(code: code ?? 0)
        case .clockOff: .clockOff(code: code ?? 0)
        case .notImported: .accepted
        case .transient, .throttled, .signature, .rejected, .stale:
            isWithoutAnswer ? .noAnswer : .accepted
        }
    }

    /// What a failed pull means for its user.
    package enum UserCourse: Sendable {
        /// It keeps its turn: the failure is not about the user.
        case keepsItsTurn
        case backsOff
        /// It is left alone for a day.
        case isParked
    }

    package var userCourse: UserCourse {
        switch kind {
        case .stopping, .refusedApp, .clockOff: .keepsItsTurn
        case .notImported: .isParked
        case .transient, .throttled, .signature, .rejected, .stale: .backsOff
        }
    }
}
