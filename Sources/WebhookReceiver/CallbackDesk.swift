import ChatModel
import EventLog
import Synchronization
import SyncRules

/// What came of reading a callback's body.
enum CallbackBody: Hashable, Sendable {
    case whole([UInt8])
    case tooLong
    /// Its sender went away, or sent what is no HTTP.
    case endedEarly
    /// It took too long.
    case late
}

/// Decides what becomes of a request, and counts it. Knows nothing of HTTP but a method, a path and a query.
final class CallbackDesk: Sendable {
    private let token: WebhookToken
    private let app: Int64
    private let log: Log
    private let time: any Timekeeper
    private let pass: @Sendable (HintLine) -> Void
    private let state = Mutex(State())

    private struct State {
        var totals = WebhookTotals()
        /// When each kind of fault, and each command near its limit, was logged last.
        var saidAt: [String: MonotonicTime] = [:]
    }

    /// Time between two lines about the same.
    private static let silence = Duration.seconds(60)
    /// Lines in that time: whoever has the token must not fill the log.
    private static let mostLines = 20
    /// Characters of a command's name that are logged.
    private static let longestName = 64

    /// - Parameters:
    ///   - app: the SDKAppID whose callbacks are meant.
    ///   - pass: takes a hint; must not wait.
    init(
        token: WebhookToken, app: Int64, log: Log, time: any Timekeeper,
        pass: @escaping @Sendable (HintLine) -> Void
    ) {
        self.token = token
        self.app = app
        self.log = log
        self.time = time
        self.pass = pass
    }

    var totals: WebhookTotals { state.withLock { $0.totals } }

    /// Whether a request is to be read; of one without the token it is only known that it came.
    func admits(isPost: Bool, path: some StringProtocol) -> Bool {
        if isPost, token.isPath(path) { return true }
        state.withLock { $0.totals.refused += 1 }
        return false
    }

    /// Takes a callback.
    /// - Parameters:
    ///   - app: `SdkAppid` of the query; nil when there is none.
    func take(app: String?, body: CallbackBody) {
        do throws(CallbackFault) {
            guard app == String(self.app) else {
                throw CallbackFault(
                    app == nil ? "it has no SdkAppid" : "it is of another app (SdkAppid)")
            }
            take(try Callback(try Self.bytes(of: body)))
        } catch {
            complain(error)
        }
    }

    private static func bytes(of body: CallbackBody) throws(CallbackFault) -> [UInt8] {
        switch body {
        case .whole(let bytes): return bytes
        case .tooLong: throw CallbackFault("its body is too long")
        case .endedEarly: throw CallbackFault("it ended before its body did")
        case .late: throw CallbackFault("its body took too long")
        }
    }

    private func take(_ callback: Callback) {
        state.withLock { state in
            switch callback {
            case .presence: state.totals.hints += 1
            case .nearLimit: state.totals.alarms += 1
            case .other: state.totals.others += 1
            }
        }
        switch callback {
        case .presence(let hint): pass(hint)
        case .nearLimit(let command, let calls, let limit):
            let name = String(command.prefix(Self.longestName))
            if isNews("command " + name) {
                log(.callLimitNear(command: name, calls: calls, limit: limit))
            }
        case .other: break
        }
    }

    /// Counts each, and says so once in a while.
    private func complain(_ fault: CallbackFault) {
        state.withLock { $0.totals.faulty += 1 }
        if isNews(fault.description) { log(.callbackUnusable(problem: fault.description)) }
    }

    /// Whether something was not said within the last minute, and there is room for a line.
    private func isNews(_ what: String) -> Bool {
        let now = time.now()
        return state.withLock { state in
            state.saidAt = state.saidAt.filter { now - $0.value < Self.silence }
            guard state.saidAt[what] == nil, state.saidAt.count < Self.mostLines else {
                return false
            }
            state.saidAt[what] = now
            return true
        }
    }
}
