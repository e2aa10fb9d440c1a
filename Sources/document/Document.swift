import EventLog
import Foundation
import SyncRules

/// Writes the generated pages of the documentation into the directory that is named: `make tables`.
@main
enum Document {
    static func main() throws {
        guard CommandLine.arguments.count == 2 else {
            FileHandle.standardError.write(Data("usage: document DIRECTORY\n".utf8))
            exit(64)
        }
        let folder = URL(fileURLWithPath: CommandLine.arguments[1], isDirectory: true)
        for (name, text) in [
            ("Events.md", EventTable.markdown), ("Failures.md", FailureTable.markdown),
        ] {
            try text.write(to: folder.appending(path: name), atomically: true, encoding: .utf8)
        }
    }
}
