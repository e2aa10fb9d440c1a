import ArgumentParser
import EventLog
import Foundation
import HostSystem
import MirrorConfiguration
import WebhookReceiver

/// The command line of groupmirror-webhook.
@main
struct WebhookCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "groupmirror-webhook",
        abstract: "Take the cloud's callbacks and tell the mirror who came and went.",
        discussion: """
            Takes the webhooks of Tencent Cloud Chat as they are, or forwarded by the app's backend: of \
            State.StateChange it makes hints for the daemon of 'groupmirror run', of Alert.RequestOverLimit \
            a warning in the log. Every callback is answered with the vendor's OK. It has no key and opens \
            no database.

            It listens on this machine only: a web server in front of it speaks TLS and passes \
            https://HOST/TOKEN on. The token is a secret of your own, of 20 to 200 letters, digits, and - _ . ~; \
            whoever knows it can say that users came and went, which moves pulls and nothing else. In the \
            console, enter the address with the token as the callback address, and switch on the callback \
            for the change of the online status (State.StateChange).

            The token is read at the start, from the systemd credential webhook_token, else from \
            --token-file; for a new one restart the program.

            Example: make a token and take callbacks.
              openssl rand -hex 24 > webhook.token && chmod 600 webhook.token
              groupmirror-webhook --config shop --token-file webhook.token

            Exit status: 0 after SIGTERM or Ctrl-C, 64 usage, 74 when it cannot listen, 78 configuration or \
            token.
            """,
        version: "groupmirror-webhook \(Version.text)")

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("\(ConfigurationPlace.help)", valueName: "file"),
        completion: .file(extensions: ["yaml"]))
    var config: String?
    @Option(
        help: ArgumentHelp(
            "Where to listen: an address and port of loopback, or the absolute path of a Unix socket.",
            valueName: "address"))
    var listen = "127.0.0.1:8400"
    @Option(
        help: ArgumentHelp(
            "A file with the token, of mode 600 or 640.", valueName: "file"),
        completion: .file())
    var tokenFile: String?

    func run() async {
        // A terminal that closes, or a `systemctl kill -s HUP` by habit, is no reason to end without a word.
        signal(SIGHUP, SIG_IGN)
        signal(SIGPIPE, SIG_IGN)
        let writer = LogWriter()
        // A start that fails is an event like any other, in the format that is known by then.
        var log = Self.log(to: writer)
        do throws(ProgramFailure) {
            let settings = try settings()
            log = Self.log(settings, to: writer)
            try await server(settings, log).run()
            writer.close()
        } catch {
            log(
                .webhookFailed(
                    exit: error.status.rawValue, problem: error.problem, advice: error.advice))
            writer.close()
            Foundation.exit(error.status.rawValue)
        }
    }

    private func settings() throws(ProgramFailure) -> MirrorSettings {
        do {
            return try ConfigurationPlace.settings(config)
        } catch {
            throw ProgramFailure(error)
        }
    }

    private func server(_ settings: MirrorSettings, _ log: Log) throws(ProgramFailure)
        -> WebhookServer
    {
        guard let address = ListenAddress(listen) else {
            throw ProgramFailure(
                .usage, "--listen '\(listen)' is no address of this machine's loopback",
                advice:
                    "like 127.0.0.1:8400, [::1]:8400 or /run/groupmirror/webhook.sock; a web server in front speaks TLS"
            )
        }
        return WebhookServer(
            address, token: try token(), app: settings.sdkAppID, socket: settings.hintsSocket,
            log: log, time: SystemTimekeeper())
    }

    private func token() throws(ProgramFailure) -> WebhookToken {
        guard let path = SecretFile.credential("webhook_token") ?? tokenFile else {
            throw ProgramFailure(
                .configuration, "there is no token: --token-file is missing",
                advice: "or give the systemd credential 'webhook_token' (LoadCredential=)")
        }
        let contents: String
        do {
            contents = try SecretFile(
                path, what: "the token file", named: "--token-file",
                whenForbidden: "the service gets it from systemd; else it belongs to who runs this"
            ).read()
        } catch {
            throw ProgramFailure(error)
        }
        guard let token = WebhookToken(contents: contents) else {
            throw ProgramFailure(
                .configuration,
                "\(path): this is no token: 20 to 200 letters, digits, and - _ . ~, in one line",
                advice: "'openssl rand -hex 24' makes one")
        }
        return token
    }

    private static func log(_ settings: MirrorSettings? = nil, to writer: LogWriter) -> Log {
        Log(
            app: settings?.sdkAppID ?? 0, level: settings?.logLevel ?? .info,
            format: settings?.logFormat ?? .logfmt, time: SystemTimekeeper(), redactor: Redactor(),
            write: { writer.write($0, $1) })
    }
}
