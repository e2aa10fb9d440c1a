import Foundation

// As much of Markdown as the project's own documents use: headings, paragraphs, lists, tables, code, links.

extension Roff {
    /// Adds a document; its first heading is the page's own and is left out.
    mutating func add(markdown: String) {
        var lines = markdown.components(separatedBy: "\n")[...]
        while let line = lines.popFirst() {
            if line.hasPrefix("# ") || line.trimmingCharacters(in: .whitespaces).isEmpty {
                continue
            }
            if line.hasPrefix("## ") {
                let words = Roff.plain(String(line.dropFirst(3)))
                // A name stays as it is written.
                if line.contains("`") { subheading(words) } else { heading(words) }
            } else if line.hasPrefix("### ") {
                subheading(Roff.plain(String(line.dropFirst(4))))
            } else if line.hasPrefix("```") {
                literal(Array(lines.prefix { !$0.hasPrefix("```") }))
                lines = lines.drop { !$0.hasPrefix("```") }.dropFirst()
            } else if line.hasPrefix("|") {
                let rows = [line] + lines.prefix { $0.hasPrefix("|") }
                lines = lines.drop { $0.hasPrefix("|") }
                table(rows)
            } else {
                let rest = lines.prefix(while: Roff.continues)
                lines = lines.dropFirst(rest.count)
                let words = ([line] + rest).map { $0.trimmingCharacters(in: .whitespaces) }
                    .joined(separator: " ")
                if words.hasPrefix("- ") {
                    bullet(Roff.marked(String(words.dropFirst(2))))
                } else {
                    paragraph()
                    self.line(Roff.marked(words))
                }
            }
        }
    }

    private static func continues(_ line: String) -> Bool {
        !line.isEmpty && !["#", "|", "```", "- "].contains { line.hasPrefix($0) }
    }

    /// A table is a list: its rows are too long for columns of a terminal.
    private mutating func table(_ rows: [String]) {
        let cells = rows.map { row in
            row.dropFirst().dropLast(row.hasSuffix("|") ? 1 : 0)
                .replacing("\\|", with: "\u{1}").split(
                    separator: "|", omittingEmptySubsequences: false
                )
                .map { $0.trimmingCharacters(in: .whitespaces).replacing("\u{1}", with: "|") }
        }
        guard let titles = cells.first else { return }
        for row in cells.dropFirst() where !row.allSatisfy({ $0.allSatisfy { "-: ".contains($0) } })
        {
            let rest = zip(titles, row).dropFirst().filter { !$0.1.isEmpty }.map { title, cell in
                titles.count > 2 && !title.isEmpty
                    ? Roff.italic(title + ":") + " " + Roff.marked(cell) : Roff.marked(cell)
            }
            item(Roff.marked(row.first ?? ""), rest.joined(separator: "\n.br\n"))
        }
    }

    /// `code`, **strong** and [links](of.md) within a line.
    static func marked(_ words: String) -> String {
        var result = ""
        var rest = words[...]
        while let first = rest.first {
            if first == "`", let end = rest.dropFirst().firstIndex(of: "`") {
                result += bold(String(rest[rest.index(after: rest.startIndex)..<end]))
                rest = rest[rest.index(after: end)...]
            } else if rest.hasPrefix("**"), let end = rest.dropFirst(2).range(of: "**") {
                result += bold(String(rest.dropFirst(2)[..<end.lowerBound]))
                rest = rest[end.upperBound...]
            } else if first == "[", let middle = rest.range(of: "]("),
                let end = rest[middle.upperBound...].firstIndex(of: ")")
            {
                result += marked(String(rest.dropFirst()[..<middle.lowerBound]))
                rest = rest[rest.index(after: end)...]
            } else {
                result += escaped(String(first))
                rest = rest.dropFirst()
            }
        }
        return result
    }

    /// Without any markup.
    private static func plain(_ words: String) -> String { words.filter { $0 != "`" && $0 != "*" } }
}
