import CLinux
import ChatAPI
import Foundation
import MirrorConfiguration

// Where the app's key comes from, and what is demanded of it. From here on no core dump of this
// process is made, for it would hold the key.

/// Finds and reads the secret key.
package enum KeyFile {
    /// The name of the systemd credential, which wins over the configuration.
    package static let credential = "secret_key"

    package static func read(_ settings: MirrorSettings) throws(ConfigurationFault) -> SecretKey {
        _ = gm_forbid_core_dumps()
        guard let path = path(settings) else {
            throw ConfigurationFault(
                file: settings.file, problem: "app.secret_key_file is missing",
                advice: "or give the systemd credential '\(credential)' (LoadCredential=)")
        }
        let contents: String
        do {
            try refuseOpenToAll(path)
            contents = try String(contentsOfFile: path, encoding: .utf8)
        } catch let fault as ConfigurationFault {
            throw fault
        } catch {
            throw unreadable(path, error)
        }
        do {
            return try SecretKey(contents: contents)
        } catch {
            throw ConfigurationFault(
                file: path, problem: "this is no secret key: \(error.fault)",
                advice: "the Chat console shows the key; put it alone into the file")
        }
    }

    private static func path(_ settings: MirrorSettings) -> String? {
        if let directory = ProcessInfo.processInfo.environment["CREDENTIALS_DIRECTORY"] {
            let path = directory + "/" + credential
            if FileManager.default.fileExists(atPath: path) { return path }
        }
        return settings.secretKeyFile
    }

    private static func refuseOpenToAll(_ path: String) throws {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        if attributes[.type] as? FileAttributeType == .typeDirectory {
            throw ConfigurationFault(
                file: path, problem: "the secret key file is a directory",
                advice: "app.secret_key_file names a file that holds the key alone")
        }
        guard let mode = attributes[.posixPermissions] as? Int, mode & 0o007 != 0 else { return }
        throw ConfigurationFault(
            file: path, problem: "every user of this machine may read the secret key",
            advice: "chmod 600 \(path)")
    }

    private static func unreadable(_ path: String, _ error: any Error) -> ConfigurationFault {
        let problem =
            switch (error as? CocoaError)?.code {
            case .fileReadNoSuchFile, .fileNoSuchFile: "the secret key file does not exist"
            case .fileReadNoPermission: "the secret key file may not be read by this user"
            default: "the secret key file cannot be read as text"
            }
        return ConfigurationFault(
            file: path, problem: problem,
            advice: "app.secret_key_file names it; it holds the key that the Chat console shows")
    }
}
