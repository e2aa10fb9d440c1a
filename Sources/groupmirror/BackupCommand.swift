import ArgumentParser
import Daemon
import Glibc
import MirrorConfiguration
import MirrorStore

/// `backup`: a copy of the mirror.
struct BackupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copy the database, of one moment and checked, while the daemon goes on.",
        discussion: """
            The file is a whole mirror: edits, changes and their numbers are in it. It has the mode of the database, and \
            must not exist yet. The copy is made beside the database first (as another user than root: beside the \
            file), so there must be room for it twice. Documentation/Operations.md says how to put it back, and how \
            to move to another machine.

            Example:
              groupmirror backup /var/backups/mirror-monday.db
            """)

    @OptionGroup var common: CommonOptions
    @OptionGroup var output: JSONOption
    @Argument(help: "The new file.") var file: String

    func run() throws {
        let database = try common.settings().database
        var status = stat()
        let mode = stat(database, &status) == 0 ? status.st_mode & 0o777 : 0o640
        let copy = try OutputFile(file, mode: mode, for: database)
        let isRoot = geteuid() == 0
        do {
            let settings = try common.settingsOfMirror()
            let reader = try MirrorReader(path: settings.database, sdkAppID: settings.sdkAppID)
            let draft = (isRoot ? settings.database : file) + ".\(getpid()).copy"
            defer { unlink(draft) }
            let lastChange = try reader.backUp(to: draft)
            try copy.write(contentsOf: draft)
            try copy.close()
            print(lastChange)
        } catch {
            copy.abandon()
            throw error
        }
    }

    private func print(_ lastChange: Int64) {
        switch OutputFormat(output) {
        case .text:
            Output.note("copied and checked: \(file), up to change \(lastChange)")
        case .json:
            Output.data(
                JSONText.object([
                    "file": JSONText.string(file), "last_change": JSONText.number(lastChange),
                ]))
        }
    }
}
