import ChatModel
import EventLog
import SyncRules

/// Waits for the call window before each call and reports how the call ended. A call that the
/// cloud found too many is repeated: that says nothing about the user. Only one that is refused again and again,
/// however narrow the window has become, fails, so that others have their turn.
package struct LimitedSender: CallSender {
    private let inner: any CallSender
    private let gate: CallGate

    package init(_ inner: any CallSender, gate: CallGate) {
        self.inner = inner
        self.gate = gate
    }

    package func send(_ call: Call) async throws(CallFailure) -> CallReply {
        var permit = try await self.permit(for: call)
        var refusals = 0
        while true {
            do {
                let reply = try await inner.send(call)
                await gate.ended(permit, .replied)
                return reply
            } catch {
                await gate.ended(permit, error.ending)
                guard error.kind == .throttled else {
                    if let pause = error.retryAfter { await gate.pause(permit.command, for: pause) }
                    throw error
                }
                await gate.refused(
                    permit, code: error.code ?? LimitedSender.tooManyRequests,
                    pause: error.retryAfter ?? .zero)
                refusals += 1
                if refusals == Self.mostRefusals { throw error }
            }
            permit = try await self.permit(for: call.again(.pulling))
        }
    }

    /// Each of them is followed by a pause of a second at least.
    package static let mostRefusals = 10

    /// HTTP 429: of a gateway, which has no code of the cloud.
    private static let tooManyRequests = 429

    private func permit(for call: Call) async throws(CallFailure) -> CallPermit {
        switch call.turn {
        case .permitted(let permit): return permit
        case .wait(let urgency):
            do {
                return try await gate.permit(call.command, urgency)
            } catch {
                throw .stopping
            }
        }
    }
}

extension CallFailure {
    /// What the call window has to reckon with.
    fileprivate var ending: CallWindow.Ending {
        if !isWithoutAnswer { return .replied }
        return mayStillArrive ? .lost : .answeredBetween
    }
}

/// Counts calls by command and code, and logs those that failed or were slow.
package struct RecordedSender: CallSender {
    private let inner: any CallSender
    private let counters: CallCounters
    private let time: any Timekeeper
    private let log: Log

    /// A call that takes longer has a line in the log.
    package static let slow = Duration.seconds(1)

    package init(_ inner: any CallSender, counters: CallCounters, time: any Timekeeper, log: Log) {
        self.inner = inner
        self.counters = counters
        self.time = time
        self.log = log
    }

    package func send(_ call: Call) async throws(CallFailure) -> CallReply {
        let start = time.now()
        counters.sent(call.command, at: start)
        do {
            let reply = try await inner.send(call)
            let took = time.now() - start
            counters.ended(call.command, code: "0", took: took)
            let (command, user) = (call.command.rawValue, call.user.string)
            log(
                took > Self.slow
                    ? .callSlow(command: command, user: user, took: took)
                    : .callDone(command: command, user: user, took: took))
            return reply
        } catch {
            let took = time.now() - start
            counters.ended(
                call.command, code: error.code.map(String.init) ?? "network", took: took)
            if error.kind == .throttled { counters.throttled() }
            log(
                .callFailed(
                    command: call.command.rawValue, user: call.user.string,
                    kind: error.kind.rawValue, code: error.code, problem: error.problem,
                    took: took))
            // From here on it may reach a terminal.
            throw error.cleaned(by: log.redactor)
        }
    }
}
