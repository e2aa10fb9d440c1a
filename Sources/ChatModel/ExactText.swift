// Text of the cloud, compared byte for byte. Swift's String calls two spellings of one character
// equal ("é" as one scalar or as two); the cloud addresses groups by name and conversations by id,
// and nothing says that it does.

/// A string that equals another only when all their UTF-8 bytes do, and sorts by those bytes.
package struct ExactText: Hashable, Comparable, Sendable, CustomStringConvertible,
    ExpressibleByStringLiteral
{
    package let string: String

    package init(_ string: String) {
        self.string = string
    }

    package init(stringLiteral value: StaticString) {
        self.init(value.description)
    }

    package static let empty = ExactText("")

    package var description: String { string }
    package var isEmpty: Bool { string.isEmpty }

    /// The length that the cloud's limits count: UTF-8 bytes.
    package var byteCount: Int { string.utf8.count }

    package static func == (left: ExactText, right: ExactText) -> Bool {
        // Equal bytes imply equal strings, so the fast comparison of the standard library answers
        // most cases.
        left.string == right.string && left.string.utf8.elementsEqual(right.string.utf8)
    }

    package static func < (left: ExactText, right: ExactText) -> Bool {
        left.string.utf8.lexicographicallyPrecedes(right.string.utf8)
    }
}
