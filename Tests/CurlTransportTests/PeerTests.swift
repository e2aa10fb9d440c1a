import CCurl
import Foundation
import MirrorConfiguration
import Testing

/// The configuration decides by its own reading of `app.endpoint` whether a call leaves the machine in
/// clear text; libcurl decides by its own where the call goes.
@Suite struct TheEndpoint {
    /// What the program makes of an endpoint; nil when the configuration refuses it.
    private func accepted(_ endpoint: String) throws -> String? {
        let yaml = """
            app: {sdk_app_id: 1, admin: a, secret_key_file: k, endpoint: '\(endpoint)'}
            users: {list: [u]}
            mirror: {database: m.db}
            """
        return try? MirrorSettings.parse(yaml, file: "test.yaml").endpoint
    }

    /// The host that libcurl would look up or call.
    private func host(_ url: String) -> String? {
        let parsed = curl_url()
        defer { curl_url_cleanup(parsed) }
        var host: UnsafeMutablePointer<CChar>?
        guard curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK,
            curl_url_get(parsed, CURLUPART_HOST, &host, UInt32(CURLU_URLDECODE)) == CURLUE_OK,
            let host
        else { return nil }
        defer { curl_free(host) }
        return String(cString: host)
    }

    private func isLoopback(_ host: String) -> Bool {
        var address = in_addr()
        if inet_pton(AF_INET, host, &address) == 1 {
            return UInt32(bigEndian: address.s_addr) >> 24 == 127
        }
        return host == "localhost" || host == "[::1]"
    }

    private static let oddHosts = [
        "127.0.0.1", "127.1.2.3", "0127.0.0.1", "127.0.0.01", "0x7f.0.0.1", "0x7f000001", "127.1",
        "2130706433", "127.0.0.1.", "+127.+0.+0.+1", "127.0.0.256", "127.0.0.1.example.com",
        "127.example.com", "localhost", "LOCALHOST", "localhost.", "localhost%2eexample.com",
        "host%0d%0aX", "%31%32%37.0.0.1", "127.0.0.1%00.example.com", "127。0。0。1", "①②⑦.0.0.1",
        "[::1]", "[::1%25lo]", "[::ffff:127.0.0.1]", "[0:0:0:0:0:0:0:1]", "[::2]", "[127.0.0.1]",
        "user@127.0.0.1", "127.0.0.1@example.com", "127.0.0.1#@example.com",
        "127.0.0.1\\@example.com",
        "127.0.0.1/@example.com", "127.0.0.1?@example.com", "a b", "", ".", "-", "example.com",
        "xn--e1afmkfd.example", "exämple.com", "8.8.8.8", "010.0.0.1", "1.2.3",
    ]

    @Test(arguments: ["http", "https", "HTTP", "ftp", "file"], oddHosts)
    func whatTheConfigurationAccepts_isWhatLibcurlCalls(scheme: String, odd: String) throws {
        for port in ["", ":9", ":0", ":65536", ":+9", ":09"] {
            let written = "\(scheme)://\(odd)\(port)"
            guard let endpoint = try accepted(written) else { continue }
            let called = try #require(host(endpoint), "libcurl does not take \(endpoint)")
            #expect(
                called.lowercased() == odd.lowercased(),
                "\(written) is read as \(called) by libcurl")
            if endpoint.lowercased().hasPrefix("http:") {
                #expect(isLoopback(called), "\(written) would be called in clear text")
            }
        }
    }

    @Test(arguments: [
        "http://127.0.0.1:9", "http://localhost", "http://[::1]:80", "https://xn--e1afmkfd.example",
        "https://a.example",
    ])
    func anOrdinaryOne_isTaken(endpoint: String) throws {
        #expect(try accepted(endpoint) == endpoint)
    }

    @Test(arguments: [
        "http://0127.0.0.1:9", "http://+127.+0.+0.+1", "https://host%0d%0aX", "http://127.1",
        "http://2130706433", "http://example.com",
    ])
    func oneThatCanBeReadTwoWays_isRefused(endpoint: String) throws {
        #expect(try accepted(endpoint) == nil)
    }
}
