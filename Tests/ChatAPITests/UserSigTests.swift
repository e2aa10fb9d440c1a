import ChatAPI
import ChatModel
import EventLog
import TestSupport
import Testing

@Suite struct AUserSig {
    /// Cloud.md §5, the two vectors; the keys are made up.
    @Test(arguments: [
        (
            Int64(1_400_000_000), String(repeating: "0123456789abcdef", count: 4), "admin",
            Int64(86_400), Int64(1_700_000_000), "LzgGuKG6MkH3OVRcbk4h0Nm1TX2H5YXhNvF58+S3wKE="
        ),
        (
            88_888_888, "made-up-key-for-tests-only", "administrator", 15_552_000, 1_767_225_600,
            "Uxf3tnpNUEE0ZJj2JCqtxXsnvnXTaC+9xpdVk35u8FU="
        ),
    ])
    func aUserSigIsSignedAsTheVendorSigns(
        app: Int64, key: String, identifier: String, expire: Int64, time: Int64, signature: String
    ) throws {
        let usersig = UserSig(
            sdkAppID: app, identifier: identifier, time: WallTime(seconds: time),
            lifetime: .seconds(expire))
        #expect(usersig.signature(key: try SecretKey(contents: key)) == signature)
    }

    @Test func inAURL_itNeedsNoEscaping() throws {
        let text = try UserSig(
            sdkAppID: 1, identifier: "admin", time: WallTime(seconds: 1), lifetime: .seconds(1)
        ).text(key: try SecretKey(contents: "made-up-key"))
        let isPlain = text.utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "*"), UInt8(ascii: "-"),
                UInt8(ascii: "_"):
                true
            default: false
            }
        }
        #expect(isPlain)
        #expect(text.hasPrefix("eJ"))
    }
}

@Suite struct TheSigner {
    private let clock = TestClock()
    private let recorder = LogRecorder()

    private func signer() throws -> Signer {
        Signer(
            sdkAppID: 1, admin: "admin", key: try SecretKey(contents: "made-up-key-1"), time: clock,
            log: recorder.log(clock))
    }

    @Test func atHalfItsLife_theUserSigIsRenewed() throws {
        let signer = try signer()
        let first = try signer.usersig()
        clock.advance(by: .seconds(12 * 3600 - 1))
        #expect(try signer.usersig() == first)
        clock.advance(by: .seconds(1))
        #expect(try signer.usersig() != first)
        #expect(recorder.lines(of: "signature_renewed").count == 1)
    }

    @Test func theSignerWithTheClockSetBack_itIsMadeAgain() throws {
        let signer = try signer()
        let first = try signer.usersig()
        clock.setBack(by: .seconds(60))
        #expect(try signer.usersig() != first)
    }

    @Test func refusedByManyCallsAtOnce_itIsRenewedOnce() throws {
        let signer = try signer()
        let first = try signer.usersig()
        clock.advance(by: .seconds(5))
        for _ in 0..<10 { try signer.renew(refused: first, code: 70001) }
        #expect(recorder.lines(of: "signature_renewed").count == 1)
        #expect(try signer.usersig() != first)
    }

    @Test func theSignerWithANewKey_itSignsAgain() throws {
        let signer = try signer()
        let first = try signer.usersig()
        #expect(try !signer.replace(key: SecretKey(contents: "made-up-key-1")))
        #expect(try signer.replace(key: SecretKey(contents: "made-up-key-2")))
        #expect(try signer.usersig() != first)
    }

    @Test func neitherKeyNorUserSig_isEverPrinted() throws {
        let signer = try signer()
        let usersig = try signer.usersig()
        let key = try SecretKey(contents: "made-up-key-1")
        let log = recorder.log(clock)
        log.redactor.add(signature: usersig)
        log(.configurationRejected(problem: "\(key) \(String(reflecting: key)) \(usersig)"))
        var dumped = ""
        dump(key, to: &dumped)
        #expect(!(recorder.lines.joined() + dumped).contains("made-up-key-1"))
        #expect(!recorder.lines.joined().contains(usersig))
    }
}

@Suite struct ASecretKey {
    @Test(arguments: [
        ("", "it is empty"), (" \n", "it is empty"),
        ("two words", "it has more than one word; it must hold the key alone"),
        ("clé", "it holds bytes that are not printable ASCII"),
        (String(repeating: "k", count: 300), "it has 300 bytes; a key has 64 or so"),
    ])
    func aSecretKeyThatIsNone_isRefusedWithoutQuotingIt(contents: String, fault: String) {
        let error = #expect(throws: MalformedKey.self) { try SecretKey(contents: contents) }
        #expect(error?.fault == fault)
    }

    @Test func aLineFeedAtTheEnd_doesNotMatter() throws {
        #expect(try SecretKey(contents: "made-up\n").forbiddenText == "made-up")
    }
}
