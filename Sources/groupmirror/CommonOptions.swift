import ArgumentParser
import ChatModel
import Daemon
import EventLog
import Foundation
import MirrorConfiguration
import MirrorStore
import HostSystem

/// What every command understands.
struct CommonOptions: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("\(ConfigurationPlace.help)", valueName: "file"),
        completion: .file(extensions: ["yaml"]))
    var config: String?

    func settings() throws -> MirrorSettings {
        try OpenFiles.demandAFew()
        return try ConfigurationPlace.settings(config)
    }

    /// The configuration, for a command that goes on to the mirror: root does so as its owner.
    func settingsOfMirror() throws -> MirrorSettings {
        let settings = try settings()
        try ServiceUser.become(ownerOf: settings.database)
        return settings
    }

    /// The same for a command that may call the cloud itself.
    func work() throws -> CloudWork {
        let settings = try settings()
        return try CloudWork(settings: settings, log: quietLog(settings))
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

extension SpanText {
    /// Reads the value of an option.
    /// - Parameter examples: of what it takes.
    static func read(_ text: String, of option: String, like examples: String) throws -> Duration {
        guard let span = read(text) else {
            throw ValidationError(
                "\(option) must be a time with its unit, like \(examples), not '\(text)'")
        }
        return span
    }
}
