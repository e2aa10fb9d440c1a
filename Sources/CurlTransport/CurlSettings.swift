import Glibc

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
    /// A connection that is older serves no further call: the name may have another address by now.
    package let longestConnection: Duration

    package init(
        endpoint: String, timeout: Duration, connections: Int, trustedCertificates: String?,
        longestConnection: Duration = .seconds(300)
    ) {
        self.longestConnection = longestConnection
        self.endpoint = endpoint
        self.timeout = timeout
        self.connections = connections
        self.trustedCertificates = trustedCertificates
    }

    /// Whether libcurl takes a proxy from the environment.
    var isProxied: Bool {
        let names = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
        return !isLoopback && names.contains { getenv($0).map { $0[0] != 0 } ?? false }
    }

    var isLoopback: Bool { endpoint.hasPrefix("http://") }

    /// A reply may have as many bytes: 1000 conversations whose marks are all escapes have two
    /// million.
    static let largestReply = 4 << 20
}
