import ArgumentParser
import ChatModel
import Glibc
import MirrorConfiguration
import MirrorStore
import HostSystem

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

            With --into, a file in the directory is called by the configuration and the time, \
            shop-20261130T023000Z.db; with --keep, older files of such names are removed when the new one is safe.

            Examples: one copy; one each night, of which a week is kept.
              groupmirror backup monday.db
              groupmirror backup --into /var/backups/groupmirror/shop --keep 7
            """)

    @OptionGroup var common: CommonOptions
    @OptionGroup var output: JSONOption
    @Argument(help: "The new file.", completion: .file()) var file: String?
    @Option(
        help: ArgumentHelp("A directory for the new file.", valueName: "directory"),
        completion: .directory)
    var into: String?
    @Option(help: ArgumentHelp("So many copies stay in the directory.", valueName: "number"))
    var keep: Int?

    func validate() throws {
        guard (file == nil) != (into == nil) else {
            throw ValidationError("name a new file, or a directory with --into")
        }
        guard let keep else { return }
        if into == nil { throw ValidationError("--keep goes with --into") }
        if keep < 1 { throw ValidationError("--keep must be at least 1") }
    }

    func run() throws {
        if let file { try copy(to: file) }
        guard let into else { return }
        let settings = try common.settingsOfMirror()
        let reader = try MirrorReader(path: settings.database, sdkAppID: settings.sdkAppID)
        let shelf = try BackupShelf(into, of: settings.file)
        let (copy, lastChange) = try shelf.add(reader, at: SystemTimekeeper().wallTime())
        report(copy, lastChange, removed: try keep.map { try shelf.removeAll(butNewest: $0) })
    }

    private func copy(to file: String) throws {
        let database = try common.settings().database
        var status = stat()
        let mode = stat(database, &status) == 0 ? status.st_mode & 0o777 : 0o640
        let copy = try OutputFile(file, mode: mode, for: database)
        let isRoot = geteuid() == 0
        do {
            let reader = try common.reader()
            let draft = (isRoot ? database : file) + ".\(getpid()).copy"
            defer { unlink(draft) }
            let lastChange = try reader.backUp(to: draft)
            try copy.write(contentsOf: draft)
            try copy.close()
            report(file, lastChange)
        } catch {
            copy.abandon()
            throw error
        }
    }

    private func report(_ copy: String, _ lastChange: Int64, removed: [String]? = nil) {
        switch OutputFormat(output) {
        case .text:
            Output.note("copied and checked: \(copy), up to change \(lastChange)")
            for name in removed ?? [] { Output.note("removed: \(name)") }
        case .json:
            Output.data(
                JSONText.object([
                    "file": JSONText.string(copy), "last_change": JSONText.number(lastChange),
                    "removed": removed.map { JSONText.array($0.map(JSONText.string)) },
                ]))
        }
    }
}
