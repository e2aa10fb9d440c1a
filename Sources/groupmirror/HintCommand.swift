import ArgumentParser
import ChatModel
import Foundation
import MirrorConfiguration
import SyncRules
import HostSystem

/// `hint`: says that users came online, went offline or changed something.
struct HintCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hint",
        abstract: "Say who is online or has just changed something.",
        discussion: """
            The daemon pulls such users sooner: within seconds when they have changed something, soon when \
            they have gone offline. A hint is evidence of nothing and may get lost; no program waits for it.

            With '-' hints are read from standard input, a line each: online, offline or changed, a space, \
            the user's id, and after a tab, if it is known, when that happened, in milliseconds since 1970. \
            At most \(HintGate.most) are taken in a second.

            Examples: from the app's own backend, and from a stream of notices.
              groupmirror hint changed customer-0042
              notices | groupmirror hint -
            """)

    @OptionGroup var common: CommonOptions
    @Argument(
        help: ArgumentHelp(
            "online, offline or changed; or - for lines of standard input.", valueName: "kind"))
    var kind: String
    @Argument(help: ArgumentHelp("Of these users.", valueName: "user")) var users: [String] = []

    func validate() throws {
        if kind == "-" {
            guard users.isEmpty else {
                throw ValidationError("with '-' the users stand in the lines of standard input")
            }
        } else if Hint(rawValue: kind) == nil {
            throw ValidationError(
                "'\(kind)' is none of \(Hint.allCases.map(\.rawValue).joined(separator: ", ")), -")
        } else if users.isEmpty {
            throw ValidationError("say of which users")
        }
    }

    func run() throws {
        var sender = try HintSender(common.settings().hintsSocket)
        if let kind = Hint(rawValue: kind) {
            for user in try userIDs(users) { sender.add(HintLine(kind, user)) }
        } else {
            try sendLines(&sender)
        }
        sender.send()
        guard sender.lost == 0 else {
            throw ProgramFailure(
                .locked, "\(counted(sender.lost, "hint")) got lost: the daemon does not read them",
                advice:
                    "nothing is wrong with the mirror; 'groupmirror status' says how the daemon is")
        }
    }

    /// Lines that are none are named and left out; the others are sent.
    private func sendLines(_ sender: inout HintSender) throws {
        var (faults, lines) = (0, 0)
        let reader = try LineReader("-", advice: "what came before it was sent")
        while let line = try reader.next() {
            lines += 1
            if !line.isEmpty {
                do throws(HintFault) {
                    sender.add(try HintLine(line))
                } catch {
                    faults += 1
                    if faults <= Self.mostNamed { Output.note("line \(lines): \(error)") }
                }
            }
            // A stream may stand still: what has come is sent.
            if !reader.hasLineAtHand { sender.send() }
        }
        guard faults > 0 else { return }
        throw ProgramFailure(
            .usage, "\(counted(faults, "line")) of \(lines) are no hints",
            advice: "the others were sent; 'groupmirror hint --help' shows the form")
    }

    private static let mostNamed = 20
}
