import CCurl
import ChatAPI
import ChatModel

// Which failures of libcurl leave a call in doubt: a list of what provably happened before a byte was
// sent, and everything else.

extension TransportFailure {
    /// What a transfer that failed means for the call.
    /// - Parameters:
    ///   - code: libcurl's, a `CURLcode`.
    ///   - hasSent: whether bytes of the request may have left. Then the server may have it, whatever
    ///     went wrong afterwards.
    ///   - detail: libcurl's own words.
    ///   - timeout: how long the call was allowed to take.
    package init(
        code: UInt32, hasSent: Bool, detail: String, timeout: Duration, isProxied: Bool
    ) {
        let proxy =
            isProxied ? "calls go through the proxy of https_proxy: look at that too" : ""
        self =
            (hasSent
                ? nil
                : TransportFailure.beforeSending(
                    CURLcode(code), detail, proxy.isEmpty ? "" : "; " + proxy))
            ?? TransportFailure.inDoubt(CURLcode(code), detail, proxy, timeout)
    }

    /// Nil for a failure that is not known to come before.
    private static func beforeSending(_ code: CURLcode, _ detail: String, _ proxy: String)
        -> TransportFailure?
    {
        switch code {
        case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL:
            // libcurl's text quotes the URL, whose query holds the usersig.
            TransportFailure(
                problem: "the endpoint is no URL that can be called",
                advice: "look at app.endpoint", mayHaveArrived: false)
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY:
            TransportFailure(
                problem: "no address was found: \(detail)",
                advice: "look at app.region or app.endpoint, and at this machine's DNS" + proxy,
                mayHaveArrived: false)
        case CURLE_COULDNT_CONNECT:
            TransportFailure(
                problem: "no connection: \(detail)",
                advice: "look at app.endpoint, and at the network between here and there" + proxy,
                mayHaveArrived: false)
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CACERT_BADFILE,
            CURLE_SSL_ISSUER_ERROR:
            TransportFailure(
                problem: "no trusted connection: \(detail)",
                advice: "look at app.endpoint and at this machine's clock and certificates",
                mayHaveArrived: false)
        default: nil
        }
    }

    private static func inDoubt(
        _ code: CURLcode, _ detail: String, _ proxy: String, _ timeout: Duration
    ) -> TransportFailure {
        switch code {
        case CURLE_OPERATION_TIMEDOUT:
            TransportFailure(
                problem: "no answer within \(timeout.inSeconds) s", advice: proxy,
                mayHaveArrived: true)
        case CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY, CURLE_HTTP2:
            TransportFailure(
                problem: "the answer is not HTTP",
                advice: "something in between answers in the cloud's place: look at gateways"
                    + (proxy.isEmpty ? "" : "; " + proxy),
                mayHaveArrived: true)
        default:
            TransportFailure(
                problem: "the connection broke: \(detail)", advice: proxy, mayHaveArrived: true)
        }
    }
}
