import ArgumentParser
import ChatEmulator
import Foundation

/// Options of the phones' visits, and of where they are reported.
struct WebhookOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Tell this address when phones log in and out (State.StateChange); the changes of --churn are then made while a phone is logged in.",
            valueName: "url"))
    var webhook: String?
    @Option(
        help: ArgumentHelp(
            "A file with the last part of the address, which is a secret.", valueName: "file"))
    var webhookTokenFile: String?
    @Option(help: ArgumentHelp("The share of callbacks that get lost.", valueName: "share"))
    var webhookLoss = 0.0
    @Option(help: ArgumentHelp("Seconds that a callback takes at most.", valueName: "seconds"))
    var webhookDelay = 0.0
    @Option(help: ArgumentHelp("The share of callbacks that arrive twice.", valueName: "share"))
    var webhookDoubles = 0.0
    @Option(help: ArgumentHelp("Seconds of an average visit.", valueName: "seconds")) var visit =
        20.0
    @Option(
        help: ArgumentHelp(
            "How many visits without a change there are for each visit with one.",
            valueName: "number"))
    var idleVisits = 5.0

    func validate() throws {
        guard (0...3600).contains(webhookDelay), (0.1...86_400).contains(visit),
            (0...100).contains(idleVisits)
        else {
            throw ValidationError(
                "--webhook-delay must be 0 to 3600, --visit 0.1 to 86400, --idle-visits 0 to 100")
        }
        guard (0...1).contains(webhookLoss), (0...1).contains(webhookDoubles) else {
            throw ValidationError("--webhook-loss and --webhook-doubles must be 0 to 1")
        }
        guard webhook.map({ $0.hasPrefix("http://") || $0.hasPrefix("https://") }) ?? true else {
            throw ValidationError("--webhook must be an address like http://127.0.0.1:8400")
        }
        let isPlain =
            webhookTokenFile == nil && webhookLoss == 0 && webhookDelay == 0
            && webhookDoubles == 0
        guard webhook != nil || isPlain else {
            throw ValidationError(
                "--webhook-token-file, -loss, -delay and -doubles go with --webhook")
        }
    }

    /// Takes them over.
    func set(_ options: inout EmulatorOptions) throws {
        options.visitSeconds = visit
        options.idleVisits = idleVisits
        guard var url = webhook else { return }
        if let webhookTokenFile {
            guard let text = try? String(contentsOfFile: webhookTokenFile, encoding: .utf8),
                case let token = text.trimmingCharacters(in: .whitespacesAndNewlines),
                !token.isEmpty
            else {
                throw ValidationError("--webhook-token-file: \(webhookTokenFile) holds no token")
            }
            url += (url.hasSuffix("/") ? "" : "/") + token
        }
        var webhook = EmulatorOptions.Webhook(url: url)
        webhook.loss = webhookLoss
        webhook.delay = webhookDelay
        webhook.doubles = webhookDoubles
        options.webhook = webhook
    }
}
