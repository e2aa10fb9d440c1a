import EventLog
import Foundation

// The manual: a page for each command, from what the program itself says of it; and pages for the
// configuration, the events of the log and the database, from the files that describe them.

/// The pages of all programs.
struct Manual {
    private let programs: URL
    private let version: String

    /// - Parameter programs: where they are.
    init(programs: URL) throws {
        self.programs = programs
        version = try Manual.output(of: programs.appending(path: "groupmirror"), "--version")
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// By the names of their files.
    func pages() throws -> [String: String] {
        var pages: [String: String] = [:]
        for (program, closing) in [
            ("groupmirror", try read("Documentation/Manual.md")), ("groupmirror-webhook", ""),
            ("chat-emulator", ""),
        ] {
            let dump = try Manual.output(
                of: programs.appending(path: program), "--experimental-dump-help")
            let root = try JSONDecoder().decode(ProgramHelp.self, from: Data(dump.utf8)).command
            for page in root.pages(version: version, closing: closing) {
                pages[page.name + ".1"] = page.text
            }
        }
        pages["groupmirror.yaml.5"] = ConfigurationPage.text(
            of: try read("config/groupmirror.yaml"), version: version)
        for (name, summary, markdown) in [
            (
                "groupmirror-events", "the log of groupmirror, event by event",
                EventTable.markdown.replacing(EventTable.origin, with: "")
            ),
            (
                "groupmirror-database", "the mirror of groupmirror for readers with SQL",
                try read("Documentation/Database.md")
            ),
        ] {
            var page = Roff(name, section: 7, version: version, summary: summary)
            page.heading("Description")
            page.add(markdown: markdown)
            page.seeAlso(["groupmirror(1)"])
            pages[name + ".7"] = page.text
        }
        return pages
    }

    private func read(_ path: String) throws -> String {
        try String(contentsOfFile: path, encoding: .utf8)
    }

    private static func output(of program: URL, _ word: String) throws -> String {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = program
        process.arguments = [word]
        process.standardOutput = pipe
        try process.run()
        let data = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self)
    }
}

extension Roff {
    /// - Parameter pages: like `groupmirror(1)`.
    mutating func seeAlso(_ pages: [String]) {
        heading("See also")
        line(
            pages.map { page in
                let parts = page.split(separator: "(")
                return Roff.bold(String(parts[0])) + "(" + parts[1]
            }.joined(separator: ", "))
    }
}

/// The file that shows every key, as a page: what stands in its comments belongs to the key below.
enum ConfigurationPage {
    static func text(of yaml: String, version: String) -> String {
        var page = Roff(
            "groupmirror.yaml", section: 5, version: version,
            summary: "the configuration of groupmirror")
        var comment: [String] = []
        var isFirst = true
        for line in yaml.components(separatedBy: "\n") {
            let words = line.trimmingCharacters(in: .whitespaces)
            if words.hasPrefix("#") {
                comment.append(words.dropFirst().trimmingCharacters(in: .whitespaces))
            } else if words.isEmpty || !line.hasPrefix(" ") {
                // The head of the file, and the head of a section.
                if isFirst { page.heading("Description") }
                if isFirst {
                    page.add(markdown: comment.joined(separator: "\n"))
                } else {
                    _ = addAlternative(in: comment, &page)
                }
                isFirst = false
                comment = []
                if !words.isEmpty { page.heading(words.replacing(":", with: "")) }
            } else {
                let own = addAlternative(in: comment, &page)
                page.item(Roff.bold(words), Roff.escaped(own.joined(separator: " ")))
                comment = []
            }
        }
        page.heading("Files")
        page.item(
            Roff.italic("/etc/groupmirror/NAME.yaml"),
            Roff.escaped("the configuration of the service groupmirror@NAME"))
        page.heading("Example")
        page.literal(
            yaml.components(separatedBy: "\n").filter {
                !$0.trimmingCharacters(in: .whitespaces).hasPrefix("#") && !$0.isEmpty
            })
        page.seeAlso(["groupmirror(1)", "groupmirror-check(1)"])
        return page.text
    }

    /// Adds a key that is commented out, with the comment above it.
    /// - Returns: what stands below it.
    private static func addAlternative(in comment: [String], _ page: inout Roff) -> ArraySlice<
        String
    > {
        guard let key = comment.lastIndex(where: isKey) else { return comment[...] }
        page.item(Roff.bold(comment[key]), Roff.escaped(comment[..<key].joined(separator: " ")))
        return comment[(key + 1)...]
    }

    /// A key that is commented out: another way to say the same.
    private static func isKey(_ comment: String) -> Bool {
        comment.prefix { $0 != ":" }.allSatisfy { $0.isLowercase || $0 == "_" }
            && comment.contains(": ")
    }
}
