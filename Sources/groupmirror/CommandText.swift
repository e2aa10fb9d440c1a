import ArgumentParser
import Glibc
import MirrorConfiguration
import MirrorStore
import HostSystem

// Before any command: what the process was given.

/// The words of the command line.
enum CommandText {
    /// Refuses words that are not UTF-8: they would be read with other characters in their place, and
    /// two different keys of edits would be one.
    static func check() throws(ProgramFailure) {
        for position in 1..<max(1, Int(CommandLine.argc)) {
            guard let word = CommandLine.unsafeArgv[position],
                String(validatingCString: word) == nil
            else { continue }
            throw ProgramFailure(
                .usage,
                "the command's word \(position), '\(String(cString: word))', is not UTF-8",
                advice: "groups, marks, users and keys are UTF-8: convert the text first")
        }
        try refuseRepetition(CommandLine.arguments.dropFirst())
    }

    /// Options that are lists, and flags, of which a second one says nothing else.
    private static let repeatable: Set<String> = [
        "--set", "--clear", "--json", "--all", "--yes", "--force", "--pending", "--follow",
        "--watch", "--online", "--dry-run", "--create", "--with-seq", "--help", "--version",
    ]

    /// Refuses an option that is given twice: the parser would take the last one in silence.
    static func refuseRepetition(_ words: some Sequence<String>) throws(ProgramFailure) {
        var seen: Set<Substring> = []
        for word in words {
            // What follows is data.
            if word == "--" { return }
            guard word.hasPrefix("--") || word == "-c" else { continue }
            let name = word == "-c" ? "--config" : word.prefix { $0 != "=" }
            guard !repeatable.contains(String(name)), !seen.insert(name).inserted else { continue }
            throw ProgramFailure(.usage, "\(name) is given twice", advice: "give it once")
        }
    }
}

extension CommandText {
    /// What is typed after the program's name. A time may follow `--wait`; without one it waits for as long
    /// as it takes.
    static var words: [String] {
        var words: [String] = []
        var rest = CommandLine.arguments.dropFirst()
        while let word = rest.popFirst() {
            words.append(word)
            if word == "--" { return words + rest }
            if word == "--wait", rest.first.flatMap(SpanText.read) == nil, rest.first != forever {
                words.append(forever)
            }
        }
        return words
    }

    static let forever = "forever"

    /// Errors are wanted as JSON too.
    static var wantsJSON: Bool {
        CommandLine.arguments.dropFirst().prefix { $0 != "--" }.contains("--json")
    }

    /// Refuses a command that does not exist, with the nearest that does: the parser would call it an
    /// argument.
    static func checkNames(under root: any ParsableCommand.Type) throws(ProgramFailure) {
        var command = root
        var path = ["groupmirror"]
        for word in CommandLine.arguments.dropFirst() {
            let names = command.configuration.subcommands.map { ($0._commandName, $0) }
            guard !names.isEmpty, !word.hasPrefix("-"), word != "help" else { return }
            guard let next = names.first(where: { $0.0 == word }) else {
                let near = nearest(to: word, among: names.map(\.0))
                throw ProgramFailure(
                    .usage, "there is no command '\(path.joined(separator: " ")) \(word)'",
                    advice: (near.map { "did you mean '\($0)'? " } ?? "")
                        + "'\(path.joined(separator: " ")) --help' lists them")
            }
            (command, path) = (next.1, path + [word])
        }
    }
}

/// Standard input, output and error.
enum Streams {
    /// Makes them what the commands rely on.
    static func prepare() {
        Output.isClosed = fcntl(STDOUT_FILENO, F_GETFD) < 0
        // One that is closed would be the first file that is opened, a database perhaps.
        while true {
            let descriptor = open("/dev/null", O_RDWR)
            if descriptor > STDERR_FILENO || descriptor < 0 {
                close(descriptor)
                break
            }
        }
        // systemd and others start their children with this signal ignored: a command would not notice
        // that its output is no longer read. Those that call the cloud ignore it themselves.
        signal(SIGPIPE, SIG_DFL)
    }
}
