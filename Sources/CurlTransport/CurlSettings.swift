/// Where the cloud is and how long to wait for it.
package struct CurlSettings: Sendable {
    /// `https://host[:port]`, or `http://` to this machine only; without a slash at the end.
    package let endpoint: String
    /// From the start of a call to its last byte. The cloud's own limit is 3 s (Cloud.md §3).
    package let timeout: Duration
    /// Connections kept open between calls.
    package let connections: Int
    /// A file of certificates to trust instead of the system's; nil for the system's.
    package let trustedCertificates: String?

    package init(
        endpoint: String, timeout: Duration, connections: Int, trustedCertificates: String?
    ) {
        self.endpoint = endpoint
        self.timeout = timeout
        self.connections = connections
        self.trustedCertificates = trustedCertificates
    }

    var isLoopback: Bool { endpoint.hasPrefix("http://") }

    /// A reply may have as many bytes: 1000 conversations whose marks are all escapes have two
    /// million.
    static let largestReply = 4 << 20
}
