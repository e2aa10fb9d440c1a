import ArgumentParser
import ChatModel
import Daemon
import Foundation
import MirrorStore
import SyncRules

/// `edit import`: many edits, all or nothing.
struct EditImport: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Queue edits from a file, one JSON object a line; all of them or none.",
        discussion: """
            Each line has "user", "op" and, if it shall have one, "key":

              {"key":"k1","user":"u1","op":"rename","group":"a","new_name":"b"}
              {"user":"u1","op":"delete","group":"b"}

            "create", "add" and "remove" have a "group" and the conversations:

              "conversations":[{"type":1,"peer":"bob"},{"type":2,"peer":"@TGS#1"}]

            "mark" has one conversation, and of the rest what it changes:

              "conversation":{"type":1,"peer":"bob"},"set":[0],"clear":[1],"custom":"x"

            The file is read as a stream; a mistake names its line, and nothing is queued. While it is \
            read, the daemon does not write, and other commands that queue edits wait.

            Example: a file, or what another program prints.
              groupmirror edit import edits.jsonl
              make-edits | groupmirror edit import -
            """)

    @OptionGroup var common: CommonOptions
    @OptionGroup var output: JSONOption
    @Argument(help: "The file; - for standard input.") var file: String

    func run() throws {
        let settings = try common.settings()
        let lines = try LineReader(file)
        var (queued, known) = (0, 0)
        try settings.queue { queue in
            while let line = try lines.next() {
                guard !line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) else { continue }
                do {
                    let accepted = try queue.add(try EditLine.order(line))
                    if accepted.isNew { queued += 1 } else { known += 1 }
                } catch let fault as EditFault {
                    throw EditFault(
                        "\(lines.name):\(lines.number): \(fault.problem)",
                        advice: (fault.advice.isEmpty ? "" : fault.advice + "; ")
                            + "nothing was queued")
                }
            }
        }
        switch OutputFormat(output) {
        case .text:
            Output.note("queued \(counted(queued, "edit")), \(known) known by their keys")
        case .json:
            Output.data(
                JSONText.object([
                    "queued": JSONText.number(queued), "known": JSONText.number(known),
                ]))
        }
    }
}

/// One line of an import.
enum EditLine {
    private struct Line: Decodable {
        let key: String?
        let user: String
        let op: String
        let group: String?
        let conversations: [Conversation]?
        let newName: String?
        let conversation: Conversation?
        let set: [Int]?
        let clear: [Int]?
        let custom: String?
        /// Of all members, to find those that mean nothing.
        let names: [String]

