/// The 64 standard marks of a conversation, bit n being mark n: the lower 32 are Tencent's, the
/// upper 32 the app's (Cloud.md §1.10).
package struct StandardMark: Hashable, Sendable, CustomStringConvertible {
    package let bits: UInt64

    package init(bits: UInt64) { self.bits = bits }

    package static let none = StandardMark(bits: 0)

    /// Reads the wire's binary digits, the rightmost being bit 0; leading zeros are usual. Nil for
    /// any other character and for a one beyond bit 63.
    package init?(binary text: String) {
        var bits: UInt64 = 0
        for digit in text.utf8 {
            guard digit == UInt8(ascii: "0") || digit == UInt8(ascii: "1"),
                bits.leadingZeroBitCount > 0
            else { return nil }
            bits = bits << 1 | UInt64(digit & 1)
        }
        self.bits = bits
    }

    /// The bits as one decimal number: how the mirror, the exports and the log write a standard
    /// mark.
    package var description: String { String(bits) }
}

// MARK: Names

extension StandardMark {
    /// Tencent's names for its own bits (Cloud.md §1.10).
    private static let vendorNames = [(0, "star"), (1, "unread"), (2, "fold"), (3, "hide")]

    /// A bit as people read it: `star`, or `bit 40` where Tencent has no name for it.
    private static func name(of bit: Int) -> String {
        vendorNames.first { $0.0 == bit }?.1 ?? "bit \(bit)"
    }

    /// The bits that are set, as people read them: `star, bit 40`; `none`.
    package var names: String {
        numbers.isEmpty ? "none" : numbers.map(Self.name).joined(separator: ", ")
    }

    /// The number of a bit that is written as a number from 0 to 63 or by its name; nil for anything else.
    package static func bit(written text: some StringProtocol) -> Int? {
        if let named = vendorNames.first(where: { $0.1 == text })?.0 { return named }
        let digits = text.hasPrefix("bit ") ? text.dropFirst(4) : text[...]
        return Int(digits).flatMap { (0...63).contains($0) ? $0 : nil }
    }
}
