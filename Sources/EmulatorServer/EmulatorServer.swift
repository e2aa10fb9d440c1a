import ChatEmulator
import FoundationEssentials
import Glibc
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Synchronization

// The thin layer between HTTP and the core: latency, connections that are reset, and the routes
// below /emulator.

/// Serves one emulated cloud over HTTP on this machine.
package final class EmulatorServer: Sendable {
    private let core: Mutex<Box>
    private let options: EmulatorOptions
    private let start = ContinuousClock.now
    /// What the routes below /emulator ask for; nil when they ask for nothing.
    private let token: String?
    private let caller: WebhookCaller?

    /// The core is not Sendable; the lock around it makes it so.
    private struct Box: @unchecked Sendable {
        let core: CloudCore
    }

    /// - Parameter token: what whoever asks below /emulator must give; nil when anybody may.
    package init(_ options: EmulatorOptions, faults: [Fault], token: String? = nil) {
        self.options = options
        self.token = token
        caller = options.webhook.map {
            WebhookCaller($0, app: options.sdkAppID, seed: options.seed)
        }
        core = Mutex(Box(core: CloudCore(options, faults: faults)))
    }

    /// Serves until the task is cancelled or SIGTERM or SIGINT comes.
    /// - Parameter ready: called with the port once connections are accepted.
    package func run(host: String, port: Int, ready: @escaping @Sendable (Int) -> Void)
        async throws
    {
        var logger = Logger(label: "chat-emulator")
        logger.logLevel = .error
        let application = Application(
            responder: CallbackResponder { [self] request, context in
                try await respond(request, context)
            },
            server: .http1(configuration: .init(additionalChannelHandlers: self.handlers())),
            configuration: .init(address: .hostname(host, port: port), serverName: nil),
            onServerRunning: { channel in ready(channel.localAddress?.port ?? port) },
            logger: logger)
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await application.runService()
                    // The end of the service ends the phones too.
                    throw CancellationError()
                }
                if options.churn > 0 { group.addTask { try await self.churn() } }
                // Not waitForAll, which would wait for phones that never fall silent.
                for try await _ in group {}
            }
        } catch is CancellationError {}
    }

    /// What stands between the server and the connection.
    private func handlers() -> [any RemovableChannelHandler] {
        options.clockSkew == 0 ? [] : [SkewedDate(seconds: options.clockSkew)]
    }

    private var now: EmulatorTime {
        let elapsed = (ContinuousClock.now - start).components
        return EmulatorTime(
            nanoseconds: elapsed.seconds * 1_000_000_000 + elapsed.attoseconds / 1_000_000_000,
            seconds: Int64(Date().timeIntervalSince1970))
    }

    /// Phones at work: a tenth of a second's changes at a time.
    private func churn() async throws {
        var due = 0.0
        let end = options.churnSeconds.map { ContinuousClock.now + .seconds($0) }
        while true {
            try await Task.sleep(for: .milliseconds(100))
            let isOver = end.map { ContinuousClock.now >= $0 } ?? false
            // Whoever is there goes some time, but no more come.
            if isOver, caller == nil { return }
            due += isOver ? 0 : options.churn / 10
            let whole = Int(due)
            due -= Double(whole)
            churn(whole)
        }
    }

    private func churn(_ count: Int) {
        guard let caller else { return core.withLock { $0.core.churn(count, now: now) } }
        let notices = core.withLock { $0.core.visit(count, now: now) }
        let milliseconds =
            Int64(Date().timeIntervalSince1970 * 1000) + options.clockSkew * 1000
        for notice in notices { caller.tell(notice, at: milliseconds) }
    }

    // MARK: Requests

    private func respond(_ request: Request, _ context: Context) async throws -> Response {
        let path = String(request.uri.path.drop { $0 == "/" })
        let body = Array(buffer: try await request.body.collect(upTo: 1 << 20))
        if path.hasPrefix("emulator/") {
            // Whether calls are served is no secret.
            guard
                path == "emulator/ready" || token == nil
                    || request.headers[.authorization] == token.map({ "Bearer \($0)" })
            else { return text(401, "Authorization: Bearer TOKEN is missing or wrong") }
            return try inspect(String(path.dropFirst("emulator/".count)), request.method, body)
        }
        guard request.method == .post else { return text(405, "only POST") }
        let way = halfLatency()
        if let way { try await Task.sleep(for: way, tolerance: .zero) }
        let call = EmulatorCall(path: "\(path)?\(request.uri.query ?? "")", body: body)
        let reply = core.withLock { $0.core.handle(call, now: now) }
        if let back = halfLatency() { try await Task.sleep(for: back, tolerance: .zero) }
        return try await response(reply, context)
    }

    private func response(_ reply: EmulatorReply, _ context: Context) async throws -> Response {
        switch reply {
        case .reply(let status, let body, let contentType):
            return Self.response(status, body, contentType)
        case .busy(let status, let seconds):
            var busy = text(status, "too busy")
            if let name = HTTPField.Name("Retry-After") { busy.headers[name] = String(seconds) }
            return busy
        case .late(let milliseconds, let body):
            try await Task.sleep(for: .milliseconds(milliseconds))
            return Self.response(200, body, "application/json")
        case .silence:
            try await Task.sleep(for: .seconds(120))
            fallthrough
        case .reset:
            // Without lingering, closing sends a reset instead of an orderly end.
            let socket = context.channel as? any SocketOptionProvider
            try? await socket?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
            try? await context.channel.close().get()
            throw CancellationError()
        }
    }

    /// Half of a call's latency, drawn again for each way.
    private func halfLatency() -> Duration? {
        guard options.latency > 0 else { return nil }
        let milliseconds = options.latency + Double.random(in: -1...1) * options.jitter
        return .microseconds(Int64(max(0, milliseconds) * 500))
    }

    private static func response(_ status: Int, _ body: [UInt8], _ contentType: String?) -> Response
    {
        var headers = HTTPFields()
        headers[.contentType] = contentType
        return Response(
            status: .init(code: status), headers: headers,
            body: .init(byteBuffer: ByteBuffer(bytes: body)))
    }

    private func text(_ status: Int, _ words: String) -> Response {
        Self.response(status, Array((words + "\n").utf8), "text/plain; charset=utf-8")
    }

    private func inspect(_ route: String, _ method: HTTPRequest.Method, _ body: [UInt8]) throws
        -> Response
    {
        let json = "application/json"
        switch (route, method) {
        case ("ready", .get): return text(200, "ready")
        case ("stats", .get):
            return Self.response(200, stats.bytes + [10], json)
        case ("export", .get):
            let lines = core.withLock { box in
                var lines: [UInt8] = []
                box.core.export(now: now) { lines += $0 }
                return lines
            }
            return Self.response(200, lines, "application/x-ndjson")
        case ("journal", .get):
            let lines = core.withLock { $0.core.journalLines }
            return Self.response(200, Array(lines.joined()), "application/x-ndjson")
        case ("faults", .get):
            return Self.response(200, core.withLock { $0.core.faultList.bytes } + [10], json)
        case ("faults", .post), ("faults", .put):
            let problem = core.withLock { box in
                JSON(parsing: body).map { box.core.setFaults($0) } ?? "this is not JSON"
            }
            return problem.map { text(400, $0) } ?? text(200, "set")
        case ("faults", .delete):
            core.withLock { _ = $0.core.setFaults(.array([])) }
            return text(200, "none")
        case ("reset", .post):
            core.withLock { $0.core.reset() }
            return text(200, "reset")
        default: return text(404, "no such route")
        }
    }

    /// The core's, and with a webhook what became of its callbacks.
    private var stats: JSON {
        let stats = core.withLock { $0.core.stats }
        guard let counts = caller?.counts else { return stats }
        let callbacks = JSON.members([
            "sent": .number(Int64(counts.sent)), "lost": .number(Int64(counts.lost)),
            "doubled": .number(Int64(counts.doubled)), "failed": .number(Int64(counts.failed)),
        ])
        return stats.adding("callbacks", callbacks)
    }

    /// Gives the responder the connection, which resets need.
    private struct Context: RequestContext {
        var coreContext: CoreRequestContextStorage
        let channel: any Channel

        init(source: ApplicationRequestContextSource) {
            coreContext = .init(source: source)
            channel = source.channel
        }
    }
}
