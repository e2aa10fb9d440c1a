import ChatModel

// When every call fails for one reason, trying each user in turn only spends their back-off and
// fills the log. Then one call a minute (or every five seconds, when it is the network or the clock)
// finds out whether the reason is gone.

/// Whether the cloud takes our calls at all.
package struct CloudHealth: Sendable {
    /// What the cloud makes of the calls.
    package enum State: Hashable, Sendable {
        case unknown
        case accepting
        /// The cloud refuses the app: a key, an account, a region, a bill. The code says which.
        case refused(code: Int)
        case unreachable
        /// The cloud finds our signatures out of date, for this machine's clock is off.
        case clockOff(code: Int)
    }

    /// How a call ended, as far as the cloud as a whole is concerned.
    package enum Observation: Hashable, Sendable {
        case accepted
        case refused(code: Int)
        case clockOff(code: Int)
        case noAnswer
    }

    package private(set) var state = State.unknown
    /// True from `reconsider` on until a call has ended: the state may be out of date.
    package private(set) var isInDoubt = false
    private var unanswered = 0
    private var nextProbe: MonotonicTime?
    private var reconsideredAt: MonotonicTime?

    /// Calls without an answer, none answered between them, that make the cloud unreachable.
    package static let patience = 20
    package static let refusedProbe = Duration.seconds(60)
    package static let unreachableProbe = Duration.seconds(5)

    package init() {}

    /// Takes in how a call ended; true when the state is another than before.
    /// - Parameter began: when the call began; nil for a moment ago.
    package mutating func observe(
        _ observation: Observation, began: MonotonicTime? = nil, now: MonotonicTime
    ) -> Bool {
        // Ignore refusals of calls that started before `reconsider`: the cause may be fixed since.
        if let began, let reconsideredAt, began < reconsideredAt, observation != .accepted {
            return false
        }
        let before = state
        switch observation {
        case .accepted:
            unanswered = 0
            isInDoubt = false
            state = .accepting
        case .refused(let code):
            isInDoubt = false
            state = .refused(code: code)
            nextProbe = now + Self.refusedProbe
        case .clockOff(let code):
            isInDoubt = false
            state = .clockOff(code: code)
            nextProbe = now + probeInterval
        case .noAnswer:
            unanswered += 1
            // What a cloud says that refuses is known; silence does not change it.
            if unanswered >= Self.patience, !isStopped || state == .unreachable {
                isInDoubt = false
                state = .unreachable
            }
            // Also of a cloud that refused: what it says now is not known.
            if isStopped { nextProbe = now + Self.unreachableProbe }
        }
        return state != before
    }

    /// True when ordinary calls must not be sent.
    package var isStopped: Bool {
        switch state {
        case .refused, .unreachable, .clockOff: true
        case .unknown, .accepting: false
        }
    }

    /// Whether a pass may start at `now`. While the cloud refuses or is silent, one probe may, each
    /// interval.
    package mutating func mayStart(now: MonotonicTime) -> Bool {
        guard isStopped else { return true }
        if let nextProbe, nextProbe > now { return false }
        nextProbe = now + probeInterval
        return true
    }

    /// What may have been the cause was changed: try at once.
    package mutating func reconsider(now: MonotonicTime) {
        reconsideredAt = now
        isInDoubt = isStopped
        nextProbe = nil
    }

    /// Whether the cloud refuses the app.
    package var isRefused: Bool {
        if case .refused = state { true } else { false }
    }

    private var probeInterval: Duration {
        isRefused ? Self.refusedProbe : Self.unreachableProbe
    }
}
