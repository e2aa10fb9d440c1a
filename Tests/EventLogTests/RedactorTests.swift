import EventLog
import Foundation
import TestSupport
import Testing

/// Whatever a gateway makes of the address of a call, no sixteen characters in a row of a secret are left.
@Suite struct ASecretInOtherSpellings {
    /// Made up, in the alphabet of a usersig.
    private static let signature =
        "eJyrVgrxCdYrSy1SslJQMtIzUNJRAItkpqTmlWSmZUIkElNyM-NgUsUp2YkFBZkpQAlDEwMogMqlVhRkFqUCZ*ZMTOCCJ"
        + "Zm5ICFDczTFxZnpIMN9qtLdS73dzXyzPYz9w4KSk7JNMgz8cg1DIow8TCMjMvzK3EwttIONy71dbZVqAe95MQU_"

    private static let encodings: [(name: String, encode: @Sendable (String) -> String)] = [
        ("plain", { $0 }),
        ("percent, some", { percent($0) { "*-_".contains($0) } }),
        ("percent, all", { percent($0) { _ in true } }),
        ("percent, twice", { percent(percent($0) { _ in true }) { _ in true } }),
        ("JSON", { String($0.flatMap { String(format: "\\u%04x", $0.asciiValue ?? 0) }) }),
        ("HTML", { String($0.flatMap { "&#\($0.asciiValue ?? 0);" }) }),
        (
            "HTML, hexadecimal",
            { String($0.flatMap { String(format: "&#x%X;", $0.asciiValue ?? 0) }) }
        ),
        ("broken into lines", { $0.chunked(by: 7).joined(separator: "\n") }),
    ]

    private static func percent(_ text: String, where isEscaped: (Character) -> Bool) -> String {
        String(
            text.flatMap { character in
                isEscaped(character)
                    ? String(format: "%%%02X", character.asciiValue ?? 0) : String(character)
            })
    }

    private func holdsAPiece(_ text: String) -> Bool {
        let secret = Array(Self.signature)
        // Decoded here a second time, in another way.
        var forms = [text, text.filter { !$0.isWhitespace }]
        for _ in 0..<3 {
            forms += forms.map { $0.removingPercentEncoding ?? $0 }
            forms += forms.map { text in
                text.replacing(/\\u00([0-9a-f]{2})|&#x([0-9A-F]{2});|&#([0-9]+);/) { match in
                    let number =
                        (match.1 ?? match.2).flatMap { UInt8($0, radix: 16) }
                        ?? match.3.flatMap { UInt8($0) } ?? 0
                    return String(UnicodeScalar(number))
                }
            }
            forms = Array(Set(forms))
        }
        return (0...(secret.count - 16)).contains { start in
            let piece = String(secret[start..<(start + 16)])
            return forms.contains { $0.contains(piece) }
        }
    }

    @Test(arguments: Self.encodings.map(\.name))
    func cutAnywhere_leavesNothing(name: String) throws {
        let encode = try #require(Self.encodings.first { $0.name == name }).encode
        let redactor = Redactor()
        redactor.add(signature: Self.signature)
        let text = "GET /v4?" + encode("usersig=" + Self.signature) + "&random=1 refused"
        for start in stride(from: 0, to: text.count, by: 13) {
            for length in [20, 40, 90, 200, 5000] {
                let part = String(text.dropFirst(start).prefix(length))
                let clean = redactor.clean(part)
                #expect(!holdsAPiece(clean), "\(name) \(start) \(length): \(clean)")
            }
        }
    }

    @Test func theValueOfUsersig_isMasked_thoughNobodyKnowsIt() {
        let redactor = Redactor()
        #expect(
            redactor.clean("a?UserSig=short*one&random=1") == "a?UserSig=[redacted]&random=1")
        #expect(redactor.clean("a?usersig%3Dshort") == Redactor.dropped)
    }

    @Test func anotherUsersigThatIsEncoded_isKnownByItsShape() {
        let other = "eJ" + String(repeating: "yrVgrx%2DdYrSy1SslJQMt%2Az-_", count: 5)
        #expect(Redactor().clean("refused: \(other)") == Redactor.dropped)
    }

    @Test(arguments: [
        "100 % of users", "50%25 off", "a\\u0041b &#65; C:\\x41", "usersig is malformed",
        "the group '家人' has 100 members & more", "a sign is no digit: %-5 \\x-a &#-5; &#+x; &#x-1;",
        "&#;&#x;%%%\\u\\x\\u12%4", "&#99999999999;",
    ])
    func ordinaryTexts_stayAsTheyAre(text: String) {
        let redactor = Redactor()
        redactor.add(signature: Self.signature)
        #expect(redactor.clean(text) == text)
    }

    @Test func aLongText_isCutAfterItWasMasked() {
        let redactor = Redactor()
        redactor.add(signature: Self.signature)
        let text = String(repeating: "x", count: 234) + " " + Self.signature
        #expect(redactor.cleaned(text) == String(repeating: "x", count: 234) + " [reda")
    }
}

extension String {
    fileprivate func chunked(by length: Int) -> [String] {
        stride(from: 0, to: count, by: length).map { String(dropFirst($0).prefix(length)) }
    }
}
