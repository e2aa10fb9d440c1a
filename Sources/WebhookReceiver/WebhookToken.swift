import ChatModel

/// The secret part of the address that the cloud calls: `https://HOST/TOKEN`.
package struct WebhookToken: Sendable {
    private let bytes: [UInt8]

    /// Characters that a token needs to be no guess.
    private static let shortest = 20
    private static let longest = 200

    /// - Parameter contents: of the file that holds it, with or without the end of the line; nil when they
    ///   are no token: too short, too long, or with characters that a URL would have to escape.
    package init?(contents: String) {
        let text = contents.drop(while: \.isWhitespace).dropLast(while: \.isWhitespace)
        guard (Self.shortest...Self.longest).contains(text.utf8.count),
            text.utf8.allSatisfy(Self.isPlain)
        else { return nil }
        bytes = Array(text.utf8)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
            UInt8(ascii: "."), UInt8(ascii: "~"):
            true
        default: false
        }
    }

    /// Whether a path is this token. Takes as long for a wrong one as for the right one, so that its
    /// beginning cannot be found by measuring.
    package func isPath(_ path: some StringProtocol) -> Bool {
        let given = Array(path.utf8.drop { $0 == UInt8(ascii: "/") })
        guard given.count == bytes.count else { return false }
        return zip(given, bytes).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
