import Foundation

// What the programs say of themselves (`--experimental-dump-help`), as pages of the manual.

/// The output of a program.
struct ProgramHelp: Decodable {
    let command: CommandHelp
}

/// A command with those below it.
struct CommandHelp: Decodable {
    let commandName: String
    let abstract: String?
    let discussion: String?
    let arguments: [ArgumentHelp]?
    let subcommands: [CommandHelp]?

    /// What can be written behind a command.
    struct ArgumentHelp: Decodable {
        let kind: String
        let abstract: String?
        let valueName: String?
        let names: [Name]?
        let isOptional: Bool
        let isRepeating: Bool

        struct Name: Decodable {
            let kind: String
            let name: String

            var text: String { kind == "long" ? "--" + name : "-" + name }
        }

        /// For a list: `--config <file>`
        var term: String {
            let value = valueName.map(Roff.italic) ?? ""
            switch kind {
            case "positional": return value
            case "flag": return spellings
            default: return spellings + " " + value
            }
        }

        /// For a synopsis: `[--json]`
        var use: String {
            let first = (names ?? []).max { $0.kind != "long" && $1.kind == "long" }
                .map { Roff.bold($0.text) }
            let value = valueName.map(Roff.italic) ?? ""
            var text: String
            switch kind {
            case "positional": text = value + (isRepeating ? "..." : "")
            case "flag": text = first ?? ""
            default: text = (first ?? "") + " " + value
            }
            if isOptional { text = "[" + text + "]" }
            return text
        }

        private var spellings: String {
            (names ?? []).map { Roff.bold($0.text) }.joined(separator: ", ")
        }

        /// `--help` and `--version` are everywhere.
        var isGeneral: Bool { (names ?? []).contains { ["help", "version"].contains($0.name) } }
    }

    /// A page for each command that has no others below it, and one for each that has.
    /// - Parameter closing: sections for the page of the program itself, in Markdown.
    func pages(version: String, closing: String) -> [(name: String, text: String)] {
        pages(path: [], version: version, closing: closing)
    }

    private func pages(path: [String], version: String, closing: String) -> [(
        name: String, text: String
    )] {
        let path = path + [commandName]
        let below = (subcommands ?? []).filter { $0.commandName != "help" }
        let name = path.joined(separator: "-")
        var page = Roff(
            name, section: 1, version: version, summary: Self.withoutDot(abstract ?? commandName))
        page.heading("Synopsis")
        synopsis(path, hasMore: !below.isEmpty, &page)
        if let discussion { describe(discussion, &page) }
        let listed = (arguments ?? []).filter { !$0.isGeneral }
        if !listed.isEmpty {
            page.heading("Options")
            for argument in listed {
                page.item(argument.term, Roff.escaped(argument.abstract ?? ""))
            }
        }
        if !below.isEmpty {
            page.heading("Commands")
            for command in below {
                page.item(
                    Roff.bold((path + [command.commandName]).joined(separator: "-")) + "(1)",
                    Roff.escaped(command.abstract ?? ""))
            }
        }
        page.add(markdown: closing)
        let isProgram = path.count == 1
        page.seeAlso(
            isProgram
                ? ["groupmirror.yaml(5)", "groupmirror-events(7)", "groupmirror-database(7)"]
                : [path.dropLast().joined(separator: "-") + "(1)", "groupmirror.yaml(5)"])
        return [(name, page.text)]
            + below.flatMap { $0.pages(path: path, version: version, closing: "") }
    }

    private func synopsis(_ path: [String], hasMore: Bool, _ page: inout Roff) {
        let uses = (arguments ?? []).filter { !$0.isGeneral }.map(\.use)
        page.line(
            ([Roff.bold(path.joined(separator: " "))] + (hasMore ? [Roff.italic("command")] : [])
                + uses).joined(separator: " "))
        page.lineBreak()
        page.line(Roff.bold(path.joined(separator: " ")) + " " + Roff.bold("--help"))
    }

    /// Paragraphs; an indented line stands as it is. "Example:" begins a section of its own.
    private func describe(_ discussion: String, _ page: inout Roff) {
        page.heading("Description")
        var isFirst = true
        for block in discussion.components(separatedBy: "\n\n") {
            var lines = block.components(separatedBy: "\n")[...]
            while !lines.isEmpty {
                let indented = lines.prefix { $0.hasPrefix("  ") }
                if !indented.isEmpty {
                    page.literal(indented.map { $0.dropFirst(2) })
                    lines = lines.dropFirst(indented.count)
                    continue
                }
                let words = Array(lines.prefix { !$0.hasPrefix("  ") })
                lines = lines.dropFirst(words.count)
                describe(words, isFirst: isFirst, &page)
                isFirst = false
            }
        }
    }

    private func describe(_ words: [String], isFirst: Bool, _ page: inout Roff) {
        guard let first = words.first else { return }
        let title = ["Examples", "Example", "Exit status"].first { first.hasPrefix($0 + ": ") }
        if let title {
            page.heading(title == "Example" ? "Examples" : title)
        } else if !isFirst {
            page.paragraph()
        }
        let text = title.map { String(first.dropFirst($0.count + 2)) } ?? first
        for (index, line) in ([text] + words.dropFirst()).enumerated() {
            // Of a table: a word, spaces, what it means.
            if let gap = line.range(of: "  ") {
                page.item(
                    Roff.bold(String(line[..<gap.lowerBound])),
                    Roff.escaped(line[gap.upperBound...].trimmingCharacters(in: .whitespaces)))
                continue
            }
            if index > 0 { page.lineBreak() }
            page.line(Roff.escaped(line))
        }
    }

    private static func withoutDot(_ sentence: String) -> String {
        let plain = sentence.hasSuffix(".") ? String(sentence.dropLast()) : sentence
        return plain.prefix(1).lowercased() + plain.dropFirst()
    }
}
