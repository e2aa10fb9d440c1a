import ArgumentParser
import ChatEmulator
import EmulatorServer
import Foundation

/// The command line of the emulator: every knob is an option.
@main
struct ChatEmulatorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chat-emulator",
        abstract: "A local stand-in for the conversation-group API of Tencent Cloud Chat.",
        discussion: """
            Prints 'listening on http://127.0.0.1:PORT' and serves until Ctrl-C or SIGTERM. The six \
            commands of the API are below /v4/recentcontact/. Beside them:

              GET  /emulator/ready    answers once calls are served
              GET  /emulator/stats    calls by command and code, widest second, milliseconds from \
            the first call to the last, faults that struck
              GET  /emulator/export   the truth, a line a user, in the form of 'groupmirror export'
              GET  /emulator/journal  every write through the API, a line each
              GET, POST, DELETE /emulator/faults   the faults in force: a JSON list like
                   [{"kind":"502","rate":"0.05","times":3,"command":"get_contact_group","user":"…"}]
                   (the rate is a string; all but the kind may be left out)
              POST /emulator/reset    back to the beginning

            With a token these take 'Authorization: Bearer TOKEN', all but ready.

            Kinds of faults:

            \(Fault.Kind.words.map { "  \($0.key)  \($0.value)" }.joined(separator: "\n"))

            What it does not imitate: HTTP/2, other APIs than the six commands, daily caps, \
            revocation of signatures, propagation delays between the vendor's servers, request-size \
            limits of the gateway, and whatever the vendor has not written down. Where the \
            documentation leaves a question open, an option chooses the answer.

            Example: make a directory with a configuration for this emulator, then mirror it.
              chat-emulator --port 8080 --users 500 --churn 5 --setup try &
              groupmirror run --config try/groupmirror.yaml
            """,
        version: "chat-emulator 0.1.0")

    @Option(help: "Port on the loopback interface; 0 picks a free one.") var port = 0
    @Option(help: "Address to listen on; for others than loopback, /emulator/ takes a token.")
    var host = "127.0.0.1"
    @Option(
        help: ArgumentHelp(
            "A file with the token for /emulator/ (default: none on loopback, else a printed one).",
            valueName: "file"))
    var tokenFile: String?
    @Option(help: "Users that are imported: user00000001 and so on.") var users = 100
    @Option(help: "Seed of the population, of what other clients do, and of the faults.")
    var seed: UInt64 = 1
    @Option(help: "Conversations of each user (default: a mix of none to some hundreds).")
    var conversations: Int?
    @Option(help: "Changes a second that other clients make, over all users.") var churn = 0.0
    @Option(help: "Seconds after which other clients stop changing things (default: never).")
    var churnSeconds: Double?
    @Option(
        help: "Only this many users, the first ones, are changed by other clients (default: all).")
    var churnUsers: Int?
    @OptionGroup(title: "Callbacks") var callbacks: WebhookOptions
    @Option(
        help: "Write groupmirror.yaml, secret.key and users.txt for this emulator into a directory."
    )
    var setup: String?

    @Option(help: "The app's number.") var sdkAppID: Int64 = 1_400_000_000
    @Option(help: "The administrator who may call.") var admin = "administrator"
    @Option(help: "A file with the app's key (default: a made-up key).") var keyFile: String?

    @Option(help: "Conversations on a page.") var pageSize = 100
    @Option(help: "Which pages name the groups.") var groupItems = EmulatorOptions.GroupItems.every
    @Option(help: "Whether empty lists are sent.") var emptyArrays = EmulatorOptions.EmptyArrays
        .present
    @Option(help: "NextStartIndex of the last page.") var lastCursor = EmulatorOptions.LastCursor
        .zero
    @Option(help: "Beyond 1000 conversations: code 51008, or the oldest leaves silently.")
    var overflow = EmulatorOptions.Overflow.refuse
    @Option(help: "What the 1000 counts.") var limitScope = EmulatorOptions.LimitScope.user
    @Option(help: "Creating a group whose name exists.")
    var duplicateCreate = EmulatorOptions.DuplicateCreate.merge
    @Option(help: "Bytes that a group's name may have; the vendor says 32 or 64.")
    var nameBytes = 64
    @Option(help: "Creating a group without conversations: accept, or code 51006 or 50002.")
    var emptyCreate = EmulatorOptions.EmptyCreate.accept
    @Option(help: "The StandardMark of a conversation without one: absent, or an empty text.")
    var emptyMarks = EmulatorOptions.EmptyMarks.absent
    @Option(help: "Conversations with neither group nor mark.") var bare = EmulatorOptions.Bare
        .dropped
    @Option(help: "A group whose last conversation leaves.")
    var lastMember = EmulatorOptions.LastMember.kept
    @Option(
        name: .customLong("group-ids"),
        help: "Ids of new groups: the next number, or the lowest free.")
    var groupIDs = EmulatorOptions.GroupIDs.next
    @Option(help: "Write numbers as numbers or as strings.") var numbers = EmulatorOptions.Numbers
        .numbers
    @Option(help: "Which replies have an ErrorDisplay.")
    var errorDisplay = EmulatorOptions.ErrorDisplay.some

    @Option(help: "Calls a second for each command.") var rate = 200
    @Option(help: "The code of a call too many: 60007, 60011, 60018, 60019 or 60022.")
    var rateCode = 60007
    @Option(help: "Milliseconds a call takes, there and back.") var latency = 0.0
    @Option(help: "Milliseconds by which the latency varies, up and down.") var jitter = 0.0
    @Option(help: "Seconds the emulator's clock is ahead; behind: --clock-skew=-3600.")
    var clockSkew: Int64 = 0
    @Flag(help: "The app's edition has no conversation groups (code 51013).") var noEdition = false
    @Option(help: "A fault that strikes by chance: KIND or KIND=RATE; may be repeated.")
    var fault: [String] = []

    func validate() throws {
        guard (1...1000).contains(pageSize) else {
            throw ValidationError("--page-size must be 1 to 1000")
        }
        guard (0...65_535).contains(port) else {
            throw ValidationError("--port must be 0 to 65535")
        }
        guard (0...99_999_999).contains(users) else {
            throw ValidationError("--users must be 0 to 99999999")
        }
        guard (1...1000).contains(nameBytes) else {
            throw ValidationError("--name-bytes must be 1 to 1000")
        }
        guard rate > 0 else { throw ValidationError("--rate must be positive") }
        guard [60007, 60011, 60018, 60019, 60022].contains(rateCode) else {
            throw ValidationError("--rate-code must be 60007, 60011, 60018, 60019 or 60022")
        }
        guard latency >= 0, jitter >= 0, churn >= 0, churnUsers ?? 0 >= 0 else {
            throw ValidationError(
                "--latency, --jitter, --churn and --churn-users must not be negative")
        }
        guard conversations.map({ (0...1000).contains($0) }) ?? true else {
            throw ValidationError("--conversations must be 0 to 1000")
        }
        for text in fault where Fault(written: text) == nil {
            throw ValidationError(
                "'\(text)' is no fault: write KIND or KIND=RATE with a rate of 0 to 1; kinds: "
                    + Fault.Kind.words.map(\.key).joined(separator: ", "))
        }
    }

    func run() async throws {
        let options = try self.options()
        let token = try token()
        let server = EmulatorServer(
            options, faults: fault.compactMap(Fault.init(written:)), token: token)
        if let token, tokenFile == nil {
            FileHandle.standardError.write(Data("token for /emulator/: \(token)\n".utf8))
        }
        let (host, setup) = (host, setup)
        do {
            try await server.run(host: host, port: port) { port in
                let address = "http://\(Self.reachable(host)):\(port)"
                do {
                    if let setup { try Setup(directory: setup).write(options, endpoint: address) }
                } catch {
                    Self.fail("\(error)", 74)
                }
                print("listening on \(address)")
                fflush(nil)
            }
        } catch {
            Self.fail("cannot listen on \(host):\(port): \(error)", 69)
        }
    }

    /// The host of a URL by which this machine reaches the emulator.
    private static func reachable(_ host: String) -> String {
        switch host {
        case "0.0.0.0": "127.0.0.1"
        case "::": "[::1]"
        default: host.contains(":") ? "[\(host)]" : host
        }
    }

    /// Who can reach the routes below /emulator can set faults and read the truth.
    private func token() throws -> String? {
        if let tokenFile {
            guard let text = try? String(contentsOfFile: tokenFile, encoding: .utf8),
                case let token = text.trimmingCharacters(in: .whitespacesAndNewlines),
                !token.isEmpty
            else { throw ValidationError("--token-file: \(tokenFile) holds no token") }
            return token
        }
        let isLoopback = host == "localhost" || host == "::1" || host.hasPrefix("127.")
        return isLoopback ? nil : UUID().uuidString.lowercased()
    }

    private static func fail(_ problem: String, _ status: Int32) -> Never {
        FileHandle.standardError.write(Data("chat-emulator: \(problem)\n".utf8))
        Foundation.exit(status)
    }

    private func options() throws -> EmulatorOptions {
        var options = EmulatorOptions()
        options.sdkAppID = sdkAppID
        options.admin = admin
        if let keyFile {
            guard let text = try? String(contentsOfFile: keyFile, encoding: .utf8) else {
                throw ValidationError("--key-file: \(keyFile) cannot be read")
            }
            options.key = text.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        options.users = users
        options.seed = seed
        options.conversations = conversations
        options.churn = churn
        options.churnSeconds = churnSeconds
        options.churnUsers = churnUsers
        try callbacks.set(&options)
        options.pageSize = pageSize
        options.groupItems = groupItems
        options.emptyArrays = emptyArrays
        options.lastCursor = lastCursor
        options.overflow = overflow
        options.limitScope = limitScope
        options.duplicateCreate = duplicateCreate
        options.nameBytes = nameBytes
        options.emptyCreate = emptyCreate
        options.emptyMarks = emptyMarks
        options.bare = bare
        options.lastMember = lastMember
        options.groupIDs = groupIDs
        options.numbers = numbers
        options.errorDisplay = errorDisplay
        options.rate = rate
        options.rateCode = rateCode
        options.latency = latency
        options.jitter = jitter
        options.clockSkew = clockSkew
        options.hasEdition = !noEdition
        return options
    }
}

extension EmulatorOptions.GroupItems: ExpressibleByArgument {}
extension EmulatorOptions.EmptyArrays: ExpressibleByArgument {}
extension EmulatorOptions.LastCursor: ExpressibleByArgument {}
extension EmulatorOptions.Overflow: ExpressibleByArgument {}
extension EmulatorOptions.LimitScope: ExpressibleByArgument {}
extension EmulatorOptions.DuplicateCreate: ExpressibleByArgument {}
extension EmulatorOptions.Bare: ExpressibleByArgument {}
extension EmulatorOptions.EmptyCreate: ExpressibleByArgument {}
extension EmulatorOptions.EmptyMarks: ExpressibleByArgument {}
extension EmulatorOptions.LastMember: ExpressibleByArgument {}
extension EmulatorOptions.GroupIDs: ExpressibleByArgument {}
extension EmulatorOptions.Numbers: ExpressibleByArgument {}
extension EmulatorOptions.ErrorDisplay: ExpressibleByArgument {}
