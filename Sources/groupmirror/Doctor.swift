import ChatAPI
import ChatModel
import Daemon
import Foundation
import Glibc
import MirrorConfiguration
import MirrorStore
import SyncEngine
import HostSystem

/// Looks through an installation. What root alone may see comes first: the mirror is looked at with the rights of its
/// owner.
struct Doctor {
    private var findings: [Finding] = []

    /// All findings, in the order in which things depend on each other.
    mutating func examine(_ common: CommonOptions) async throws -> [Finding] {
        do {
            try await look(try common.settings())
        } catch let fault as ConfigurationFault {
            findings.append(Finding("configuration", fault))
        }
        return findings
    }

    private mutating func look(_ settings: MirrorSettings) async throws {
        add("configuration", "\(settings.file), app \(settings.sdkAppID)")
        let key = lookAtKey(settings)
        lookAtList(settings)
        lookAtRights(settings)
        findings.append(contentsOf: SystemdUnit.findings(settings))
        do {
            try ServiceUser.become(ownerOf: settings.database)
        } catch {
            findings.append(Finding("rights", error))
            return
        }
        lookAtDisk(settings)
        let reader = lookAtDatabase(settings)
        let daemon = lookAtDaemon(settings, reader)
        await lookAtCloud(settings, key, daemon)
    }

    private mutating func add(_ subject: String, _ words: String) {
        findings.append(Finding(subject, .fine, words))
    }

    private mutating func note(_ subject: String, _ words: String, advice: String = "") {
        findings.append(Finding(subject, .note, words, advice: advice))
    }

    private mutating func lookAtKey(_ settings: MirrorSettings) -> SecretKey? {
        if KeyFile.isKept(from: settings) {
            note("key", "this user may not read it, so it was not looked at", advice: "sudo")
            return nil
        }
        do {
            let key = try KeyFile.read(settings)
            add("key", "\(settings.secretKeyFile ?? "of systemd"), closed to others")
            return key
        } catch {
            // The service gets a key of its own, by its name.
            let ofService = settings.file.replacing(/\.yaml$/, with: ".key")
            if SystemdUnit.name(of: settings) != nil, let path = settings.secretKeyFile,
                !OwnedFile.mayAccess(path, F_OK), errno == ENOENT,
                OwnedFile.mayAccess(ofService, F_OK)
            {
                note(
                    "key", "\(path) is not there: only the service has a key",
                    advice: "app.secret_key_file: \(ofService)")
                return nil
            }
            findings.append(Finding("key", error))
            return nil
        }
    }

    private mutating func lookAtList(_ settings: MirrorSettings) {
        do {
            var users = 0
            try UserListReader(settings).read { _ in users += 1 }
            let place = settings.usersFile ?? "in the configuration"
            if users == 0 {
                note("list", "\(place): no user", advice: "write one user id a line")
            } else {
                add("list", "\(place): \(counted(users, "line"))")
            }
        } catch {
            findings.append(Finding("list", error))
        }
    }

    /// As whoever owns the mirror sees the files: a command of root's sees everything.
    private mutating func lookAtRights(_ settings: MirrorSettings) {
        guard let user = SystemUser(ownerOf: settings.database) else {
            return note(
                "rights", "the directory of \(settings.database) is not there yet",
                advice: "the first start of the service makes it")
        }
        let closed = [settings.file, settings.usersFile].compactMap(\.self).filter {
            !user.mayRead($0)
        }
        if closed.isEmpty {
            add("rights", "\(user.name), who owns the mirror, may read configuration and list")
        } else {
            findings.append(
                Finding(
                    "rights", .bad(.configuration),
                    "\(user.name), who owns the mirror, may not read \(closed.joined(separator: " and "))",
                    advice:
                        "chgrp \(user.group) and chmod 640, and search permission on the way to it")
            )
        }
    }

    private mutating func lookAtDisk(_ settings: MirrorSettings) {
        var system = statvfs()
        let directory = OwnedFile.directory(of: settings.database)
        guard statvfs(directory, &system) == 0 else { return }
        let free = Int64(system.f_bavail) * Int64(system.f_frsize)
        let used =
            (try? FileManager.default.attributesOfItem(atPath: settings.database))
            .flatMap { $0[.size] as? Int64 } ?? 0
        let words = "\(Self.size(free)) free, the mirror has \(Self.size(used))"
        let isLow = free < max(used, 500 << 20)
        if isLow {
            note("disk", words, advice: "a backup needs as much room as the mirror")
        } else {
            add("disk", words)
        }
    }

