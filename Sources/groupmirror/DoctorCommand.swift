import ArgumentParser
import Daemon
import MirrorConfiguration
import HostSystem

/// `doctor`: what could be wrong, looked through at once.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Look through everything that can be wrong, a line each, with advice.",
        discussion: """
            Configuration, key, list of users, rights as the service's user has them, disk, database, daemon, the \
            unit of systemd, address and certificate of the cloud, this machine's clock against the cloud's, one call \
            (without a daemon; a running one says how its calls end), and whether others use the limit. \
            A large database takes some seconds a gigabyte to check.

            ok      nothing to do
            note    works, but look at it
            BAD     does not work

            The exit status is that of the first BAD.

            Example: after an installation, as root, to see the key and the rights as well.
              sudo groupmirror doctor --config shop
            """)

    @OptionGroup var common: CommonOptions
    @OptionGroup var output: JSONOption

    func run() async throws {
        var doctor = Doctor()
        let findings = try await doctor.examine(common)
        for finding in findings { finding.print(as: OutputFormat(output)) }
        Output.leave(findings.lazy.compactMap(\.badStatus).first ?? .done)
    }
}

/// What one look has found.
struct Finding {
    /// How well it is.
    enum Grade {
        case fine
        case note
        /// With the status that the program ends with for it.
        case bad(ExitStatus)

        var word: String {
            switch self {
            case .fine: "ok"
            case .note: "note"
            case .bad: "BAD"
            }
        }
    }

    /// What was looked at, in a word.
    let subject: String
    let grade: Grade
    let words: String
    /// What to do; empty when nothing is.
    let advice: String

    init(_ subject: String, _ grade: Grade, _ words: String, advice: String = "") {
        (self.subject, self.grade, self.words, self.advice) = (subject, grade, words, advice)
    }

    /// What an error of a command says.
    init(_ subject: String, _ error: any Error) {
        let failure = ProgramFailure(error)
        self.init(subject, .bad(failure.status), failure.problem, advice: failure.advice)
    }

    var badStatus: ExitStatus? { if case .bad(let status) = grade { status } else { nil } }

    func print(as format: OutputFormat) {
        switch format {
        case .text:
            Output.data(
                "\(grade.word.padded(to: 4))  \(subject.padded(to: 13))  " + Output.shown(words)
                    + (advice.isEmpty ? "" : " (\(Output.shown(advice)))"))
        case .json:
            Output.data(
                JSONText.object([
                    "check": JSONText.string(subject),
                    "result": JSONText.string(grade.word.lowercased()),
                    "problem": JSONText.string(words),
                    "advice": advice.isEmpty ? nil : JSONText.string(advice),
                ]))
        }
    }
}
