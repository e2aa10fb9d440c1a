import ArgumentParser
import ChatEmulator
import Foundation

/// Options of the phones' visits, and of who is told of them.
struct WebhookOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Tell this address when phones log in and out (State.StateChange); each change of --churn then lies in a visit.",
            valueName: "url"))
    var webhook: String?
    @Option(
        help: ArgumentHelp(
            "A file with the last part of the address, which is a secret.", valueName: "file"))
    var webhookTokenFile: String?
    @Option(help: "The share of callbacks that get lost.") var webhookLoss = 0.0
    @Option(help: "Seconds that a callback takes at most.") var webhookDelay = 0.0
    @Option(help: "The share of callbacks that arrive twice.") var webhookDoubles = 0.0
    @Option(help: "Seconds of an average visit.") var visit = 20.0
    @Option(help: "Visits without a change, for each with one.") var idleVisits = 5.0

    func validate() throws {
        guard webhookDelay >= 0, visit > 0, idleVisits >= 0 else {
            throw ValidationError(
                "--webhook-delay and --idle-visits must not be negative, --visit must be positive")
        }
        guard (0...1).contains(webhookLoss), (0...1).contains(webhookDoubles) else {
            throw ValidationError("--webhook-loss and --webhook-doubles must be 0 to 1")
        }
        guard webhook.map({ $0.hasPrefix("http://") || $0.hasPrefix("https://") }) ?? true else {
            throw ValidationError("--webhook must be an address like http://127.0.0.1:8400")
        }
        guard webhook != nil || webhookTokenFile == nil else {
            throw ValidationError("--webhook-token-file goes with --webhook")
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
