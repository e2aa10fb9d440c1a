import ChatAPI
import ChatEmulator
import ChatModel
import EventLog
import Foundation
import MirrorConfiguration
import MirrorStore
import SyncRules

/// What is fuzzed: everything that reads what others have written.
enum FuzzTargets {
    // MARK: Replies

    /// Pages of a listing, with a byte 0xFF between them (which no UTF-8 has): decoded as the client
    /// does, and put together. Then the same bytes as the reply to one of the other commands.
    static let reply: @Sendable ([UInt8]) -> Void = { bytes in
        let pages = bytes.split(separator: 0xFF, maxSplits: 8, omittingEmptySubsequences: false)
            .map(Array.init)
        waitFor {
            await list(pages)
            await writeOrLookUp(bytes)
        }
    }

    /// Which of `choices` an input is for: trying all of them with each input finds less in a second.
    private static func pick<Choice>(_ choices: [Choice], for bytes: [UInt8]) -> Choice {
        choices[bytes.reduce(0) { $0 + Int($1) } % choices.count]
    }

    private static func list(_ pages: [[UInt8]]) async {
        var assembly = ListingAssembly()
        for body in pages {
            do {
                let reply = try await client(body).page(
                    of: alice, from: 0, known: nil, turn: .wait(.starting))
                guard case .page(let page) = reply else { return }
                if try assembly.add(page.decoded()) == nil {
                    let listing = try assembly.listing(cap: 0)
                    // Its promises are preconditions; a second look must agree with the first.
                    precondition(
                        SnapshotDiff(from: listing.snapshot, to: listing.snapshot).isEmpty,
                        "a listing differs from itself")
                    return
                }
            } catch { return }
        }
    }

    private static func writeOrLookUp(_ body: [UInt8]) async {
        let eve = ConversationID.user("eve")
        let actions: [PushCall.Action?] = [
            nil, .create(group: -1, name: "g", [eve]),
            .update(1, name: "g", remove: [], add: [eve]),
            .mark([PushCall.MarkChange(conversation: eve, marks: MarkEdit(custom: "m"))]),
            .delete(1, name: "g"), .rename(1, from: "g", to: "h"),
        ]
        guard let action = pick(actions, for: body) else {
            _ = try? await client(body).lookUp([eve], of: alice, turn: .wait(.starting))
            return
        }
        let call = PushCall(action: action, edits: [EditID(1)], wanted: [eve: [EditID(1)]])
        _ = try? await client(body).push(call, of: alice)
    }

    private static let alice = UserID(checkedBytes: "alice".utf8)

    private struct OneReply: HTTPTransport {
        let body: [UInt8]

        func post(path: String, body: [UInt8]) async throws(TransportFailure) -> HTTPReply {
            HTTPReply(status: 200, body: self.body)
        }
    }

    private static func client(_ body: [UInt8]) -> ChatCloud {
        let (reply, clock) = (OneReply(body: body), CloudClock())
        return ChatCloud(
            sender: HTTPSender(
                transport: reply, signer: signer, clock: clock, time: Noon(), random: { 1 }),
            transport: reply, clock: clock)
    }

    private static let signer: Signer = {
        guard let key = try? SecretKey(contents: EmulatorOptions().key) else {
            preconditionFailure("the emulator's key is none")
        }
        return Signer(
            sdkAppID: 1_400_000_000, admin: "administrator", key: key, time: Noon(), log: quiet)
    }()

    /// A clock that stands.
    private struct Noon: Timekeeper {
        func now() -> MonotonicTime { .zero }
        func wallTime() -> WallTime { WallTime(seconds: 1_790_000_000) }
        func sleep(until deadline: MonotonicTime) async throws {}
    }

    private static let quiet = Log(
        app: 1, level: .error, format: .logfmt, time: Noon(), redactor: Redactor(),
        write: { _, _ in })

    private static func waitFor(_ body: @escaping @Sendable () async -> Void) {
        let done = DispatchSemaphore(value: 0)
        Task.detached {
            await body()
            done.signal()
        }
        done.wait()
    }

    // MARK: Files of the operator

    static let configuration: @Sendable ([UInt8]) -> Void = { bytes in
        let text = String(decoding: bytes, as: UTF8.self)
        do {
            _ = try MirrorSettings.parse(text, file: "fuzz.yaml")
        } catch {
            precondition(!"\(error)".isEmpty, "a fault says nothing")
        }
    }

    static let importLine: @Sendable ([UInt8]) -> Void = { bytes in
        do {
            let order = try EditLine.order(bytes)
            _ = order.operation.fault()
        } catch {
            precondition(error is EditFault, "\(error) is no fault of an edit")
        }
    }

    // MARK: The log

