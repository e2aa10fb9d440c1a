import ChatModel

// What can go wrong with a call, sorted by what has to happen next. Which of the cloud's codes is
// of which kind stands in FailureTable.swift.

/// The consequence of a failure; each kind has exactly one.
package enum FailureKind: String, CaseIterable, Sendable {
    /// Try this user again after a back-off.
    case transient
    /// Narrow the call window; no attempt is spent.
    case throttled
    /// Sign afresh and try once more.
    case signature
    /// The cloud refuses the app: stop all calls but one probe a minute.
    case refusedApp = "refused_app"
    /// The cloud finds the signature out of date, and this machine's clock is off: keep probing.
    case clockOff = "clock_off"
    /// The cloud will not do what was asked, however often it is asked.
    case rejected
    /// What the request was based on is out of date: pull again.
    case stale
    /// The cloud does not know the user: park it, look daily.
    case notImported = "not_imported"
    /// The program is stopping; nothing was sent.
    case stopping

    /// One sentence for the documentation: what the program does.
    package var consequence: String {
        switch self {
        case .transient: "the user backs off and is tried again; its mirror stays"
        case .throttled: "the command's window narrows and all its senders pause for a second"
        case .signature:
            "a new usersig is made and the call repeated once; refused again, it is `refused_app`"
        case .refusedApp:
            "all calls stop but one probe a minute, loudly; when a write or a look-up is refused, that user backs off"
        case .clockOff:
            "all calls stop but one probe every five seconds, until the clock is right; the daemon never ends for it"
        case .rejected: "the request is not repeated as it is; a pull backs off"
        case .stale: "the user is pulled again"
        case .notImported: "the user is parked and looked at once a day"
        case .stopping: "nothing; the user keeps its turn"
        }
    }
}

/// A call that did not give what was asked for.
package struct CallFailure: Error, Sendable, CustomStringConvertible {
    package let kind: FailureKind
    /// The cloud's code; nil when no reply of the cloud could be read.
    package let code: Int?
    /// What happened, in one line without secrets; may quote the cloud.
    package let problem: String
    /// What usually helps; empty when only time does.
    package let advice: String
    /// True when the failure was one of the network: nothing readable came back.
    package var isWithoutAnswer: Bool { code == nil && kind == .transient }
    /// Whether something came back, readable or not: the connection was not at fault.
    package let isAnswered: Bool
    /// Whether the call may reach the cloud long after this: nothing answered, or a gateway answered
    /// that has given up waiting.
    package let mayStillArrive: Bool
    /// False when it is certain that the cloud has done nothing. Otherwise a write is in doubt: its
    /// effect must be looked for before anything is repeated.
    package let mayHaveTakenEffect: Bool
    /// How long the other side asks to be left alone (`Retry-After`), at most `longestRetryAfter`.
    package let retryAfter: Duration?

    /// A longer wait than five minutes is not believed: the cloud would be left alone for hours because
    /// of one wrong header.
    package static let longestRetryAfter = Duration.seconds(300)

    /// - Parameter mayHaveTakenEffect: when nil, what the kind says: a passing failure of the cloud
    ///   (50004, 50005, 60008, an undocumented code) says nothing about the effect,
    ///   any other is a refusal.
    package init(
        kind: FailureKind, code: Int? = nil, problem: String, advice: String = "",
        isAnswered: Bool = false, mayStillArrive: Bool? = nil, mayHaveTakenEffect: Bool? = nil,
        retryAfter: Duration? = nil
    ) {
        self.kind = kind
        self.code = code
        self.isAnswered = isAnswered || code != nil
        self.mayStillArrive = mayStillArrive ?? !(isAnswered || code != nil)
        self.problem = problem
        self.advice = advice
        self.mayHaveTakenEffect = mayHaveTakenEffect ?? (kind == .transient)
        self.retryAfter = retryAfter.map { min($0, Self.longestRetryAfter) }
    }

    package var description: String {
        code.map { "\(problem) (code \($0))" } ?? problem
    }

    /// The gate closed before the call could leave.
    package static let stopping = CallFailure(
        kind: .stopping, problem: "the program is stopping")
}
