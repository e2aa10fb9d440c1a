import ArgumentParser
import ChatAPI
import Daemon
import EventLog
import Foundation
import Glibc
import MirrorConfiguration
import MirrorStore
import HostSystem

/// `report`: what whoever looks for a fault needs to see.
struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Write an archive for a report of a fault.",
        discussion: """
            A compressed tar file with versions, the settings, what 'doctor' and 'status' say, counts, the schema, and \
            the last lines of the log: from the journal of the service, or from the file of --log. \
            No key and no signature is in it. Users have numbers instead of names, texts in quotes are left out, and \
            so is the administrator's name, unless --names is given. Look through it before you send it.

            Example:
              sudo groupmirror report fault.tar.gz --config shop
            """)

    @OptionGroup var common: CommonOptions
    @Argument(help: "The new file.", completion: .file()) var file: String
    @Option(
        help: ArgumentHelp("The daemon's log, where the journal has it not.", valueName: "file"),
        completion: .file())
    var log: String?
    @Option(help: ArgumentHelp("So many lines of the log.", valueName: "number")) var lines = 2000
    @Flag(help: "With the names of users.") var names = false

    func validate() throws {
        if lines < 0 { throw ValidationError("--lines cannot be negative") }
    }

    func run() throws {
        let settings = try common.settings()
        let archive = try OutputFile(file, mode: 0o600, for: settings.database)
        do {
            let redactor = Redactor()
            if let key = try? KeyFile.read(settings) { redactor.add(key: key.forbiddenText) }
            var disguise = Disguise(isOn: !names, redactor)
            // With the caller's own rights: the journal is not open to the mirror's owner.
            let log = try log.map(lastLines) ?? journal(settings)
            try ServiceUser.become(ownerOf: settings.database)
            let parts = [
                ("versions.txt", versions()), ("settings.txt", disguise.settings(settings)),
                ("doctor.txt", try disguise.text(answer(["doctor"], settings))),
                ("status.json", try disguise.text(answer(["status", "--json"], settings))),
                ("counts.txt", counts(settings)), ("log.txt", disguise.log(log)),
            ]
            try pack(parts, into: archive)
            if log.isEmpty {
                Output.note(
                    "note: the log is not in it: this user may not read the journal (sudo, or the group "
                        + "systemd-journal), or the daemon does not write there (--log FILE)")
            }
        } catch {
            archive.abandon()
            throw error
        }
        Output.note("written: \(file)" + (names ? ", with the names of users" : ""))
    }

    private func versions() -> String {
        var name = utsname()
        uname(&name)
        let kernel = withUnsafeBytes(of: &name.release) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        let system = (try? String(contentsOfFile: "/etc/os-release", encoding: .utf8)) ?? ""
        return "groupmirror \(Version.text)\nLinux \(kernel)\n\(system)"
    }

    /// What another command of this program says.
    private func answer(_ words: [String], _ settings: MirrorSettings) throws -> String {
        let answer = try OtherProgram.runThis(words, configuration: settings.file)
        return answer.output + "exit status \(answer.status)\n"
    }

    private func counts(_ settings: MirrorSettings) -> String {
        do {
            let reader = try MirrorReader(path: settings.database, sdkAppID: settings.sdkAppID)
            return try reader.countsForReport().map { $0 + "\n" }.joined()
        } catch {
            return "\(ProgramFailure(error).problem)\n"
        }
    }

    private func lastLines(of file: String) throws -> String {
        do {
            let text = try String(contentsOfFile: file, encoding: .utf8)
            return text.split(separator: "\n").suffix(lines).joined(separator: "\n")
        } catch {
            throw ProgramFailure(
                .usage, "\(file): it cannot be read", advice: "--log names the log")
        }
    }

    private func journal(_ settings: MirrorSettings) -> String {
        guard let unit = SystemdUnit.name(of: settings),
            let answer = OtherProgram.run([
                "journalctl", "--quiet", "--no-pager", "--output=cat", "--unit=\(unit)",
                "--lines=\(lines)",
            ])
        else { return "" }
        return answer.output
    }

    private func pack(_ parts: [(name: String, text: String)], into archive: OutputFile) throws {
        var path = Array(
            ("/tmp/groupmirror-report-" + String(repeating: "X", count: 6)).utf8CString)
        guard mkdtemp(&path) != nil else {
            throw ProgramFailure(.storage, "no directory can be made in /tmp")
        }
        let folder = String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let inner = folder + "/groupmirror-report"
        try FileManager.default.createDirectory(
            atPath: inner, withIntermediateDirectories: false)
        for (name, text) in parts {
            try text.write(toFile: inner + "/" + name, atomically: false, encoding: .utf8)
        }
        let packed = folder + "/report.tar.gz"
        let end = OtherProgram.run(["tar", "-C", folder, "-czf", packed, "groupmirror-report"])
        guard end?.status == 0 else {
            throw ProgramFailure(
                .storage, "tar could not write the archive", advice: "is /tmp full?")
        }
        try archive.write(contentsOf: packed)
        try archive.close()
    }
}

