import SyncRules

/// What an engine is there for. Everything that a one-shot run does differently is asked here.
package enum RunMode: Hashable, Sendable {
    /// Mirror every user of the list until drained.
    case daemon
    /// Serve this request of the operator and end.
    case request(Int64)

    /// Every user of the list has its turn; otherwise only those who are asked for.
    var schedulesEverybody: Bool { self == .daemon }

    /// The state of the process is written for `status`: a command is no daemon.
    var isReported: Bool { self == .daemon }

    /// Whether the request is this process's to serve.
    func serves(_ request: Int64) -> Bool {
        switch self {
        case .daemon: true
        case .request(let only): only == request
        }
    }

    /// Whether the engine ends when the request is done.
    func ends(with request: Int64) -> Bool { self == .request(request) }

    /// Whether the engine ends when calls cannot be made: a daemon goes on trying, except that it ends when
    /// the cloud has never accepted the app and refuses it.
    func ends(in state: CloudHealth.State, wasEverAccepted: Bool) -> Bool {
        switch (self, state) {
        case (.daemon, .refused): !wasEverAccepted
        case (.request, .refused), (.request, .clockOff), (.request, .unreachable): true
        default: false
        }
    }
}
