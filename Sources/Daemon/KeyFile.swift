import CLinux
import ChatAPI
import Foundation
import Glibc
import MirrorConfiguration
import MirrorStore
import HostSystem

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
        let file = SecretFile(
            path, what: "the secret key file", named: "app.secret_key_file",
            whenForbidden:
                "a running service does what needs the key: systemctl start groupmirror@NAME; or use sudo"
        )
        let contents = try file.read()
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
        SecretFile.credential(credential) ?? settings.secretKeyFile
    }
}