        init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: CodingKeys.self)
            key = try fields.decodeIfPresent(String.self, forKey: .key)
            user = try fields.decode(String.self, forKey: .user)
            op = try fields.decode(String.self, forKey: .op)
            group = try fields.decodeIfPresent(String.self, forKey: .group)
            conversations = try fields.decodeIfPresent([Conversation].self, forKey: .conversations)
            newName = try fields.decodeIfPresent(String.self, forKey: .newName)
            conversation = try fields.decodeIfPresent(Conversation.self, forKey: .conversation)
            set = try fields.decodeIfPresent([Int].self, forKey: .set)
            clear = try fields.decodeIfPresent([Int].self, forKey: .clear)
            custom = try fields.decodeIfPresent(String.self, forKey: .custom)
            names = try decoder.container(keyedBy: Name.self).allKeys.map(\.stringValue)
        }

        private struct Name: CodingKey {
            let stringValue: String
            var intValue: Int? { nil }
            init(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }

        enum CodingKeys: String, CodingKey, CaseIterable {
            case key, user, op, group, conversations
            case newName = "new_name"
            case conversation, set, clear, custom
        }

        struct Conversation: Decodable {
            let type: Int
            let peer: String
        }
    }

    /// Which members belong to which operation, besides key, user and op.
    private static let members: [EditOperation.Kind: Set<String>] = [
        .create: ["group", "conversations"], .add: ["group", "conversations"],
        .remove: ["group", "conversations"], .rename: ["group", "new_name"], .delete: ["group"],
        .mark: ["conversation", "set", "clear", "custom"],
    ]

    /// Reads a line; throws an `EditFault` when it is none.
    static func order(_ bytes: some Sequence<UInt8>) throws -> EditOrder {
        let data = Data(bytes)
        guard String(validating: data, as: UTF8.self) != nil else {
            throw EditFault("the line is not UTF-8")
        }
        let line: Line
        do {
            line = try JSONDecoder().decode(Line.self, from: data)
        } catch let error as DecodingError {
            throw EditFault(words(error))
        }
        guard let kind = EditOperation.Kind(rawValue: line.op) else {
            let known = EditOperation.Kind.allCases.map(\.rawValue).joined(separator: ", ")
            throw EditFault("'\(line.op)' is no operation", advice: "one of \(known)")
        }
        let allowed = members[kind, default: []].union(["key", "user", "op"])
        if let strange = line.names.filter({ !allowed.contains($0) }).min() {
            throw EditFault(
                "\"\(strange)\" means nothing to \(line.op)",
                advice: "it knows " + allowed.sorted().joined(separator: ", "))
        }
        let user: UserID
        do {
            user = try UserID(line.user)
        } catch {
            throw EditFault("\(error)")
        }
        return EditOrder(user: user, key: line.key, operation: try operation(kind, line))
    }

    private static func operation(_ kind: EditOperation.Kind, _ line: Line) throws
        -> EditOperation
    {
        func needed<Value>(_ value: Value?, _ name: String) throws -> Value {
            guard let value else { throw EditFault("\(line.op) needs \"\(name)\"") }
            return value
        }
        func ids() throws -> [ConversationID] {
            try needed(line.conversations, "conversations").map(id)
        }
        func group() throws -> GroupReference {
            GroupReference(id: nil, name: ExactText(try needed(line.group, "group")))
        }
        switch kind {
        case .create: return .create(name: try group().name, try ids())
        case .add: return .add(try ids(), to: try group())
        case .remove: return .remove(try ids(), from: try group())
        case .rename:
            return .rename(try group(), to: ExactText(try needed(line.newName, "new_name")))
        case .delete: return .delete(try group())
        case .mark:
            return .mark(
                try id(try needed(line.conversation, "conversation")),
                MarkEdit(
                    set: try bits(line.set), clear: try bits(line.clear),
                    custom: line.custom.map { ExactText($0) }))
        }
    }

    private static func id(_ written: Line.Conversation) throws -> ConversationID {
        guard let kind = ConversationID.Kind(rawValue: written.type) else {
            throw EditFault(
                "\"type\" is \(written.type)", advice: "1 is a user, 2 is a chat group")
        }
        return ConversationID(kind, ExactText(written.peer))
    }

    private static func bits(_ numbers: [Int]?) throws -> StandardMark {
        if let wrong = numbers?.first(where: { !(0...63).contains($0) }) {
            throw EditFault("mark \(wrong) is none: 0 to 63")
        }
        return StandardMark(numbers: numbers ?? [])
    }

    private static func words(_ error: DecodingError) -> String {
        switch error {
        case .keyNotFound(let key, _): "\"\(key.stringValue)\" is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            "\"\(context.codingPath.last?.stringValue ?? "the line")\" has the wrong type"
        case .dataCorrupted(let context) where !context.codingPath.isEmpty:
            "\"\(context.codingPath[0].stringValue)\" has the wrong type"
        default: "this is no JSON object"
        }
    }
}

/// Lines of a file or of standard input, without the newline; one at a time.
final class LineReader {
    let name: String
    private(set) var number = 0
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var start = 0
    private var isAtEnd = false

    /// Longer lines are refused: a thousand conversations fit into a tenth of it.
    private static let longest = 1 << 20

    init(_ file: String) throws {
        name = file == "-" ? "standard input" : file
        descriptor = file == "-" ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw ProgramFailure(
                .usage, "\(file): it cannot be read: \(String(cString: strerror(errno)))")
        }
    }

    deinit {
        if descriptor > STDERR_FILENO { close(descriptor) }
    }

    /// The next line; nil at the end.
    func next() throws -> ArraySlice<UInt8>? {
        while true {
            if let end = buffer[start...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { start = end + 1 }
                number += 1
                return buffer[start..<end]
            }
            if isAtEnd {
                defer { start = buffer.count }
                number += 1
                return start < buffer.count ? buffer[start...] : nil
            }
            try fill()
        }
    }

    private func fill() throws {
        buffer.removeFirst(start)
        start = 0
        guard buffer.count <= Self.longest else {
            throw EditFault(
                "\(name):\(number + 1): the line has over \(Self.longest) bytes",
                advice: "nothing was queued")
        }
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        let count = read(descriptor, &piece, piece.count)
        guard count >= 0 else {
            throw EditFault("\(name): it cannot be read: \(String(cString: strerror(errno)))")
        }
        isAtEnd = count == 0
        buffer += piece[..<count]
    }
}
