import ChatModel

/// Where callbacks are taken: on this machine alone, since the token comes in plain text.
package enum ListenAddress: Hashable, Sendable, CustomStringConvertible {
    case loopback(host: String, port: Int)
    case socket(path: String)

    /// `127.0.0.1:8400`, `[::1]:8400`, `localhost:8400`, or the absolute path of a Unix socket; nil for
    /// anything else.
    package init?(_ text: String) {
        if text.hasPrefix("/") {
            self = .socket(path: text)
            return
        }
        guard let colon = text.lastIndex(of: ":"),
            let port = Int(text[text.index(after: colon)...]), (0...65_535).contains(port)
        else { return nil }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        guard host == "localhost" || host == "::1" || Self.isLoopback(host) else { return nil }
        self = .loopback(host: host, port: port)
    }

    /// 127.0.0.0/8
    private static func isLoopback(_ host: String) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    package var description: String {
        switch self {
        case .loopback(let host, let port):
            host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .socket(let path): path
        }
    }
}
