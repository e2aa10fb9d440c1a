import ChatAPI
import ChatEmulator
import ChatModel
import TestSupport
import Testing

/// The body of a request for a page is written by hand.
@Suite struct ARequestForAPage {
    /// All characters that an id may have, and those that JSON has its own spelling for.
    @Test(arguments: ["alice", "a \"b\" c", #"\"#, #"\\""#, "a/b", "{\"x\":1}", "~!@#$%^&*()_+"])
    func namesTheUserAsItIs(id: String) async throws {
        let body = try await body(of: id, from: 4_294_967_295)
        #expect(body["From_Account"]?.string == id)
        #expect(body["StartIndex"]?.number == 4_294_967_295)
    }

    @Test func namesUsersWithEveryPrintableCharacter() async throws {
        for byte in UInt8(0x20)...0x7E {
            let id = "x" + String(decoding: [byte], as: UTF8.self) + "y"
            #expect(try await body(of: id, from: 0)["From_Account"]?.string == id)
        }
    }

    private func body(of id: String, from cursor: Int64) async throws -> JSON {
        let user = try UserID(id)
        let transport = ScriptedCloud(emptyPage)
        let client = try Client(transport)
        try await client.clock.run {
            _ = try await client.cloud.page(
                of: user, from: cursor, known: nil, turn: .wait(.starting))
        }
        return try #require(transport.bodies.first.flatMap(JSON.init(parsing:)))
    }
}
