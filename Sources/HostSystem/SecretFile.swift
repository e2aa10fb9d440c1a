import Foundation
import Glibc
import MirrorConfiguration

/// A file that holds a secret alone: who may read it is checked, and no word of it reaches an error.
package struct SecretFile {
    private let path: String
    private let what: String
    private let name: String
    private let whenForbidden: String

    /// - Parameters:
    ///   - what: is the file called in an error: `the secret key file`.
    ///   - name: of the setting or option that names it.
    ///   - whenForbidden: advice for a user who may not read it.
    package init(_ path: String, what: String, named name: String, whenForbidden: String) {
        self.path = path
        self.what = what
        self.name = name
        self.whenForbidden = whenForbidden
    }

    /// The file of a credential that systemd has handed over; nil without one.
    package static func credential(_ name: String) -> String? {
        guard let directory = ProcessInfo.processInfo.environment["CREDENTIALS_DIRECTORY"]
        else { return nil }
        let path = directory + "/" + name
        return FileManager.default.fileExists(atPath: path) ? path : nil
    }

    /// A secret is far shorter.
    private static let mostBytes = 4096

    /// Opens the file once, and checks what was opened: by its name it could be another one by then. A
    /// link to a proper file is fine, since secrets are mounted as links.
    package func read() throws(ConfigurationFault) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw unreadable(errno) }
        defer { close(descriptor) }
        var file = stat()
        guard fstat(descriptor, &file) == 0 else { throw unreadable(errno) }
        let alone = "\(name) names a file that holds the secret alone"
        switch file.st_mode & S_IFMT {
        case S_IFREG: break
        case S_IFDIR: throw fault("\(what) is a directory", alone)
        default: throw fault("\(what) is no regular file", alone)
        }
        guard file.st_mode & 0o007 == 0 else {
            throw fault(
                "every user of this machine may read or write \(what)", "chmod 600 \(path)")
        }
        guard file.st_uid == 0 || file.st_uid == geteuid() else {
            throw fault(
                "\(what) belongs to user \(file.st_uid)",
                "it must belong to root or to the user that runs groupmirror")
        }
        var bytes = [UInt8](repeating: 0, count: Self.mostBytes + 1)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        guard count >= 0 else { throw unreadable(errno) }
        guard count <= Self.mostBytes else {
            throw fault("\(what) has over \(Self.mostBytes) bytes", alone)
        }
        guard let text = String(validating: bytes.prefix(count), as: UTF8.self) else {
            throw fault("\(what) cannot be read as text", alone)
        }
        return text
    }

    private func unreadable(_ error: Int32) -> ConfigurationFault {
        fault(
            MirrorConfiguration.unreadable(what, error),
            error == EACCES ? whenForbidden : "\(name) names it; it holds the secret alone")
    }

    private func fault(_ problem: String, _ advice: String) -> ConfigurationFault {
        ConfigurationFault(file: path, problem: problem, advice: advice)
    }
}
