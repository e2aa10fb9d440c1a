import ArgumentParser
import ChatModel
import Foundation
import MirrorConfiguration
import MirrorStore
import SyncRules
import HostSystem

/// `edit import`: many edits, all or nothing.
struct EditImport: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Queue edits from a file, one JSON object a line; all of them or none.",
        discussion: """
            Each line has "user", "op" and, if it shall have one, "key":

              {"key":"k1","user":"u1","op":"rename","group":"a","new_name":"b"}
              {"user":"u1","op":"delete","group":"b"}

            "create", "add", "remove" and "ensure" have a "group" and the conversations. "ensure" puts them into \
            the group of this name, and creates it if there is none:

              "conversations":[{"type":1,"peer":"bob"},{"type":2,"peer":"@TGS#1"}]
              "conversations":["user:bob","chatgroup:@TGS#1"]

            "mark" has one conversation, and of the rest what it changes:

              "conversation":"user:bob","set":["star"],"clear":[33],"custom":"x"

            The file is read as a stream. Where lines cannot be queued, nothing is, and the first hundred of them are \
            named. With --skip-invalid the others are queued; those that are not go into a file, one object a \
            line with "line", "problem", "advice" and the "edit" itself, and the status is 4. While the file is \
            read, the daemon does not write, and other commands that queue edits wait.

            Examples: a file, what another program prints, waiting until everything is sent, and what was mended.
              groupmirror edit import edits.jsonl
              make-edits | groupmirror edit import -
              groupmirror edit import edits.jsonl --skip-invalid bad.jsonl --wait
              jq -c .edit bad.jsonl | groupmirror edit import -
            """)

    @OptionGroup var common: CommonOptions
    @OptionGroup var output: JSONOption
    @OptionGroup var wait: WaitOption
    @Option(
        help: ArgumentHelp(
            "Queue the lines that can be queued, and write the others into this new file.",
            valueName: "file"), completion: .file())
    var skipInvalid: String?
    @Argument(help: "The file; - for standard input.", completion: .file()) var file: String

    func run() async throws {
        // Before root gives its rights up: the files are the caller's.
        let lines = try LineReader(file)
        let skipped = try skipInvalid.map {
            try OutputFile(
                $0, mode: 0o640, for: try common.settings().database)
        }
        let (settings, work) = try wait.prepare(common)
        var summary = Summary()
        try settings.queue(isBatch: true) { queue in
            while let line = try lines.next() {
                guard !line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) else { continue }
                var user: UserID?
                do {
                    let order = try EditLine.order(line)
                    user = order.user
                    summary.add(try queue.add(order))
                } catch let fault as EditFault {
                    let bad = BadLine(number: lines.number, user: user, fault: fault)
                    summary.add(bad)
                    try skipped?.write(line: bad.object(of: line))
                }
            }
            summary.batch = queue.first?.number
            if skipped == nil, let failure = summary.failure(of: lines.name) { throw failure }
        }
        try skipped?.close()
        summary.print(as: OutputFormat(output), skipped: skipInvalid)
        let status = summary.bad > 0 ? ExitStatus.operatorNeeded : .done
        let selections = summary.selections
        if !selections.isEmpty {
            try await wait.conclude(selections, work, OutputFormat(output), otherwise: status)
        }
        Output.leave(status)
    }
}

/// A line that cannot be queued.
private struct BadLine {
    let number: Int
    /// Where it could be read.
    let user: UserID?
    let fault: EditFault

    /// `edits.jsonl:12: alice: there is no group 'family'`
    func sentence(in file: String) -> String {
        "\(file):\(number): " + (user.map { "\($0): " } ?? "") + fault.problem
    }

    /// For whoever mends it: the reasons beside the edit.
    func object(of line: ArraySlice<UInt8>) -> String {
        let text = String(decoding: line, as: UTF8.self)
        let isObject = (try? JSONSerialization.jsonObject(with: Data(line))) is [String: Any]
        return JSONText.object([
            "line": JSONText.number(number), "problem": JSONText.string(fault.problem),
            "advice": fault.advice.isEmpty ? nil : JSONText.string(fault.advice),
            "edit": isObject
                ? text.filter { $0 != "\r" && $0 != "\r\n" } : JSONText.string(text),
        ])
    }
}

/// What became of an import's lines.
private struct Summary {
    private(set) var queued = 0
    private(set) var known: [EditID] = []
    private(set) var bad = 0
    private var first: [BadLine] = []
    private var isOnlyMissing = true
    /// The first queued edit's number.
    var batch: Int64?

    private static let mostNamed = 100

    mutating func add(_ edit: AcceptedEdit) {
        if edit.isNew { queued += 1 } else { known.append(edit.id) }
    }

    mutating func add(_ line: BadLine) {
        bad += 1
        isOnlyMissing = isOnlyMissing && line.fault.missing != nil
        if first.count < Self.mostNamed { first.append(line) }
    }

    /// Why nothing is queued; nil when nothing is wrong.
    func failure(of file: String) -> ProgramFailure? {
        guard let one = first.first else { return nil }
        let lines = first.map { line in
            let advice = line.fault.advice.isEmpty || bad == 1 ? "" : " (\(line.fault.advice))"
            return line.sentence(in: file) + advice
        }
        let more = bad > first.count ? ["… and \(bad - first.count) more lines"] : []
        let advice = bad == 1 && !one.fault.advice.isEmpty ? one.fault.advice + "; " : ""
        return ProgramFailure(
            isOnlyMissing ? .missing : .usage, (lines + more).joined(separator: "\n"),
            advice: advice + "nothing was queued; --skip-invalid FILE queues the other lines",
            word: bad == 1 ? one.fault.missing?.rawValue : nil)
    }

    /// All edits that the lines ask for.
    var selections: [EditSelection] {
        var selections = EditSelection.numbered(known)
        if let batch {
            var imported = EditSelection(states: EditState.allCases)
            imported.batch = batch
            selections.append(imported)
        }
        return selections
    }

    func print(as format: OutputFormat, skipped: String?) {
        switch format {
        case .text:
            let number = batch.map { " as batch \($0)" } ?? ""
            Output.note(
                "queued \(counted(queued, "edit"))\(number), \(known.count) known by their keys"
                    + (bad > 0 ? ", \(counted(bad, "line")) left out: \(skipped ?? "")" : ""))
        case .json:
            Output.data(
                JSONText.object([
                    "queued": JSONText.number(queued), "known": JSONText.number(known.count),
                    "invalid": JSONText.number(bad), "batch": JSONText.number(batch),
                ]))
        }
    }
}
