import ArgumentParser
import ChatAPI
import ChatModel
import Daemon
import MirrorConfiguration
import HostSystem

/// `usersig`: a signature for calls by hand.
struct UserSigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "usersig",
        abstract: "Print a usersig made from the configured key.",
        discussion: """
            For trying calls by hand. Whoever has it can act as the account until it expires: keep it \
            out of files, tickets and shell histories.

            Example: one for the admin that holds for ten minutes.
              groupmirror usersig --expire 10m
            """)

    @OptionGroup var common: CommonOptions
    @OptionGroup var output: JSONOption
    @Option(help: "The account to sign for (default: app.admin).", completion: .users) var user:
        String?
    @Option(help: "How long it holds, like 10m or 24h.") var expire = "1h"

    @Flag(help: "Make one that is valid for more than a day.") var yes = false

    private static let longestUnasked = Duration.seconds(86_400)

    func run() throws {
        guard let lifetime = SpanText.read(expire), lifetime >= .seconds(1) else {
            throw ValidationError(
                "--expire must be a time with its unit, like 30s, 10m, 24h or 7d, not '\(expire)'")
        }
        guard yes || lifetime <= Self.longestUnasked else {
            throw ProgramFailure(
                .usage, "a usersig for more than a day is as good as the key for as long",
                advice: "say --yes to have one for \(expire), or ask for 24h at most")
        }
        let settings = try common.settings()
        let account = try user.map { try userIDs([$0]) }?.first ?? settings.admin
        let now = SystemTimekeeper().wallTime()
        let signature = UserSig(
            sdkAppID: settings.sdkAppID, identifier: account.string, time: now, lifetime: lifetime)
        let text = try signature.text(key: try KeyFile.read(settings))
        switch OutputFormat(output) {
        case .text: Output.data(text)
        case .json:
            Output.data(
                JSONText.object([
                    "user": JSONText.string(account.string), "usersig": JSONText.string(text),
                    "expires_at": JSONText.string((now + lifetime).description),
                ]))
        }
    }
}
