import ChatModel
import EventLog
import CDispatch
import Glibc
import HTTPTypes
import HostSystem
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore

/// Takes the cloud's callbacks over HTTP, and answers each with the vendor's OK: whatever is wrong with one,
/// calling again would not help.
package struct WebhookServer: Sendable {
    private let listen: ListenAddress
    private let socket: String
    private let desk: CallbackDesk
    private let forwarder: HintForwarder
    private let log: Log
    private let time: any Timekeeper

    /// Bytes of a body; the vendor's have some hundreds.
    package static let longestBody = 65_536
    /// Connections at a time; the operator's own server keeps a few.
    private static let mostConnections = 256
    /// For a whole body; nothing but a sender that wants to do harm takes so long.
    private static let longestWait = Duration.seconds(10)
    private static let idleTimeout = TimeAmount.seconds(60)
    private static let statsInterval = Duration.seconds(60)

    /// - Parameters:
    ///   - app: the SDKAppID whose callbacks are meant.
    ///   - socket: on which the daemon takes hints.
    package init(
        _ listen: ListenAddress, token: WebhookToken, app: Int64, socket: String, log: Log,
        time: any Timekeeper
    ) {
        self.listen = listen
        self.socket = socket
        self.log = log
        self.time = time
        let forwarder = HintForwarder(socket: socket, time: time, log: log)
        self.forwarder = forwarder
        desk = CallbackDesk(token: token, app: app, log: log, time: time) {
            forwarder.pass(on: $0)
        }
    }

    /// Serves until SIGTERM or SIGINT.
    /// - Throws: when it cannot listen.
    package func run() async throws(ProgramFailure) {
        let startedAt = time.now()
        do {
            try makeWay()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await application().runService() }
                group.addTask { await report() }
                // The end of the service is the end of the reports.
                try await group.next()
                group.cancelAll()
            }
        } catch let failure as ProgramFailure {
            throw failure
        } catch {
            throw ProgramFailure(
                .storage, "cannot listen on \(listen): \(Self.words(of: error))",
                advice: "choose another --listen, or end the program that has it")
        }
        forwarder.finish()
        if case .socket(let path) = listen { unlink(path) }
        log(.webhookStats(totals))
        log(.webhookStopped(after: time.now() - startedAt))
    }

    private static func words(of error: any Error) -> String {
        (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
    }

    private func application() -> some ApplicationProtocol {
        var quiet = Logger(label: "groupmirror-webhook")
        // What strangers send is their affair; a server that cannot listen throws.
        quiet.logLevel = .critical
        let address: BindAddress =
            switch listen {
            case .loopback(let host, let port): .hostname(host, port: port)
            case .socket(let path): .unixDomainSocket(path: path)
            }
        return Application(
            responder: CallbackResponder { (request: Request, context: Connection) in
                try await answer(request, on: context.channel)
            },
            server: .http1(configuration: .init(idleTimeout: Self.idleTimeout)),
            configuration: .init(
                address: address, serverName: nil,
                availableConnectionsDelegate: MaximumAvailableConnections(
                    Self.mostConnections)),
            onServerRunning: { channel in announce(port: channel.localAddress?.port) },
            logger: quiet)
    }

    /// A socket that an earlier process has left is in the way; one that is in use is another program's.
    private func makeWay() throws(ProgramFailure) {
        guard case .socket(let path) = listen else { return }
        guard let address = UnixAddress(path) else {
            throw ProgramFailure(
                .usage, "the path of --listen has more than \(UnixAddress.longest) bytes",
                advice: "choose a shorter one")
        }
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw ProgramFailure(
                .storage, "\(path): something stands there that is no socket",
                advice: "choose another --listen")
        }
        guard !address.isInUse else {
            throw ProgramFailure(
                .storage, "cannot listen on \(path): another program does",
                advice: "choose another --listen, or end that program")
        }
        unlink(path)
    }

    private func announce(port: Int?) {
        var place = listen
        if case .loopback(let host, _) = listen, let port {
            place = .loopback(host: host, port: port)
        }
        if case .socket(let path) = listen { chmod(path, 0o660) }
        log(.webhookReady(listen: "\(place)", socket: socket))
        ServiceManager().ready("taking callbacks on \(place)")
    }

    private func report() async {
        while (try? await time.sleep(until: time.now() + Self.statsInterval)) != nil {
            log(.webhookStats(totals))
        }
    }

    private var totals: WebhookTotals {
        var totals = desk.totals
        totals.undelivered = forwarder.lost
        return totals
    }

    private func answer(_ request: Request, on channel: any Channel) async throws -> Response {
        guard desk.admits(isPost: request.method == .post, path: request.uri.path) else {
            return Response(status: .notFound)
        }
        let body = await body(of: request, on: channel)
        desk.take(app: request.uri.queryParameters["SdkAppid"].map(String.init), body: body)
        // There is no one left to answer.
        if body == .endedEarly || body == .late { throw CancellationError() }
        var headers: HTTPFields = [.contentType: "application/json"]
        // The rest of a body that is too long is not read.
        if body == .tooLong { headers[.connection] = "close" }
        return Response(
            status: .ok, headers: headers,
            body: .init(byteBuffer: ByteBuffer(string: Self.vendorsOK)))
    }

    /// Reads the body; one that takes too long costs its sender the connection.
    private func body(of request: Request, on channel: any Channel) async -> CallbackBody {
        await withTaskGroup(of: CallbackBody.self) { group in
            group.addTask {
                do {
                    return .whole(
                        Array(buffer: try await request.body.collect(upTo: Self.longestBody)))
                } catch is NIOTooManyBytesError {
                    return .tooLong
                } catch {
                    return .endedEarly
                }
            }
            group.addTask {
                try? await time.sleep(for: Self.longestWait)
                return .late
            }
            let first = await group.next() ?? .late
            if first == .late { try? await channel.close().get() }
            group.cancelAll()
            return first
        }
    }

    /// What the vendor expects (Cloud.md, Webhooks).
    private static let vendorsOK = #"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}"#

    /// Gives the responder the connection, which late bodies need.
    private struct Connection: RequestContext {
        var coreContext: CoreRequestContextStorage
        let channel: any Channel

        init(source: ApplicationRequestContextSource) {
            coreContext = .init(source: source)
            channel = source.channel
        }
    }
}
