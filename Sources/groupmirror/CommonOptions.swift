import ArgumentParser
import ChatModel
import Daemon
import EventLog
import Foundation
import MirrorConfiguration
import MirrorStore

/// What every command understands.
struct CommonOptions: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "The configuration file (default: $GROUPMIRROR_CONFIG, else \(standardPath)).",
            valueName: "file"))
    var config: String?

    private static let standardPath = "/etc/groupmirror/groupmirror.yaml"

    private var path: String {
        config ?? ProcessInfo.processInfo.environment["GROUPMIRROR_CONFIG"] ?? Self.standardPath
    }

    func settings() throws -> MirrorSettings {
        try OpenFiles.demandAFew()
        do {
            return try MirrorSettings.read(path)
        } catch {
            guard config == nil, error.line == nil,
                ProcessInfo.processInfo.environment["GROUPMIRROR_CONFIG"] == nil
            else { throw error }
            throw ConfigurationFault(
                file: error.file, problem: error.problem,
                advice: "name the configuration with --config FILE or $GROUPMIRROR_CONFIG")
        }
    }

    /// The configuration, for a command that goes on to the mirror: root does so as its owner.
    func settingsOfMirror() throws -> MirrorSettings {
        let settings = try settings()
        try ServiceUser.become(ownerOf: settings.database)
        return settings
    }

    /// The mirror, for reading.
    func reader() throws -> MirrorReader {
        let settings = try settingsOfMirror()
        return try MirrorReader(path: settings.database, sdkAppID: settings.sdkAppID)
    }
}

/// `--json`, wherever data is printed.
struct JSONOption: ParsableArguments {
    @Flag(name: .long, help: "Print one JSON object a line.")
    var json = false
}

/// A log for commands at a terminal: errors only, on standard error.
func quietLog(_ settings: MirrorSettings) -> Log {
    Log(
        app: settings.sdkAppID, level: .error, format: .logfmt, time: SystemTimekeeper(),
        redactor: Redactor(), write: { line, _ in Output.raw(line, to: STDERR_FILENO) })
}

/// User ids of the command line.
func userIDs(_ texts: [String]) throws -> [UserID] {
    var seen: Set<UserID> = []
    return try texts.compactMap { text in
        do {
            let id = try UserID(text)
            return seen.insert(id).inserted ? id : nil
        } catch {
            throw ValidationError("\(error)")
        }
    }
}
