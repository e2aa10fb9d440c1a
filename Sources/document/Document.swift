import EventLog
import Foundation
import SyncRules

/// Writes what is generated: `document DIRECTORY` the tables of the documentation and the program for mtail, in
/// the root of the sources that is named (`make tables`); `document --man DIRECTORY`, in the root of the sources, the pages of the manual for the programs beside this
/// one (`make release`).
@main
enum Document {
    static func main() throws {
        let words = Array(CommandLine.arguments.dropFirst())
        switch words.count {
        case 1 where !words[0].hasPrefix("-"):
            try write(
                [
                    "Documentation/Events.md": EventTable.markdown,
                    "Documentation/Failures.md": FailureTable.markdown,
                    "monitoring/groupmirror.mtail": MtailProgram.text,
                ], into: words[0])
        case 2 where words[0] == "--man":
            try write(Manual(programs: folderOfThisProgram).pages(), into: words[1])
        default:
            FileHandle.standardError.write(Data("usage: document [--man] DIRECTORY\n".utf8))
            exit(64)
        }
    }

    private static var folderOfThisProgram: URL {
        URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
            .deletingLastPathComponent()
    }

    private static func write(_ files: [String: String], into directory: String) throws {
        let folder = URL(fileURLWithPath: directory, isDirectory: true)
        for (name, text) in files {
            let file = folder.appending(path: name)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try text.write(to: file, atomically: true, encoding: .utf8)
        }
    }
}
