import CLinux
import ChatAPI
import Foundation
import Glibc
import MirrorConfiguration
import MirrorStore

// Where the app's key comes from, and what is demanded of it. From here on no core dump of this
// process is made, for it would hold the key.

/// Finds and reads the secret key.
package enum KeyFile {
    /// The name of the systemd credential, which wins over the configuration.
    package static let credential = "secret_key"

    /// Reads the key, from the systemd credential if there is one, otherwise from `app.secret_key_file`.
    /// From here on the process makes no core dump.
    /// - Throws: what is wrong with the file, without a word of its content.
    package static func read(_ settings: MirrorSettings) throws(ConfigurationFault) -> SecretKey {
        _ = gm_forbid_core_dumps()
        guard let path = path(settings) else {
            throw ConfigurationFault(
                file: settings.file, problem: "app.secret_key_file is missing",
                advice: "or give the systemd credential '\(credential)' (LoadCredential=)")
        }
        let contents = try readOnce(path)
        do {
            return try SecretKey(contents: contents)
        } catch {
            throw ConfigurationFault(
                file: path, problem: "this is no secret key: \(error.fault)",
                advice: "the Chat console shows the key; put it alone into the file")
        }
    }

    /// Whether the key is there and this user may not read it: where root keeps it, the service gets it from
    /// systemd, and members of the service's group work without it.
    package static func isKept(from settings: MirrorSettings) -> Bool {
        guard let path = path(settings) else { return false }
        return !OwnedFile.mayAccess(path, R_OK) && errno == EACCES
    }

    private static func path(_ settings: MirrorSettings) -> String? {
        if let directory = ProcessInfo.processInfo.environment["CREDENTIALS_DIRECTORY"] {
            let path = directory + "/" + credential
            if FileManager.default.fileExists(atPath: path) { return path }
        }
        return settings.secretKeyFile
    }

    /// A key is far shorter.
    private static let mostBytes = 4096

    /// Opens the file once, and checks what was opened: by its name it could be another one by then. A
    /// link to a proper file is fine, since secrets are mounted as links.
    private static func readOnce(_ path: String) throws(ConfigurationFault) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw unreadable(path, errno) }
        defer { close(descriptor) }
        var file = stat()
        guard fstat(descriptor, &file) == 0 else { throw unreadable(path, errno) }
        switch file.st_mode & S_IFMT {
        case S_IFREG: break
        case S_IFDIR:
            throw ConfigurationFault(
                file: path, problem: "the secret key file is a directory",
                advice: "app.secret_key_file names a file that holds the key alone")
        default:
            throw ConfigurationFault(
                file: path, problem: "the secret key file is no regular file",
                advice: "app.secret_key_file names a file that holds the key alone")
        }
        guard file.st_mode & 0o007 == 0 else {
            throw ConfigurationFault(
                file: path, problem: "every user of this machine may read or write the secret key",
                advice: "chmod 600 \(path)")
        }
        guard file.st_uid == 0 || file.st_uid == geteuid() else {
            throw ConfigurationFault(
                file: path, problem: "the secret key file belongs to user \(file.st_uid)",
                advice: "it must belong to root or to the user that runs groupmirror")
        }
        var bytes = [UInt8](repeating: 0, count: mostBytes + 1)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        guard count >= 0 else { throw unreadable(path, errno) }
        guard count <= mostBytes else {
            throw ConfigurationFault(
                file: path, problem: "the secret key file has over \(mostBytes) bytes",
                advice: "it holds the key that the Chat console shows, and nothing else")
        }
        guard let text = String(validating: bytes.prefix(count), as: UTF8.self)
        else {
            throw ConfigurationFault(
                file: path, problem: "the secret key file cannot be read as text",
                advice: "it holds the key that the Chat console shows, and nothing else")
        }
        return text
    }

    private static func unreadable(_ path: String, _ error: Int32) -> ConfigurationFault {
        return ConfigurationFault(
            file: path, problem: MirrorConfiguration.unreadable("the secret key file", error),
            advice: error == EACCES
                ? "a running service does what needs the key: systemctl start groupmirror@NAME; or use sudo"
                : "app.secret_key_file names it; it holds the key that the Chat console shows")
    }
}
