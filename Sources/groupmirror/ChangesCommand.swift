import ArgumentParser
import ChatModel
import MirrorConfiguration
import MirrorStore
import HostSystem
import Daemon

/// `changes`: what was different at each pull.
struct ChangesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "changes",
        abstract: "Print the record of changes, oldest first.",
        discussion: """
            Every change has a number; numbers rise without gaps and are never given twice, so a \
            consumer that remembers the last one misses nothing. Changes go when they are older than \
            mirror.history: a --since below them ends with \
            status 65: start again with 'groupmirror export'; the same after a backup was restored, \
            which gives numbers again that were given after it.

            Examples:
              groupmirror changes --since 1200        what came after number 1200
              groupmirror changes --since 1h          what came within the last hour
              groupmirror changes --user alice        one user's
              groupmirror changes --follow --json     as they come, for a program
            """)

    @OptionGroup var common: CommonOptions
    @OptionGroup var output: JSONOption
    @Option(
        help: ArgumentHelp(
            "Only changes with a higher number (0: all since the mirror was made); or from a time on: 1h, "
                + "10m, 2026-11-21, 2026-11-21T08:00:00Z.",
            valueName: "number|time"))
    var since: String?
    @Option(help: "Only this user's.", completion: .users) var user: String?
    @Flag(help: "Go on printing changes as they come, until Ctrl-C.") var follow = false

    private static let batch = 1000
    private static let howToBeginAnew =
        "take the whole with 'groupmirror export --with-seq', and go on from the number in its first line"

    func run() async throws {
        let reader = try common.reader()
        let name = try user.map { try userIDs([$0]) }?.first?.string
        if let id = try user.map({ try userIDs([$0]) })?.first,
            try reader.numbers(of: [id]).isEmpty
        {
            throw ProgramFailure.notListed(id)
        }
        var last = try since.map { try number($0, reader) } ?? 0
        let format = OutputFormat(output)
        let time = SystemTimekeeper()
        while true {
            let rows = try reader.changes(since: last, user: name, limit: Self.batch)
            for row in rows { Output.data(row.rendered(as: format)) }
            last = rows.last?.seq ?? last
            if rows.count == Self.batch { continue }
            guard follow else { return }
            try checkPlace(reader)
            try await time.sleep(for: .milliseconds(250))
        }
    }

    /// In another file other changes have these numbers.
    private func checkPlace(_ reader: MirrorReader) throws {
        do {
            try reader.checkPlace()
        } catch {
            throw ProgramFailure(
                .missing, error.problem, advice: Self.howToBeginAnew, word: "changes_missing")
        }
    }

    /// The number after which changes are wanted.
    private func number(_ since: String, _ reader: MirrorReader) throws -> Int64 {
        if let number = Int64(since), number >= 0 {
            try check(number, reader)
            return number
        }
        let now = SystemTimekeeper().wallTime()
        let begin = SpanText.read(since).map { now + (.zero - $0) } ?? Moment.read(since)
        guard let begin else {
            throw ValidationError(
                "--since takes a number, a time such as 1h or 10m, or a moment such as 2026-11-21 or "
                    + "2026-11-21T08:00:00Z (with its Z, or another offset), not '\(since)'")
        }
        return try reader.lastChange(before: begin)
    }

    /// Whether everything after a number that a consumer has seen is still there, and is what it
    /// believes it to be.
    private func check(_ since: Int64, _ reader: MirrorReader) throws {
        let pruned = try reader.lastPruned()
        if since < pruned {
            throw ProgramFailure(
                .missing,
                "the changes up to \(pruned) have been removed: some after \(since) are gone",
                advice: Self.howToBeginAnew, word: "changes_missing")
        }
        let newest = try reader.lastChange()
        if since > newest {
            throw ProgramFailure(
                .missing, "the newest change is number \(newest): \(since) is of another database",
                advice: "after a restored backup, or with a new database, numbers start again: "
                    + Self.howToBeginAnew, word: "changes_missing")
        }
    }
}
