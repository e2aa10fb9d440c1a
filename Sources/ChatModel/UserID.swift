/// The account whose conversation groups are mirrored (`From_Account`): 1 to 32 bytes of printable
/// ASCII, compared case-sensitively (Cloud.md §7.1).
package struct UserID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let text: ExactText

    /// Takes `raw` as it stands; nothing is trimmed or folded.
    package init(_ raw: String) throws(MalformedIdentifier) {
        if let fault = UserID.fault(in: Array(raw.utf8)[...]) {
            throw MalformedIdentifier(what: "user id", text: raw, fault: fault)
        }
        text = ExactText(raw)
    }

    /// Takes bytes that `fault(in:)` has found nothing wrong with, as the roster keeps them.
    package init(checkedBytes bytes: some Sequence<UInt8>) {
        text = ExactText(String(decoding: Array(bytes), as: UTF8.self))
    }

    package static let longest = 32

    /// What keeps `bytes` from being a user id, in the operator's words; nil when nothing does. Not
    /// generic: a list of millions passes here, and a generic function of another module is slow.
    package static func fault(in bytes: ArraySlice<UInt8>) -> String? {
        if bytes.isEmpty { return "it is empty" }
        if bytes.count > longest {
            return "it has \(bytes.count) bytes, the cloud allows \(longest)"
        }
        if let byte = bytes.first(where: { $0 < 0x20 || $0 == 0x7F }) {
            return "it holds the control character 0x\(hex(byte))"
        }
        if let byte = bytes.first(where: { $0 > 0x7E }) {
            return "it holds the byte 0x\(hex(byte)), which is not printable ASCII"
        }
        return nil
    }

    /// Only letters, digits, `_` and `-`. Others are allowed, and rare enough to be reported
    /// (Cloud.md §7.1).
    package static func isUsual(_ bytes: ArraySlice<UInt8>) -> Bool {
        bytes.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
    }

    package var string: String { text.string }
    package var description: String { string }

    package static func < (left: UserID, right: UserID) -> Bool { left.text < right.text }

    private static func hex(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16)
        return digits.count == 1 ? "0" + digits : digits
    }
}

/// An identifier that the cloud would not take, or that is not written as this program writes it.
package struct MalformedIdentifier: Error, Hashable, CustomStringConvertible {
    /// What it was meant to be: "user id", "conversation".
    package let what: String
    package let text: String
    /// What is wrong, as the end of the sentence.
    package let fault: String

    package init(what: String, text: String, fault: String) {
        self.what = what
        self.text = text
        self.fault = fault
    }

    package var description: String { "'\(text)' is not a \(what): \(fault)" }
}
