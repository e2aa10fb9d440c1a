import ChatEmulator
import Foundation

/// A directory in which `groupmirror` finds everything to mirror this emulator.
struct Setup {
    let directory: String

    /// A configuration stands there that this program has not written.
    struct Foreign: Error, CustomStringConvertible {
        let path: String
        var description: String {
            "\(path) was not written by chat-emulator --setup: name another directory"
        }
    }

    private static let mark = "# Written by chat-emulator --setup"

    /// Writes the configuration, the key (readable by its owner alone) and the list of users;
    /// replaces what an earlier run has written. Makes the directory, but not its parents.
    func write(_ options: EmulatorOptions, endpoint: String) throws {
        let folder = URL(fileURLWithPath: directory, isDirectory: true)
        if !FileManager.default.fileExists(atPath: folder.path) {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        }
        let file = folder.appending(path: "groupmirror.yaml")
        if let old = try? String(contentsOf: file, encoding: .utf8), !old.hasPrefix(Self.mark) {
            throw Foreign(path: file.path)
        }
        let configuration = """
            \(Self.mark); config/groupmirror.yaml explains every key.
            app:
              sdk_app_id: \(options.sdkAppID)
              admin: \(options.admin)
              endpoint: \(endpoint)
              secret_key_file: secret.key
            users:
              file: users.txt
            mirror:
              database: mirror.db

            """
        try configuration.write(
            to: file, atomically: true, encoding: .utf8)
        try writeKey(options.key, to: folder.appending(path: "secret.key").path)
        let names = CloudCore.userNames(options.users).joined(separator: "\n")
        try (names + "\n").write(
            to: folder.appending(path: "users.txt"), atomically: true, encoding: .utf8)
    }

    private func writeKey(_ key: String, to path: String) throws {
        try? FileManager.default.removeItem(atPath: path)
        guard
            FileManager.default.createFile(
                atPath: path, contents: Data((key + "\n").utf8),
                attributes: [.posixPermissions: 0o600])
        else { throw CocoaError(.fileWriteUnknown) }
    }
}
