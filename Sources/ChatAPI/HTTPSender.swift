import ChatModel
import FoundationEssentials
import SyncRules

/// The innermost sender: signs the URL, posts, reads the envelope.
package struct HTTPSender: CallSender {
    private let transport: any HTTPTransport
    private let signer: Signer
    /// The `random` of the URL, 32 bits.
    private let random: @Sendable () -> UInt32
    private let clock: CloudClock
    private let time: any Timekeeper
    /// The part of the query that is always the same.
    private let caller: String

    /// - Parameter clock: gets the `Date` of each reply.
    package init(
        transport: any HTTPTransport, signer: Signer, clock: CloudClock, time: any Timekeeper,
        random: @escaping @Sendable () -> UInt32
    ) {
        self.transport = transport
        self.signer = signer
        self.clock = clock
        self.time = time
        self.random = random
        caller = "sdkappid=\(signer.sdkAppID)&identifier=\(HTTPSender.escaped(signer.admin))"
    }

    package func send(_ call: Call) async throws(CallFailure) -> CallReply {
        let usersig = try signature()
        let reply: HTTPReply
        do {
            reply = try await transport.post(path: path(call.command, usersig), body: call.body)
        } catch {
            throw CallFailure(
                kind: .transient, problem: error.problem, advice: error.advice,
                mayHaveTakenEffect: error.mayHaveArrived)
        }
        clock.observe(reply.date, at: time.wallTime())
        guard reply.status == 200 else { throw CallFailure(status: reply) }
        let digest = Digest.of(reply.body)
        if digest == call.known {
            return CallReply(body: reply.body, digest: digest, envelope: nil)
        }
        let envelope = try WireEnvelope(reply: reply.body)
        if envelope.code != 0 { throw envelope.failure }
        return CallReply(body: reply.body, digest: digest, envelope: envelope)
    }

    private func signature() throws(CallFailure) -> String {
        do {
            return try signer.usersig()
        } catch {
            throw CallFailure(kind: .refusedApp, problem: "no usersig could be made: \(error)")
        }
    }

    /// Cloud.md §1.1. The usersig's alphabet needs no escaping; the admin's name does.
    private func path(_ command: Command, _ usersig: String) -> String {
        "\(command.path)?\(caller)&usersig=\(usersig)&random=\(random())&contenttype=json"
    }

    /// Percent-encodes all but the unreserved characters of RFC 3986.
    private static func escaped(_ text: String) -> String {
        text.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                UInt8(ascii: "."), UInt8(ascii: "~"):
                String(UnicodeScalar(byte))
            default: (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
            }
        }.joined()
    }
}

extension CallFailure {
    /// What a reply with another status than 200 means. Only 429 says that nothing was done; anything
    /// else may come from a gateway that has passed the call on.
    fileprivate init(status reply: HTTPReply) {
        let wait = reply.retryAfter.map { ", and asks to wait \($0.components.seconds) s" } ?? ""
        let problem = "HTTP status \(reply.status)\(wait)"
        switch reply.status {
        case 429:
            self.init(
                kind: .throttled, problem: problem, isAnswered: true,
                retryAfter: reply.retryAfter)
        case 407:
            self.init(
                kind: .transient, problem: problem + ": the proxy wants a name and a password",
                advice: "look at https_proxy in the environment of this process",
                isAnswered: true)
        default:
            self.init(
                kind: .transient, problem: problem, isAnswered: true,
                mayStillArrive: reply.status == 504 || reply.status == 408,
                retryAfter: reply.status == 503 ? reply.retryAfter : nil)
        }
    }
}

/// Repeats a call once when the cloud finds fault with the signature. What fails again is the app's
/// fault, and counts as a refusal of the app; but while this machine's clock is off, it is the clock's.
package struct ResigningSender: CallSender {
    private let inner: any CallSender
    private let signer: Signer
    private let clock: CloudClock

    package init(_ inner: any CallSender, signer: Signer, clock: CloudClock) {
        self.inner = inner
        self.signer = signer
        self.clock = clock
    }

    package func send(_ call: Call) async throws(CallFailure) -> CallReply {
        let used = try? signer.usersig()
        do {
            return try await inner.send(call)
        } catch {
            guard error.kind == .signature, let code = error.code else { throw error }
            if let used { try? signer.renew(refused: used, code: code) }
        }
        do {
            return try await inner.send(call.again(.pulling))
        } catch {
            guard error.kind == .signature else { throw error }
            if let offset = clock.offset {
                throw CallFailure(
                    kind: .clockOff, code: error.code,
                    problem: "this machine's clock is \(offset.asClockOffset) the cloud's, "
                        + "which refuses the signature: \(error.problem)",
                    advice: "set the clock (timedatectl shows it)")
            }
            throw CallFailure(
                kind: .refusedApp, code: error.code, problem: error.problem,
                advice: error.advice.isEmpty
                    ? "a fresh signature is refused too: look at app.admin, the key and the clock"
                    : error.advice)
        }
    }
}