    /// Whatever a name holds, a line stays one line, and its values can be read back; and whatever stands
    /// around a piece of a signature, it does not get out.
    static let log: @Sendable ([UInt8]) -> Void = { bytes in
        redact(bytes)
        let words = bytes.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
        let user = String(decoding: words[0], as: UTF8.self)
        let problem = String(decoding: words.count > 1 ? words[1] : [], as: UTF8.self)
        for format in LogFormat.allCases {
            let lines = Lines()
            let log = Log(
                app: 1, level: .debug, format: format, time: Noon(), redactor: Redactor(),
                write: { line, _ in lines.text += line })
            log(
                .callFailed(
                    command: "mark_contact", user: user, kind: "transient", code: 1,
                    problem: problem, took: .zero))
            let line = lines.text
            precondition(
                line.utf8.last == 10 && line.utf8.count { $0 == 10 || $0 == 13 } == 1,
                "not one line: \(line)")
            let fields = LineFields(line.dropLast(), format)
            let clean = Redactor()
            precondition(fields["user"] == clean.clean(user), "user: \(line)")
            precondition(fields["problem"] == clean.clean(problem), "problem: \(line)")
        }
    }

    /// Made up.
    private static let signature =
        "eJyrVgrxCdYrSy1SslJQMtIzUNJRAItkpqTmlWSmZUIkElNyM-NgUsUp2YkFBZkpQAlDEwMogMqlVhRkFqUCZ*ZM"

    private static let redactor: Redactor = {
        let redactor = Redactor()
        redactor.add(signature: signature)
        return redactor
    }()

    /// The first bytes choose a piece of the signature, how it is written, and where in the rest it stands.
    private static func redact(_ bytes: [UInt8]) {
        guard bytes.count > 4 else { return }
        let letters = Array(signature.utf8)
        let start = Int(bytes[0]) % (letters.count - 16)
        let piece = letters[start..<min(letters.count, start + 16 + Int(bytes[1]) % 64)]
        let plain = String(decoding: piece, as: UTF8.self)
        let written =
            switch bytes[2] % 5 {
            case 0: plain
            case 1: piece.map { String(format: "%%%02x", $0) }.joined()
            case 2: piece.map { String(format: "%%25%02X", $0) }.joined()
            case 3: piece.map { String(format: "\\u%04x", $0) }.joined()
            default: piece.map { "&#\($0);" }.joined()
            }
        let around = bytes[4...]
        let place = around.startIndex + Int(bytes[3]) % (around.count + 1)
        let clean = redactor.clean(
            String(decoding: around[..<place], as: UTF8.self) + written
                + String(decoding: around[place...], as: UTF8.self))
        precondition(!clean.contains(plain) && !clean.contains(written), "not redacted")
    }

    private final class Lines: @unchecked Sendable {
        var text = ""
    }

    // MARK: The emulator

    /// A call as it comes off the wire: the path, a line feed, the body.
    static let request: @Sendable ([UInt8]) -> Void = { bytes in
        let parts = bytes.split(separator: 10, maxSplits: 1, omittingEmptySubsequences: false)
        var options = EmulatorOptions()
        options.users = 2
        let core = CloudCore(options)
        let path = String(decoding: parts[0], as: UTF8.self)
        let body = parts.count > 1 ? Array(parts[1]) : []
        let now = EmulatorTime(nanoseconds: 1, seconds: 1_790_000_000)
        _ = core.handle(EmulatorCall(path: path, body: body), now: now)
        // Behind the gateway, where a stranger's bytes get only with a signature.
        let command = pick(
            [
                "get_contact_group", "create_contact_group", "update_contact_group",
                "del_contact_group", "mark_contact", "search_contact_group",
            ], for: bytes)
        _ = core.handle(
            EmulatorCall(path: "v4/recentcontact/\(command)?\(query)", body: bytes), now: now)
    }

    private static let query: String = {
        let usersig = (try? signer.usersig()) ?? ""
        return "sdkappid=1400000000&identifier=administrator&usersig=\(usersig)&random=1"
            + "&contenttype=json"
    }()
}

/// The fields of a line, read by rules of its own.
struct LineFields {
    private var values: [String: String] = [:]

    init(_ line: Substring, _ format: LogFormat) {
        switch format {
        case .json:
            let object = try? JSONSerialization.jsonObject(with: Data(line.utf8))
            for (key, value) in object as? [String: Any] ?? [:] { values[key] = value as? String }
        case .logfmt:
            var rest = Array(line.utf8)[...]
            while let equals = rest.firstIndex(of: UInt8(ascii: "=")) {
                let key = String(decoding: rest[..<equals], as: UTF8.self)
                rest = rest[(equals + 1)...]
                var end = rest.startIndex
                if rest.first == UInt8(ascii: "\"") {
                    end += 1
                    while end < rest.endIndex, rest[end] != UInt8(ascii: "\"") {
                        end += rest[end] == UInt8(ascii: "\\") ? 2 : 1
                    }
                    end = min(end + 1, rest.endIndex)
                    let quoted = Data(rest[..<end])
                    values[key] =
                        try? JSONSerialization.jsonObject(with: quoted, options: .fragmentsAllowed)
                        as? String
                } else {
                    end = rest.firstIndex(of: UInt8(ascii: " ")) ?? rest.endIndex
                    values[key] = String(decoding: rest[..<end], as: UTF8.self)
                }
                rest = rest[min(end + 1, rest.endIndex)...]
            }
        }
    }

    subscript(key: String) -> String? { values[key] }
}
