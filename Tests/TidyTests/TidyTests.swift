import Foundation
import Testing

/// What a tool can hold and the formatter does not: floors, a sentence on every type, no leftover
/// marker, files of a readable length.
@Suite struct TheTree {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appending(path: "../..").standardized

    /// Each target with those of ours that it may import.
    private static let floors: [String: Set<String>] = [
        "ChatModel": [],
        "EventLog": ["ChatModel"],
        "SyncRules": ["ChatModel", "DequeModule", "HeapModule"],
        "ChatAPI": ["ChatModel", "SyncRules", "EventLog", "COpenSSL", "CZlib"],
        "LoopThread": ["ChatModel", "CLinux", "HeapModule", "Dispatch"],
        "CurlTransport": ["ChatAPI", "ChatModel", "LoopThread", "CCurl", "DequeModule"],
        "MirrorStore": ["ChatModel", "SyncRules", "CLinux", "CSQLite", "GRDB", "GRDBSQLite"],
        "MirrorConfiguration": ["ChatModel", "EventLog", "SyncRules", "Yams"],
        "SyncEngine": [
            "ChatModel", "EventLog", "SyncRules", "ChatAPI", "MirrorStore",
        ],
        "ChatEmulator": ["COpenSSL", "CZlib"],
        "EmulatorServer": [
            "ChatEmulator", "CCurl", "Hummingbird", "HTTPTypes", "Logging", "NIOCore",
            "NIOHTTPTypes", "Dispatch",
        ],
        "HostSystem": ["ChatModel", "EventLog", "SyncRules", "MirrorConfiguration"],
        "WebhookReceiver": [
            "ChatModel", "EventLog", "SyncRules", "HostSystem", "Hummingbird",
            "HummingbirdCore", "HTTPTypes", "Logging", "NIOCore", "Dispatch", "CDispatch",
        ],
        "Daemon": [
            "ChatModel", "EventLog", "SyncRules", "ChatAPI", "CurlTransport", "MirrorStore",
            "MirrorConfiguration", "SyncEngine", "HostSystem", "LoopThread", "CLinux",
            "UnixSignals", "Dispatch",
        ],
        "groupmirror": [
            "ChatModel", "EventLog", "SyncRules", "ChatAPI", "MirrorStore", "MirrorConfiguration",
            "SyncEngine", "HostSystem", "Daemon", "CLinux", "ArgumentParser",
        ],
        "groupmirror-webhook": [
            "EventLog", "MirrorConfiguration", "HostSystem", "WebhookReceiver", "ArgumentParser",
        ],
        "chat-emulator": ["ChatEmulator", "EmulatorServer", "ArgumentParser"],
        "document": ["EventLog", "SyncRules"],
    ]

    private static let system: Set<String> = [
        "Foundation", "FoundationEssentials", "Glibc", "Synchronization",
    ]

    private static func files(_ folder: String) -> [(path: String, lines: [Substring])] {
        let base = root.appending(path: folder)
        let all = FileManager.default.enumerator(atPath: base.path)?.compactMap { $0 as? String }
        return (all ?? []).filter { $0.hasSuffix(".swift") }.sorted().compactMap { name in
            (try? String(contentsOf: base.appending(path: name), encoding: .utf8)).map {
                (folder + "/" + name, $0.split(separator: "\n", omittingEmptySubsequences: false))
            }
        }
    }

    @Test(arguments: floors.keys.sorted())
    func aTarget_importsOnlyWhatIsBelowIt(target: String) {
        let allowed = Self.system.union(Self.floors[target] ?? [])
        let files = Self.files("Sources/\(target)")
        #expect(!files.isEmpty)
        for (path, lines) in files {
            for line in lines where line.hasPrefix("import ") {
                #expect(allowed.contains(String(line.dropFirst(7))), "\(path): \(line)")
            }
        }
    }

    @Test func rulesAndWords_haveNoClockNoFileAndNoTask() {
        for folder in ["Sources/ChatModel", "Sources/SyncRules"] {
            for (path, lines) in Self.files(folder) {
                for word in ["Task ", "Task.", "Foundation", "ContinuousClock", "Glibc"] {
                    let isFound = lines.contains { line in
                        line.contains(word) && !line.drop { $0 == " " }.hasPrefix("//")
                    }
                    #expect(!isFound, "\(path): \(word)")
                }
            }
        }
    }

    @Test func everyType_isDocumented() {
        let pattern =
            /^ *(package |private |fileprivate )?(final )?(struct|class|enum|actor|protocol) [A-Z]/
        for (path, lines) in Self.files("Sources") {
            for (number, line) in lines.enumerated() where line.firstMatch(of: pattern) != nil {
                let isTop = !line.hasPrefix(" ")
                var above = number - 1
                while above >= 0, lines[above].drop(while: { $0 == " " }).hasPrefix("@") {
                    above -= 1
                }
                let isDocumented = above >= 0 && lines[above].contains("///")
                #expect(isDocumented || !isTop || line.contains("private"), "\(path):\(number + 1)")
            }
        }
    }

    @Test func nothingIsLeftOver() {
        let markers = ["TO" + "DO", "FIX" + "ME", "XX" + "X"]
        for (path, lines) in Self.files("Sources") + Self.files("Tests") {
            for marker in markers {
                #expect(!lines.contains { $0.contains(marker) }, "\(path): \(marker)")
            }
        }
    }

    /// The formatter puts the brace that ends a function where the function begins.
    @Test func noFunctionIsLongerThan60Lines() {
        for (path, lines) in Self.files("Sources") {
            for (number, line) in lines.enumerated()
            where line.contains(/^ *([a-z()]+ )*(func [a-zA-Z<=+-]|init[(?<])/) {
                let indent = line.prefix { $0 == " " }
                let end = lines[(number + 1)...].firstIndex { other in
                    !other.isEmpty && !other.hasPrefix(indent + " ")
                        && !other.hasPrefix(indent + ")")
                        && !other.hasPrefix(indent + "{")
                }
                guard let end, lines[end].hasPrefix(indent + "}") else { continue }
                let length = end - number + 1
                #expect(length <= 60, "\(path):\(number + 1) has \(length) lines")
            }
        }
    }

    @Test func noFileIsLongerThan400Lines() {
        for (path, lines) in Self.files("Sources") where lines.count > 400 {
            Issue.record("\(path) has \(lines.count) lines and wants a second room")
        }
    }
}