    private static func size(_ bytes: Int64) -> String {
        bytes >= 1 << 30
            ? String(format: "%.1f GiB", Double(bytes) / Double(1 << 30)) : "\(bytes >> 20) MiB"
    }

    private mutating func lookAtDatabase(_ settings: MirrorSettings) -> MirrorReader? {
        guard LockFile.exists(settings.database) else {
            note("database", "not there yet", advice: "the first start makes it")
            return nil
        }
        do {
            let reader = try MirrorReader(
                path: settings.database, sdkAppID: settings.sdkAppID)
            if let damage = try reader.damage() {
                findings.append(
                    Finding(
                        "database", .bad(.storage), "damaged: \(damage)",
                        advice: "restore a backup (Documentation/Operations.md)"))
                return nil
            }
            let users = try reader.states().values.reduce(0, +)
            add("database", "whole, of this version, with \(counted(users, "user"))")
            return reader
        } catch {
            findings.append(Finding("database", error))
            return nil
        }
    }

    private mutating func lookAtDaemon(_ settings: MirrorSettings, _ reader: MirrorReader?) -> Bool
    {
        guard let reader, let status = try? MirrorStatus(settings, SystemTimekeeper(), reader)
        else {
            return LockFile.holder(database: settings.database) != nil
        }
        guard let process = status.process else {
            note("daemon", "not running", advice: "systemctl start groupmirror@NAME")
            return status.command != nil
        }
        if status.isSilent {
            findings.append(
                Finding(
                    "daemon", .bad(.cloudUnavailable),
                    "process \(process) has not responded since \(status.silentSince)",
                    advice: "look at its log, or restart it"))
        } else if let problem = status.heartbeat?.pulse.storeProblem {
            findings.append(Finding("daemon", .bad(.storage), "cannot write: \(problem)"))
        } else {
            add("daemon", "process \(process), responding")
        }
        if let state = try? reader.daemon(of: LockFile.holder(database: settings.database)) {
            if let failure = ProgramFailure(cloudOf: state) {
                findings.append(Finding("calls", failure))
            } else {
                add("calls", "to the daemon the cloud is \(state.cloud)")
            }
            if state.throttled > 0 {
                note(
                    "limit",
                    "the cloud refused \(state.throttled) calls as too many since the start",
                    advice: "another program may call for this app: lower limits.calls_per_second")
            } else {
                add("limit", "no call was refused as too many since the start")
            }
        }
        return true
    }

    /// - Parameter isCalling: whether another process calls the cloud: then no call is made.
    private mutating func lookAtCloud(
        _ settings: MirrorSettings, _ key: SecretKey?, _ isCalling: Bool
    ) async {
        do {
            let difference = try await CloudProbe.clockDifference(settings)
            add("address", "\(settings.endpoint) answers")
            lookAtClock(difference)
        } catch {
            findings.append(
                Finding("address", .bad(.cloudUnavailable), error.problem, advice: error.advice))
            return
        }
        // Without the directory nobody can be at work on a mirror there, and no lock can be made.
        let directory = OwnedFile.directory(of: settings.database)
        guard !isCalling, let key, OwnedFile.mayAccess(directory, F_OK) else { return }
        do {
            guard let lock = try LockFile(database: settings.database, for: .command) else {
                return
            }
            try await CloudProbe.run(
                settings, key: key, user: settings.admin, log: quietLog(settings))
            _ = consume lock
            add("calls", "the cloud accepts the app")
        } catch {
            findings.append(Finding("calls", error))
        }
    }

    private mutating func lookAtClock(_ difference: Duration?) {
        guard let difference else {
            return note("clock", "the answer had no date to compare with")
        }
        let seconds = abs(difference.milliseconds) / 1000
        if .seconds(seconds) > CloudClock.tolerance {
            findings.append(
                Finding(
                    "clock", .bad(.cloudUnavailable), "\(difference.asClockOffset) the cloud's",
                    advice: "set the clock: the cloud refuses signatures of another time"))
        } else if seconds > 5 {
            note("clock", "\(seconds) s off the cloud's", advice: "is NTP in use?")
        } else {
            add("clock", "that of the cloud")
        }
    }
}
