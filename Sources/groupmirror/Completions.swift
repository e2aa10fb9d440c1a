import ArgumentParser
import ChatModel
import MirrorConfiguration
import MirrorStore

// What the shells offer: `groupmirror --generate-completion-script bash` makes their scripts, which ask this
// program for what only the mirror knows. Nothing is offered where the mirror cannot be read.

extension CompletionKind {
    /// Users of the mirror that the configuration on the line names.
    static let users = custom { words, _, prefix in
        TypedCommand(words).reader.flatMap {
            try? $0.users(beginningWith: TypedCommand.plain(prefix), most: 100)
        } ?? []
    }

    /// The groups of the user who stands before on the line.
    static let groups = custom { words, index, _ in
        let command = TypedCommand(words.prefix(max(0, index)))
        // edit add USER
        guard command.positions.count > 2 else { return [] }
        return command.reader.flatMap { try? $0.groups(of: command.positions[2]) } ?? []
    }

    /// The kinds of conversations; what follows the colon is only known to whoever types it.
    static let conversations = list(["user:", "chatgroup:"])
    static let editStates = list(EditState.allCases.map(\.rawValue) + ["all"])
    static let marks = list(["star", "unread", "fold", "hide"])
    static let spans = list(["30s", "5m", "1h"])
}

/// A command line that is not finished.
private struct TypedCommand {
    /// Words that are no options: the commands first.
    private(set) var positions: [String] = []
    private var configuration: String?

    private static let optionsWithValue: Set<String> = [
        "--key", "--set", "--clear", "--custom", "--skip-invalid", "--state", "--user", "--since",
        "--reason", "--older-than", "--batch", "--time", "--max-age", "--sample",
    ]

    /// - Parameter words: the program first.
    init(_ words: some Sequence<String>) {
        var rest = words.dropFirst().map(TypedCommand.plain)[...]
        while let word = rest.popFirst() {
            switch word {
            case "--config", "-c": configuration = rest.popFirst()
            case _ where word.hasPrefix("--config="): configuration = String(word.dropFirst(9))
            case _ where Self.optionsWithValue.contains(word): _ = rest.popFirst()
            case _ where word.hasPrefix("-"): break
            default: positions.append(word)
            }
        }
    }

    /// Root stays root: nothing is written, and what a shell offers needs no second start of the program.
    var reader: MirrorReader? {
        var options = CommonOptions()
        options.config = configuration
        guard let settings = try? options.settingsOfMirror() else { return nil }
        return try? MirrorReader(path: settings.database, sdkAppID: settings.sdkAppID)
    }

    /// The word without the shell's quotes and backslashes.
    static func plain(_ word: String) -> String {
        word.filter { $0 != "\"" && $0 != "'" && $0 != "\\" }
    }
}
