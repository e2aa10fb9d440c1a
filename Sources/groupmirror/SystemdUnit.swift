import Daemon
import Foundation
import MirrorConfiguration
import HostSystem

/// The service of a configuration, as systemd knows it.
enum SystemdUnit {
    /// The name of the service; nil for a configuration that is not in the standard directory.
    static func name(of settings: MirrorSettings) -> String? {
        let prefix = ConfigurationPlace.directory + "/"
        guard settings.file.hasPrefix(prefix), settings.file.hasSuffix(".yaml") else { return nil }
        let name = settings.file.dropFirst(prefix.count).dropLast(5)
        guard !name.isEmpty, name.allSatisfy({ $0.isLetter || $0.isNumber || "-_.".contains($0) })
        else { return nil }
        return "groupmirror@\(name).service"
    }

    /// How it is installed and runs.
    static func findings(_ settings: MirrorSettings) -> [Finding] {
        guard let unit = name(of: settings) else {
            return [
                Finding(
                    "service", .fine,
                    "none: the configuration is not in \(ConfigurationPlace.directory)")
            ]
        }
        guard FileManager.default.fileExists(atPath: "/run/systemd/system") else {
            return [Finding("service", .note, "this machine does not run systemd")]
        }
        let properties = [
            "LoadState", "ActiveState", "UnitFileState", "NRestarts", "Result", "FragmentPath",
            "NeedDaemonReload",
        ]
        let answer = OtherProgram.run([
            "systemctl", "show", "--property=" + properties.joined(separator: ","), unit,
        ])
        guard let answer, answer.status == 0 else {
            return [Finding("service", .note, "systemctl does not answer")]
        }
        var values: [Substring: Substring] = [:]
        for line in answer.output.lines {
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { values[parts[0]] = parts[1] }
        }
        return findings(unit, values)
    }

    private static func findings(_ unit: String, _ values: [Substring: Substring]) -> [Finding] {
        guard values["LoadState"] == "loaded" else {
            return [
                Finding(
                    "service", .note, "\(unit) is not installed",
                    advice: "install the package, or 'make install'")
            ]
        }
        let state = values["ActiveState"] ?? "unknown"
        var found: [Finding] = []
        let words =
            "\(unit) is \(state), \(values["UnitFileState"] ?? "-"), restarted \(values["NRestarts"] ?? "0") times"
        if state == "failed" {
            found.append(
                Finding(
                    "service", .bad(.unexpected), words + ", \(values["Result"] ?? "")",
                    advice: "journalctl -u \(unit) -n 20 shows why"))
        } else if values["UnitFileState"] != "enabled" {
            found.append(
                Finding(
                    "service", .note, words,
                    advice: "it does not start with the machine: systemctl enable \(unit)"))
        } else {
            found.append(Finding("service", .fine, words))
        }
        if values["NeedDaemonReload"] == "yes" {
            found.append(
                Finding(
                    "service", .note, "its files have changed since systemd read them",
                    advice: "systemctl daemon-reload"))
        }
        if let key = fileOfKey(unit), !FileManager.default.fileExists(atPath: key) {
            found.append(
                Finding(
                    "service", .bad(.configuration),
                    "its key, \(key), is not there: it does not start (243)",
                    advice: "sudo install -m 600 /dev/stdin \(key)"))
        }
        let packaged = ["/usr/lib/systemd/system/", "/lib/systemd/system/"].map {
            $0 + "groupmirror@.service"
        }
        if let path = values["FragmentPath"], path.hasPrefix("/etc/"),
            packaged.contains(where: FileManager.default.fileExists)
        {
            found.append(
                Finding(
                    "service", .note, "\(path) hides the unit of the package",
                    advice: "remove it; changes belong into a drop-in"))
        }
        return found
    }
}

extension SystemdUnit {
    /// The file from which systemd hands the key over, by the unit's own files: `systemctl show` does not print it.
    private static func fileOfKey(_ unit: String) -> String? {
        let instance = unit.drop { $0 != "@" }.dropFirst().dropLast(".service".count)
        let files = OtherProgram.run(["systemctl", "cat", unit])?.output ?? ""
        var path: Substring?
        for line in files.lines {
            guard line.hasPrefix("LoadCredential") else { continue }
            let value = line.drop { $0 != "=" }.dropFirst()
            // An empty one takes back those before.
            if value.isEmpty { path = nil }
            if value.hasPrefix(KeyFile.credential + ":") {
                path = value.dropFirst(KeyFile.credential.count + 1)
            }
        }
        return path.map { String($0).replacing("%i", with: String(instance)) }
    }
}
