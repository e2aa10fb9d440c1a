import Testing
import WebhookReceiver

@Suite struct TheTokenOfTheAddress {
    private static let text = "made-up-token-0123456789"

    @Test(arguments: ["", "\n", "  \r\n"])
    func inAFile_mayHaveAnEndOfLine(end: String) throws {
        let token = try #require(WebhookToken(contents: Self.text + end))
        #expect(token.isPath("/" + Self.text))
    }

    @Test(arguments: [
        "", "/", "/made-up-token-012345678", "/made-up-token-01234567890",
        "/made-up-token-0123456788", "/nade-up-token-0123456789", "/MADE-UP-TOKEN-0123456789",
    ])
    func isNothingElse(path: String) throws {
        let token = try #require(WebhookToken(contents: Self.text))
        #expect(!token.isPath(path))
    }

    @Test(arguments: [
        "", "short", "nineteen-characters", "two words of which there are many",
        "made-up-token/0123456789", "made-up-token-0123456789\nand another line",
        String(repeating: "x", count: 201),
    ])
    func thatIsNone_isRefused(contents: String) {
        #expect(WebhookToken(contents: contents) == nil)
    }
}

@Suite struct WhereCallbacksAreTaken {
    @Test(arguments: [
        "127.0.0.1:8400", "127.9.0.1:0", "[::1]:8400", "localhost:65535", "/run/x/webhook.sock",
    ])
    func onThisMachine_isAllowed(text: String) throws {
        let address = try #require(ListenAddress(text))
        #expect("\(address)" == text)
    }

    /// The token comes in plain text.
    @Test(arguments: [
        "0.0.0.0:8400", "[::]:8400", "192.0.2.1:8400", "127.0.0.1", "127.0.0.1:65536",
        "127.0.0:8400", "127.0.0.256:8400", "127.example.org:80", ":8400", "", "8400",
        "webhook.sock", "127.0.0.1:-1",
    ])
    func elsewhere_isRefused(text: String) {
        #expect(ListenAddress(text) == nil)
    }
}
