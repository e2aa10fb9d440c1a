import ArgumentParser
import ChatModel
import Daemon
import MirrorConfiguration
import MirrorStore
import HostSystem

// `outbox wait`, and `--wait` of commands that queue edits.

/// `--wait`, wherever edits are queued.
struct WaitOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Return when nothing happens to the edits any more, at most after this time (which may be left out). "
                + "Without a daemon, send them. Status 4 when one is rejected, 75 when the time is up.",
            valueName: "time"))
    var wait: String?

    func validate() throws { _ = try limit() }

    /// What the command needs to queue edits: also the key, where it may have to send them itself.
    func prepare(_ common: CommonOptions) throws -> (settings: MirrorSettings, work: CloudWork?) {
        guard wait != nil else { return (try common.settingsOfMirror(), nil) }
        let work = try common.work()
        return (work.settings, work)
    }

    /// Waits for the edits, says what became of them and ends the program, if it is wanted.
    /// - Parameter status: how the program ends when all is well with the edits.
    func conclude(
        _ selections: [EditSelection], _ work: CloudWork?, _ format: OutputFormat,
        otherwise status: ExitStatus = .done
    ) async throws {
        guard let work else { return }
        try await EditWaiting(selections, atMost: limit()).conclude(
            work, format, otherwise: status
        ) {
            format == .json ? Output.data($0) : Output.note($0)
        }
    }

    private func limit() throws -> Duration? { try Self.limit(wait, of: "--wait") }

    /// - Returns: nil for as long as it takes.
    fileprivate static func limit(_ text: String?, of option: String) throws -> Duration? {
        guard let text, text != CommandText.forever else { return nil }
        return try SpanText.read(text, of: option, like: "30s or 5m")
    }
}

extension OutboxCommand {
    /// `outbox wait`
    struct Wait: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Wait until edits are settled, and say what became of them.",
            discussion: """
                Without numbers or options, all open edits are meant. Returns when nothing happens to them any \
                more: status 0 when all are applied, satisfied or cancelled, 4 when one is rejected, 75 when the \
                time is up. Without a daemon the command sends them itself, as 'groupmirror resync' does.

                Examples: two edits, an import, a minute at most.
                  groupmirror outbox wait 17 18
                  groupmirror outbox wait --batch 4711
                  groupmirror outbox wait --key 'migration-*' --time 1m
                """)

        @OptionGroup var common: CommonOptions
        @OptionGroup var output: JSONOption
        @OptionGroup var filter: Filter
        @Option(
            name: [.long, .customLong("wait")], help: "For how long at most, like 30s or 5m.")
        var time: String?
        @Argument(help: "Numbers of edits.") var edits: [Int64] = []

        func run() async throws {
            let limit = try WaitOption.limit(time, of: "--time")
            // Of those that are not numbered, what was settled long ago is of no interest.
            let isEverything = edits.isEmpty && !filter.namesEdits
            let selection = try filter.selection(
                isEverything ? [.queued, .sending, .rejected] : EditState.allCases,
                ids: edits.isEmpty ? nil : edits)
            let work = try common.work()
            let reader = try common.reader()
            try filter.demandSome(reader, ids: edits)
            let selections = isEverything ? try openOnes(selection, reader) : [selection]
            try await EditWaiting(selections, atMost: limit).conclude(work, OutputFormat(output)) {
                Output.data($0)
            }
        }

        /// By number: those that are settled meanwhile are counted too.
        private func openOnes(_ selection: EditSelection, _ reader: MirrorReader) throws
            -> [EditSelection]
        {
            var ids: [EditID] = []
            try reader.edits(selection) { ids.append(EditID($0.id)) }
            return EditSelection.numbered(ids)
        }
    }
}

/// A wait for edits, with a bar on a terminal.
struct EditWaiting {
    private let selections: [EditSelection]
    private let limit: Duration?

    init(_ selections: [EditSelection], atMost limit: Duration?) {
        self.selections = selections
        self.limit = limit
    }

    /// Waits, says what became of the edits and ends the program.
    func conclude(
        _ work: CloudWork, _ format: OutputFormat, otherwise status: ExitStatus = .done,
        _ say: (String) -> Void
    ) async throws {
        let bar = ProgressBar()
        let (counts, end) = try await work.wait(
            for: selections, atMost: limit,
            show: { bar.show(done: $0.total - $0.open, of: $0.total) }, note: { bar.note($0) })
        bar.clear()
        say(counts.rendered(as: format))
        if counts.rejected > 0 {
            Output.note("rejected edits wait for an operator: groupmirror outbox list")
        }
        switch end {
        case .settled: Output.leave(counts.rejected + counts.waiting > 0 ? .operatorNeeded : status)
        case .timeUp:
            Output.note("the time is up; the edits stay queued")
            Output.leave(.locked)
        case .notSent:
            Output.note(
                "no daemon runs: the edits stay queued until it is started, or the next resync")
            Output.leave(.someUsersFailed)
        case .interrupted:
            Output.note("interrupted: the edits stay queued")
            Output.leave(.unexpected)
        }
    }
}

extension EditCounts {
    fileprivate func rendered(as format: OutputFormat) -> String {
        switch format {
        case .json:
            "{\"edits\":\(total),"
                + EditState.allCases.map { "\"\($0.rawValue)\":\(byState[$0] ?? 0)" }
                .joined(separator: ",") + ",\"waiting\":\(waiting)}"
        case .text:
            counted(total, "edit") + ": "
                + EditState.allCases.compactMap { state in
                    byState[state].map { "\($0) \(state.rawValue)" }
                }.joined(separator: ", ")
                + (waiting > 0 ? " (\(waiting) behind rejected ones)" : "")
        }
    }
}
