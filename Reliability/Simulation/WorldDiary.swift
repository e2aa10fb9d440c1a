import ChatModel

/// What happened in a world: a hash over every line, counts, and what went wrong.
package final class WorldDiary: @unchecked Sendable {
    /// FNV-1a over all lines.
    package private(set) var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    package private(set) var counts: [String: Int] = [:]
    package private(set) var problems: [String] = []
    /// Prints every line, for an operator who looks at one world.
    package var isLoud = false

    package init() {}

    /// Something that the outcome depends on.
    func line(_ text: @autoclosure () -> String) {
        let text = text()
        hash = WorldDiary.hash(text.utf8, from: hash)
        if isLoud { print(text, terminator: text.hasSuffix("\n") ? "" : "\n") }
    }

    static func hash(_ bytes: some Sequence<UInt8>, from start: UInt64 = 0xCBF2_9CE4_8422_2325)
        -> UInt64
    {
        bytes.reduce(start) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

    func count(_ what: String, _ number: Int = 1) {
        counts[what, default: 0] += number
    }

    /// An invariant does not hold.
    func problem(_ text: String) {
        line("PROBLEM " + text)
        if problems.count < 20 { problems.append(text) }
    }
}
