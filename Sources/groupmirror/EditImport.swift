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
              "conversations":["user:bob","chatgroup:@TGS#1"]

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
        // Before root gives its rights up: the file is the caller's.
        let lines = try LineReader(file)
        let settings = try common.settingsOfMirror()
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
