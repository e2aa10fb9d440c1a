import ChatModel
import EventLog
import Synchronization
import SyncRules

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
        var complainedAt: MonotonicTime?
    }

    /// A request with the right token is read; of any other it is only known that it came.
    enum Admission {
        case refused
        case read
    }

    /// Time between two lines about callbacks that cannot be used.
    private static let silence = Duration.seconds(60)

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

    func admission(isPost: Bool, path: some StringProtocol) -> Admission {
        guard isPost, token.isPath(path) else {
            state.withLock { $0.totals.refused += 1 }
            return .refused
        }
        return .read
    }

    /// Takes a callback.
    /// - Parameters:
    ///   - app: `SdkAppid` of the query; nil when there is none.
    ///   - body: nil when it was longer than is read.
    func take(app: String?, body: [UInt8]?) {
        do throws(CallbackFault) {
            guard app == String(self.app) else {
                throw CallbackFault(
                    app == nil ? "it has no SdkAppid" : "it is of another app (SdkAppid)")
            }
            guard let body else { throw CallbackFault("its body is too long") }
            take(try Callback(body))
        } catch {
            complain(error)
        }
    }

    private func take(_ callback: Callback) {
        state.withLock { state in
            state.totals.callbacks += 1
            switch callback {
            case .presence: state.totals.hints += 1
            case .nearLimit: state.totals.alarms += 1
            case .other: state.totals.others += 1
            }
        }
        switch callback {
        case .presence(let hint): pass(hint)
        case .nearLimit(let command, let calls, let limit):
            log(.callLimitNear(command: command, calls: calls, limit: limit))
        case .other: break
        }
    }

    /// Counts each, and says so once in a while.
    private func complain(_ fault: CallbackFault) {
        let now = time.now()
        let isNews = state.withLock { state in
            state.totals.faulty += 1
            if let last = state.complainedAt, now - last < Self.silence { return false }
            state.complainedAt = now
            return true
        }
        if isNews { log(.callbackUnusable(problem: fault.description)) }
    }
}
