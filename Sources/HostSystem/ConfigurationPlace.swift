import Foundation
import MirrorConfiguration

/// Where configurations are, one for each app.
package enum ConfigurationPlace {
    /// As installed; another one is for tests and for trying things out.
    package static var directory: String {
        ProcessInfo.processInfo.environment["GROUPMIRROR_CONFIG_DIR"] ?? "/etc/groupmirror"
    }

    /// A word without slash and dot is the name of a file there.
    package static func path(of text: String) -> String {
        text.contains("/") || text.contains(".") || text.isEmpty
            ? text : "\(directory)/\(text).yaml"
    }

    /// What a wrong name is answered with.
    package static var known: String {
        let names = ((try? all()) ?? []).joined(separator: ", ")
        return names.isEmpty
            ? "there is no configuration in \(directory); --config takes a file, too"
            : "the names in \(directory) are: \(names)"
    }

    /// The names of all of them, ascending, without the example.
    package static func all() throws -> [String] {
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

    /// For the option of each program.
    package static var help: String {
        "The configuration: a file, or NAME for \(directory)/NAME.yaml "
            + "(default: $GROUPMIRROR_CONFIG, else the name groupmirror)."
    }

    /// Reads a configuration.
    /// - Parameter config: the option's value; without one the environment's, or that of the service.
    /// - Throws: what is wrong with it, and where the names are that could be meant.
    package static func settings(_ config: String?) throws(ConfigurationFault) -> MirrorSettings {
        let fromEnvironment = ProcessInfo.processInfo.environment["GROUPMIRROR_CONFIG"]
        let path = path(of: config ?? fromEnvironment ?? "groupmirror")
        do {
            return try MirrorSettings.read(path)
        } catch {
            guard error.advice.isEmpty, error.line == nil else { throw error }
            let advice: String
            if let config, path != config {
                advice = known
            } else if config == nil, fromEnvironment == nil {
                advice = "name the configuration with --config FILE or $GROUPMIRROR_CONFIG"
            } else {
                throw error
            }
            throw ConfigurationFault(file: error.file, problem: error.problem, advice: advice)
        }
    }
}
