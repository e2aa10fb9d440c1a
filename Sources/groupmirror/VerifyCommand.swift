import ArgumentParser
import ChatModel
import Daemon
import MirrorConfiguration
import MirrorStore
import SyncRules

/// `verify`: cloud against mirror.
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Compare the cloud with the mirror, of which nothing is changed.",
        discussion: """
            Lists users and prints what differs from the mirror: exit status 0 when nothing does, 5 when \
            something does. A difference counts only when a second look some seconds later still shows \
            it; a running daemon pulls the user in between, so what other clients change meanwhile is \
            no drift. Without a daemon, changes since the last pull are differences: run 'groupmirror \
            resync' first.

            Example: a hundred users picked by chance.
              groupmirror verify --sample 100
            """)

    @OptionGroup var common: CommonOptions
    @OptionGroup var output: JSONOption
    @Option(help: "So many users, picked by chance, instead of all.") var sample: Int?

    func validate() throws {
        if let sample, sample < 1 { throw ValidationError("--sample must be at least 1") }
    }

    func run() async throws {
        let settings = try common.settings()
        let work = try CloudWork(settings: settings, log: quietLog(settings))
        let bar = ProgressBar()
        let report = try await work.perform(
            .compare, users: try picked(settings), show: { bar.show($0) }, note: { bar.note($0) })
        bar.clear()
        report.printDifferences(as: OutputFormat(output))
        report.conclude(as: OutputFormat(output), verb: "compared", took: spoken(bar.elapsed))
        Output.leave(report.status(driftCounts: true))
    }

    /// Reservoir sampling: each user of the list has the same chance, and the list is read once.
    private func picked(_ settings: MirrorSettings) throws -> [UserID]? {
        guard let sample else { return nil }
        var picked: [[UInt8]] = []
        var seen = 0
        try UserListReader(settings).read { id in
            seen += 1
            if picked.count < sample {
                picked.append(Array(id))
            } else {
                let place = Int.random(in: 0..<seen)
                if place < sample { picked[place] = Array(id) }
            }
        }
        return Set(picked).map { UserID(checkedBytes: $0) }
    }
}
