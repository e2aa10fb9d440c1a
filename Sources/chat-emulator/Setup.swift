import ChatEmulator
import Foundation

/// A directory in which `groupmirror` finds everything to mirror this emulator.
struct Setup {
    let directory: String

    /// Writes the configuration, the key (readable by its owner alone) and the list of users;
    /// replaces what is there.
    func write(_ options: EmulatorOptions, endpoint: String) throws {
        let folder = URL(fileURLWithPath: directory, isDirectory: true)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let configuration = """
            # Written by chat-emulator --setup; config/groupmirror.yaml explains every key.
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
            to: folder.appending(path: "groupmirror.yaml"), atomically: true, encoding: .utf8)
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
