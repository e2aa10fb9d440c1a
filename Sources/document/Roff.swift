// The language of manual pages: lines that begin with a dot are requests, the others are text.

/// A page of the manual while it is written.
struct Roff {
    private(set) var text: String

    /// - Parameters:
    ///   - name: of the page.
    ///   - section: of the manual.
    ///   - summary: a few words, for `apropos`.
    init(_ name: String, section: Int, version: String, summary: String) {
        text = ".TH \(Roff.argument(name.uppercased())) \(section) \"\" \(Roff.argument(version))\n"
        heading("Name")
        line(Roff.escaped(name) + " \\- " + Roff.escaped(summary))
    }

    mutating func heading(_ words: String) {
        text += ".SH \(Roff.argument(words.uppercased()))\n"
    }

    mutating func subheading(_ words: String) { text += ".SS \(Roff.argument(words))\n" }

    mutating func paragraph() { text += ".PP\n" }

    /// A paragraph with a word or more in front of it.
    /// - Parameters:
    ///   - tag: with markup.
    ///   - words: with markup.
    mutating func item(_ tag: String, _ words: String) {
        text += ".TP\n"
        line(tag)
        line(words.isEmpty ? "\\&" : words)
    }

    /// A point of a list.
    /// - Parameter words: with markup.
    mutating func bullet(_ words: String) {
        text += ".IP \\(bu 2\n"
        line(words)
    }

    /// What follows begins a new line.
    mutating func lineBreak() { text += ".br\n" }

    /// Lines as they stand.
    mutating func literal(_ lines: [some StringProtocol]) {
        text += ".PP\n.nf\n.RS 4\n"
        for one in lines { line(Roff.escaped(String(one))) }
        text += ".RE\n.fi\n"
    }

    /// - Parameter words: with markup.
    mutating func line(_ words: String) {
        // A dot or a quote at its beginning would be a request.
        text += (words.hasPrefix(".") || words.hasPrefix("'") ? "\\&" : "") + words + "\n"
    }

    static func bold(_ words: String) -> String { "\\fB\(escaped(words))\\fR" }

    static func italic(_ words: String) -> String { "\\fI\(escaped(words))\\fR" }

    /// Text in which nothing means anything to roff, for terminals that know Unicode.
    static func escaped(_ words: String) -> String {
        var result = ""
        for character in words {
            switch character {
            case "\\": result += "\\e"
            case "-": result += "\\-"
            case "'": result += "\\(aq"
            case "`": result += "\\(ga"
            case "^": result += "\\(ha"
            case "~": result += "\\(ti"
            case "—", "–": result += "\\(en"
            case _ where character.isASCII: result.append(character)
            default:
                for scalar in character.unicodeScalars {
                    let digits = String(scalar.value, radix: 16, uppercase: true)
                    result +=
                        "\\[u" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
                        + "]"
                }
            }
        }
        return result
    }

    private static func argument(_ words: String) -> String {
        "\""
            + escaped(words).split(separator: "\"", omittingEmptySubsequences: false)
            .joined(separator: "\\(dq") + "\""
    }
}
