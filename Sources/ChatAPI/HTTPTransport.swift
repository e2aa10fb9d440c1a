/// The door to the network: one POST, one reply. `CurlTransport` is the real one; the tests put the
/// emulator's core behind it. Nothing is repeated by the transport: after a failure nobody knows
/// here whether the server acted.
package protocol HTTPTransport: Sendable {
    /// Posts JSON to `path` (with its query) below the endpoint. Redirects are not followed; a
    /// reply over the size cap is a failure. Returns or throws within the time-out.
    func post(path: String, body: [UInt8]) async throws(TransportFailure) -> HTTPReply
}

/// A whole HTTP reply, whatever its status.
package struct HTTPReply: Sendable {
    package let status: Int
    package let body: [UInt8]

    package init(status: Int, body: [UInt8]) {
        self.status = status
        self.body = body
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