/// Takes names out of what is given to others, and secrets in any case. The same user has the same number in all of it.
private struct Disguise {
    private let isOn: Bool
    private let redactor: Redactor
    private var numbers: [String: Int] = [:]

    init(isOn: Bool, _ redactor: Redactor) { (self.isOn, self.redactor) = (isOn, redactor) }

    /// The settings, of which none is a secret.
    func settings(_ settings: MirrorSettings) -> String {
        settings.entries.map { entry in
            var value = entry.value
            if isOn, entry.key == "app.admin" { value = "[a name]" }
            if isOn, entry.key == "users.list" { value = "[\(settings.usersList.count) names]" }
            return "\(entry.key): \(redactor.clean(value))\n"
        }.joined()
    }

    /// Text of the program's own, in which names stand in quotes.
    func text(_ text: String) -> String {
        text.components(separatedBy: "\n").map { redactor.clean(withoutQuotes($0)) }
            .joined(separator: "\n")
    }

    /// Lines of the log, in either form.
    mutating func log(_ text: String) -> String {
        var lines: [String] = []
        for line in text.split(separator: "\n") {
            lines.append(redactor.clean(isOn ? disguised(String(line)) : String(line)))
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private mutating func disguised(_ line: String) -> String {
        let isJSON = line.hasPrefix("{")
        guard let start = line.range(of: isJSON ? "\"user\":\"" : " user=") else {
            return withoutQuotes(line)
        }
        let rest = line[start.upperBound...]
        let isQuoted = isJSON || rest.hasPrefix("\"")
        let name = String(
            isQuoted
                ? Disguise.quoted(rest.dropFirst(isJSON ? 0 : 1)) : rest.prefix { $0 != " " })
        guard !name.isEmpty else { return withoutQuotes(line) }
        let number = numbers[name] ?? numbers.count + 1
        numbers[name] = number
        // Wherever it stands in the line.
        return withoutQuotes(line.replacing(name, with: "user#\(number)"))
    }

    /// Up to the quote that ends it.
    private static func quoted(_ text: Substring) -> Substring {
        var isEscaped = false
        return text.prefix { character in
            if isEscaped {
                isEscaped = false
                return true
            }
            isEscaped = character == "\\"
            return character != "\""
        }
    }

    /// What stands between two apostrophes: names of groups, conversations, users.
    private func withoutQuotes(_ line: String) -> String {
        guard isOn else { return line }
        var result = ""
        var rest = line[...]
        while let start = rest.firstIndex(of: "'"),
            let end = rest[rest.index(after: start)...].firstIndex(of: "'")
        {
            result += rest[..<start] + "'…'"
            rest = rest[rest.index(after: end)...]
        }
        return result + rest
    }
}
