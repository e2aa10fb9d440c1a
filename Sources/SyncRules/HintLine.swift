import ChatModel

/// A hint as programs write it, a line each: the kind, a space, the user's id, and after a tab, if it is known, when
/// it happened, in milliseconds since 1970 by the cloud's clock. `online customer-0042`.
package struct HintLine: Hashable, Sendable {
    package let kind: Hint
    package let user: UserID
    /// nil: now.
    package let at: WallTime?

    package init(_ kind: Hint, _ user: UserID, at: WallTime? = nil) {
        self.kind = kind
        self.user = user
        self.at = at
    }

    /// Bytes of a line without its end: a kind, an id of 32 bytes and a time fit.
    package static let longest = 128

    /// Reads a line without its end; throws what is wrong with it, in words.
    package init(_ line: ArraySlice<UInt8>) throws(HintFault) {
        guard line.count <= Self.longest else {
            throw HintFault("it has \(line.count) bytes, more than \(Self.longest)")
        }
        let parts = line.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false)
        let words = (parts.first ?? []).split(
            separator: UInt8(ascii: " "), maxSplits: 1, omittingEmptySubsequences: false)
        guard let kind = Hint(rawValue: String(decoding: words.first ?? [], as: UTF8.self)),
            words.count == 2
        else {
            throw HintFault(
                "it must begin with \(Hint.allCases.map(\.rawValue).joined(separator: ", ")), and a space"
            )
        }
        if let fault = UserID.fault(in: words[1]) { throw HintFault("the user's id: \(fault)") }
        self.kind = kind
        user = UserID(checkedBytes: words[1])
        switch parts.count {
        case ...1: at = nil
        case 2:
            let text = String(decoding: parts[1], as: UTF8.self)
            guard let milliseconds = Int64(text), milliseconds > 0 else {
                throw HintFault(
                    "after the tab must stand a time in milliseconds since 1970, not '\(text)'")
            }
            at = WallTime(milliseconds: milliseconds)
        default: throw HintFault("it has more than one tab")
        }
    }

    /// Without the end of the line.
    package var written: String {
        "\(kind.rawValue) \(user)" + (at.map { "\t\($0.milliseconds)" } ?? "")
    }
}

/// What is wrong with a line, in words.
package struct HintFault: Error, Hashable, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}

/// How many hints are taken: a flood costs what it is worth, which is nothing.
package struct HintGate: Sendable {
    /// In a second.
    package static let most = 5000

    private var second: Int64 = .min
    private var taken = 0

    package init() {}

    /// Whether one more may be taken.
    package mutating func admits(now: MonotonicTime) -> Bool {
        let current = now.nanoseconds / 1_000_000_000
        if current != second { (second, taken) = (current, 0) }
        taken += 1
        return taken <= Self.most
    }
}
