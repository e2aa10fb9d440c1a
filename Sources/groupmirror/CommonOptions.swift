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
            "The configuration: a file, or NAME for \(ConfigurationPlace.directory)/NAME.yaml "
                + "(default: $GROUPMIRROR_CONFIG, else the name groupmirror).",
            valueName: "file"), completion: .file(extensions: ["yaml"]))
    var config: String?

    private var path: String {
        ConfigurationPlace.path(
            of: config ?? ProcessInfo.processInfo.environment["GROUPMIRROR_CONFIG"]
                ?? "groupmirror")
    }

    func settings() throws -> MirrorSettings {
        try OpenFiles.demandAFew()
        do {
            return try MirrorSettings.read(path)
        } catch {
            if !error.advice.isEmpty { throw error }
            if let config, error.line == nil, path != config {
                throw ConfigurationFault(
                    file: error.file, problem: error.problem,
                    advice: ConfigurationPlace.known)
            }
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

/// Where configurations are, one for each app.
enum ConfigurationPlace {
    /// As installed; another one is for tests and for trying things out.
    static var directory: String {
        ProcessInfo.processInfo.environment["GROUPMIRROR_CONFIG_DIR"] ?? "/etc/groupmirror"
    }

    /// A word without slash and dot is the name of a file there.
    static func path(of text: String) -> String {
        text.contains("/") || text.contains(".") || text.isEmpty
            ? text : "\(directory)/\(text).yaml"
    }

    /// What a wrong name is answered with.
    static var known: String {
        let names = ((try? all()) ?? []).joined(separator: ", ")
        return names.isEmpty
            ? "there is no configuration in \(directory); --config takes a file, too"
            : "the names in \(directory) are: \(names)"
    }

    /// The names of all of them, ascending, without the example.
    static func all() throws -> [String] {
        let files: [String]
        do {
            files = try FileManager.default.contentsOfDirectory(atPath: directory)
        } catch {
            throw ProgramFailure(
                .configuration, "\(directory): it cannot be read",
                advice: "--all looks at every configuration there; --config names one")
        }
        let names = files.filter {
            $0.hasSuffix(".yaml") && $0 != "example.yaml" && !$0.hasPrefix(".")
        }
        .map { String($0.dropLast(5)) }.sorted()
        guard !names.isEmpty else {
            throw ProgramFailure(
                .configuration, "\(directory): there is no configuration",
                advice: "--all looks at every file.yaml there; --config names one")
        }
        return names
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
