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
