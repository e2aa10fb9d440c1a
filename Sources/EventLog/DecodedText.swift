// What a foreign text may say in other spellings. A gateway that quotes the address of a call may do so
// percent-encoded, in the escapes of JSON or of HTML, or in several of them one inside the other.

/// A text as it is and as it reads after each decoding.
enum DecodedText {
    /// More layers than these are not decoded.
    private static let layers = 6

    /// The forms of the text, each decoded once more than the one before, the text itself first.
    static func forms(of text: String) -> [[UInt8]] {
        var forms = [Array(text.utf8)]
        for _ in 0..<layers {
            let next = decoded(forms[forms.count - 1])
            if next == forms[forms.count - 1] { break }
            forms.append(next)
        }
        return forms
    }

    /// `%2A`, `\u002A`, `\x2A`, `&#42;` and `&#x2A;` as the bytes that they stand for.
    private static func decoded(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.contains(where: { $0 == percent || $0 == backslash || $0 == ampersand }) else {
            return bytes
        }
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        var rest = bytes[...]
        while let first = rest.first {
            if let (value, length) = escape(in: rest), (0..<0x80).contains(value) {
                decoded.append(UInt8(value))
                rest = rest.dropFirst(length)
            } else {
                decoded.append(first)
                rest = rest.dropFirst()
            }
        }
        return decoded
    }

    /// The character that an escape at the beginning stands for, and how long the escape is.
    private static func escape(in bytes: ArraySlice<UInt8>) -> (value: Int, length: Int)? {
        switch bytes.first {
        case percent: return number(bytes, skipping: 1, digits: 2).map { ($0, 3) }
        case backslash:
            switch bytes.dropFirst().first {
            case UInt8(ascii: "u"): return number(bytes, skipping: 2, digits: 4).map { ($0, 6) }
            case UInt8(ascii: "x"): return number(bytes, skipping: 2, digits: 2).map { ($0, 4) }
            default: return nil
            }
        case ampersand:
            guard bytes.dropFirst().first == UInt8(ascii: "#"),
                let end = bytes.prefix(10).firstIndex(of: UInt8(ascii: ";"))
            else { return nil }
            let text = bytes[(bytes.startIndex + 2)..<end]
            let isHexadecimal = text.first.map { $0 | 0x20 == UInt8(ascii: "x") } ?? false
            let value = isHexadecimal ? number(text.dropFirst(), 16) : number(text, 10)
            return value.map { ($0, end - bytes.startIndex + 1) }
        default: return nil
        }
    }

    private static func number(_ bytes: ArraySlice<UInt8>, skipping: Int, digits: Int) -> Int? {
        let text = bytes.dropFirst(skipping).prefix(digits)
        return text.count == digits ? number(text, 16) : nil
    }

    /// Digits alone: Swift's own parser takes a sign too.
    private static func number(_ digits: ArraySlice<UInt8>, _ radix: Int) -> Int? {
        let text = String(decoding: digits, as: UTF8.self)
        return text.allSatisfy(\.isHexDigit) ? Int(text, radix: radix) : nil
    }

    private static let percent = UInt8(ascii: "%")
    private static let backslash = UInt8(ascii: "\\")
    private static let ampersand = UInt8(ascii: "&")
}
