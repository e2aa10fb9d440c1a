import ArgumentParser
import ChatModel
import Daemon
import MirrorStore

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
              groupmirror changes --user alice        one user's
              groupmirror changes --follow --json     as they come, for a program
            """)

    @OptionGroup var common: CommonOptions
    @OptionGroup var output: JSONOption
    @Option(help: "Only changes with a higher number; 0: all since the mirror was made.")
    var since: Int64?
    @Option(help: "Only this user's.") var user: String?
    @Flag(help: "Go on printing changes as they come, until Ctrl-C.") var follow = false

    private static let batch = 1000
    private static let howToBeginAnew =
        "take the whole with 'groupmirror export', and go on from the number that "
        + "'groupmirror status --json' gave before it as last_change"

    func run() async throws {
        let reader = try common.reader()
        let name = try user.map { try userIDs([$0]) }?.first?.string
        if let id = try user.map({ try userIDs([$0]) })?.first,
            try reader.numbers(of: [id]).isEmpty
        {
            throw ProgramFailure.notListed(id)
        }
        if let since { try check(since, reader) }
        let format = OutputFormat(output)
        let time = SystemTimekeeper()
        var last = since ?? 0
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
