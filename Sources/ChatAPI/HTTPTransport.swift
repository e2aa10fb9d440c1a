import ChatModel

/// The door to the network: one POST, one reply. `CurlTransport` is the real one; the tests put the
/// emulator's core behind it. Nothing is repeated by the transport: after a failure it is not known
/// here whether the server acted.
package protocol HTTPTransport: Sendable {
    /// Posts JSON to `path` (with its query) below the endpoint. Redirects are not followed; a
    /// reply over the size cap is a failure. Returns or throws within the time-out.
    func post(path: String, body: [UInt8]) async throws(TransportFailure) -> HTTPReply

    /// Posts that begin from now on use new connections: the name may have another address by now.
    /// Those under way are not touched.
    func reconnect()
}

extension HTTPTransport {
    /// A door without connections has none to renew.
    package func reconnect() {}
}

/// A whole HTTP reply, whatever its status.
package struct HTTPReply: Sendable {
    package let status: Int
    package let body: [UInt8]
    /// What `Retry-After` asks for; nil without it.
    package let retryAfter: Duration?
    /// The server's clock, from `Date`, in whole seconds; nil without it.
    package let date: WallTime?

    package init(
        status: Int, body: [UInt8], retryAfter: Duration? = nil, date: WallTime? = nil
    ) {
        self.status = status
        self.body = body
        self.retryAfter = retryAfter
        self.date = date
    }
}

/// No usable HTTP reply came.
package struct TransportFailure: Error, Sendable {
    /// In words, without the URL: its query holds the usersig.
    package let problem: String
    /// What usually helps; may be empty.
    package let advice: String
    /// False when the request certainly did not reach the server: no connection was made.
    package let mayHaveArrived: Bool

    package init(problem: String, advice: String = "", mayHaveArrived: Bool) {
        self.problem = problem
        self.advice = advice
        self.mayHaveArrived = mayHaveArrived
    }
}
