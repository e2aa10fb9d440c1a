// The cloud without a network: one call in, one reply out, driven by the clock that it is given. It
// is specified by Cloud.md and not by our client; it imports nothing of it.

/// The time as a caller sees it.
package struct EmulatorTime: Sendable {
    /// Only goes forward; for the limit of calls a second.
    package let nanoseconds: Int64
    /// Unix time in seconds; for signatures and timestamps.
    package let seconds: Int64

    package init(nanoseconds: Int64, seconds: Int64) {
        self.nanoseconds = nanoseconds
        self.seconds = seconds
    }
}

/// One call as it comes off the wire.
package struct EmulatorCall: Sendable {
    /// With the query: `v4/recentcontact/get_contact_group?sdkappid=…`.
    package let path: String
    package let body: [UInt8]

    package init(path: String, body: [UInt8]) {
        self.path = path
        self.body = body
    }
}

/// What goes back, and how.
package enum EmulatorReply: Sendable {
    case reply(status: Int, body: [UInt8], contentType: String?)
    case reset
    /// A status that is not 200, with `Retry-After` in seconds.
    case busy(status: Int, retryAfter: Int)
    /// The reply, after so many milliseconds.
    case late(milliseconds: Int, body: [UInt8])
    case silence
}

/// State, validation, limits and faults. Not thread-safe: its owner serialises the calls.
package final class CloudCore {
    package var options: EmulatorOptions
    var users: [String: CloudUser] = [:]
    var faults: Faults
    var journal = Journal()
    private(set) var counters = Counters()
    private(set) var limits: [String: RateLimit] = [:]
    private var signatures: UserSigCheck
    private var encoded: [PageKey: (version: Int, body: [UInt8])] = [:]
    var phones: SplitMix
    var visits: Visits
    /// Visits without a change that are owed.
    var idleVisits = 0.0
    /// How the next conversation of the write that is being served fails; nil when it does not.
    var failingItem: (code: Int, isApplied: Bool)?

    /// What a page of a listing depends on.
    struct PageKey: Hashable {
        let user: String
        let cursor: Int64
    }

    package init(_ options: EmulatorOptions, faults: [Fault] = []) {
        self.options = options
        self.faults = Faults(seed: options.seed ^ 0xFA17)
        self.faults.list = faults
        signatures = UserSigCheck(sdkAppID: options.sdkAppID, key: options.key)
        phones = SplitMix(seed: options.seed ^ 0xC4)
        visits = Visits(seed: options.seed ^ 0x1515)
    }

    /// The five commands beside the listing, which has a path of its own since its replies are
    /// kept.
    private func function(of command: String)
        -> ((_ request: JSON, _ user: String, _ now: Int64) -> Result<JSON, CallError>)?
    {
        switch command {
        case "create_contact_group": createContactGroup
        case "update_contact_group": updateContactGroup
        case "del_contact_group": deleteContactGroup
        case "mark_contact": markContact
        case "search_contact_group": searchContactGroup
        default: nil
        }
    }

    /// Answers one call. The order of the checks is Cloud.md §4's.
    package func handle(_ call: EmulatorCall, now: EmulatorTime) -> EmulatorReply {
        let seconds = now.seconds + options.clockSkew
        let (path, query) = Query.parts(of: call.path)
        let words = path.split(separator: UInt8(ascii: "/")).map {
            String(decoding: $0, as: UTF8.self)
        }
        guard words.count == 3, words[0] == "v4", words[1] == "recentcontact",
            words[2] == "get_contact_group" || function(of: words[2]) != nil
        else { return answer(CallError(60009, "no such resource"), of: "-") }
        let command = words[2]
        if let error = gatewayError(query, now: seconds) {
            return answer(error, of: command)
        }
        var limit = limits[command, default: RateLimit()]
        let isAdmitted = limit.admit(now: now.nanoseconds, limit: options.rate)
        limits[command] = limit
        guard isAdmitted else { return answer(CallError(options.rateCode), of: command) }
        return serve(command, call.body, now: seconds)
    }

    private func gatewayError(_ query: Query, now: Int64) -> CallError? {
        guard let app = query["sdkappid"].flatMap({ Int64($0) }) else { return CallError(60012) }
        guard let identifier = query["identifier"], let usersig = query["usersig"],
            let random = query["random"], UInt32(random) != nil, query["contenttype"] == "json"
        else { return CallError(60025) }
        let code = signatures.code(of: usersig, identifier: identifier, sdkAppID: app, now: now)
        if code != 0 { return CallError(code) }
        return identifier == options.admin ? nil : CallError(60010)
    }

    private func serve(_ command: String, _ body: [UInt8], now: Int64) -> EmulatorReply {
        guard let request = JSON(parsing: body) else {
            return answer(CallError(60003), of: command)
        }
        let user = request["From_Account"]?.string
        let fault = faults.strike(command: command, user: user)
        switch fault {
        case .badGateway:
            counters.count(command, "502")
            return .reply(status: 502, body: Array(Self.html.utf8), contentType: "text/html")
        case .busy(let status, let seconds):
            counters.count(command, String(status))
            return .busy(status: status, retryAfter: seconds)
        case .resetBefore:
            counters.count(command, "reset")
            return .reset
        case .silence:
            counters.count(command, "silence")
            return .silence
        case .stall:
            counters.count(command, "60008")
            return .late(milliseconds: 3000, body: encoded(CallError(60008), of: command))
        case .code(let code, applied: false): return answer(CallError(code), of: command)
        default: break
        }
        return disguise(perform(command, request, user, fault, now: now), command, fault)
    }

    /// Runs the command; every write leaves a line in the journal.
    private func perform(
        _ command: String, _ request: JSON, _ user: String?, _ fault: Fault.Kind?, now: Int64
    ) -> [UInt8] {
        guard let user else {
            let isMissing = request["From_Account"] == nil
            return encoded(CallError(isMissing ? 50002 : 60015), of: command)
        }
        guard hasImported(user) else { return encoded(CallError(50001), of: command) }
        if command == "get_contact_group" { return listing(request, user, fault, now: now) }
        guard options.hasEdition || command == "search_contact_group" else {
            return encoded(CallError(51013), of: command)
        }
        guard let run = function(of: command) else {
            return encoded(CallError(60009), of: command)
        }
        if case .itemFails(let code, let isApplied) = fault { failingItem = (code, isApplied) }
        let result = run(request, user, now)
        failingItem = nil
        if command != "search_contact_group" {
            journal.add(command: command, user: user, request: request, result: result, now: now)
        }
        switch result {
        case .success(let reply):
            counters.count(command, "0")
            return envelope(reply, of: command).bytes
        case .failure(let error): return encoded(error, of: command)
        }
    }

    /// What a fault makes of a reply to a call that was done.
    private func disguise(_ body: [UInt8], _ command: String, _ fault: Fault.Kind?) -> EmulatorReply
    {
        switch fault {
        case .resetAfter: return .reset
        case .code(let code, applied: true): return answer(CallError(code), of: command)
        case .truncated:
            return .reply(
                status: 200, body: Array(body.prefix(body.count / 2)),
                contentType: "application/json")
        case .garbage:
            return .reply(status: 200, body: Array(Self.html.utf8), contentType: "text/html")
        case .noContentType: return .reply(status: 200, body: body, contentType: nil)
        default: return .reply(status: 200, body: body, contentType: "application/json")
        }
    }

    private static let html = "<html><body><h1>502 Bad Gateway</h1></body></html>\n"

    // MARK: Users

    private var population: Population { Population(options: options) }

    /// Whether the app has the account.
    func hasImported(_ user: String) -> Bool {
        users[user] != nil || population.number(of: user) != nil
    }

    /// The user's data, made from the seed when it is looked at for the first time.
    func user(_ name: String, now: Int64) -> CloudUser {
        if let user = users[name] { return user }
        let user = made(name, now: now)
        users[name] = user
        return user
    }

    func made(_ name: String, now: Int64) -> CloudUser {
        // The times of a population must not depend on when it is read.
        population.number(of: name).map { population.user($0, now: Self.epoch) } ?? CloudUser()
    }

    /// 2026-01-01T00:00:00Z: when the seeded data was last changed, at the latest.
    private static let epoch: Int64 = 1_767_225_600

    // MARK: Replies

    func encodedPage(of user: String, cursor: Int64, version: Int, _ make: () -> JSON) -> [UInt8] {
        let key = PageKey(user: user, cursor: cursor)
        if let known = encoded[key], known.version == version { return known.body }
        let body = make().bytes
        // A cache, not a copy of the cloud: bounded, and emptied in one go.
        if encoded.count > 200_000 { encoded = [:] }
        encoded[key] = (version, body)
        return body
    }

    private func answer(_ error: CallError, of command: String) -> EmulatorReply {
        .reply(
            status: 200, body: encoded(error, of: command), contentType: "application/json")
    }

    func encoded(_ error: CallError, of command: String) -> [UInt8] {
        counters.count(command, String(error.code))
        return JSON.members([
            "ActionStatus": "FAIL", "ErrorCode": number(Int64(error.code)),
            "ErrorInfo": .string(error.info),
            "ErrorDisplay": options.errorDisplay == .all ? "" : nil,
        ]).bytes
    }

    /// The reply's own members, then the envelope, as in the vendor's samples.
    func envelope(_ reply: JSON, of command: String) -> JSON {
        guard case .object(let members) = reply else { return reply }
        let displaying = ["create_contact_group", "mark_contact", "search_contact_group"]
        let hasDisplay =
            options.errorDisplay == .all
            || (options.errorDisplay == .some && displaying.contains(command))
        let envelope = JSON.members([
            "ActionStatus": "OK", "ErrorCode": number(0), "ErrorInfo": "",
            "ErrorDisplay": hasDisplay ? "" : nil,
        ])
        guard case .object(let more) = envelope else { return reply }
        return .object(members + more)
    }

    func count(_ command: String, _ code: String) { counters.count(command, code) }

    func number(_ number: Int64) -> JSON {
        options.numbers == .strings ? .string(String(number)) : .number(number)
    }

    /// A list, or nothing when it is empty and the knob says so.
    func list(_ elements: [JSON]) -> JSON? {
        elements.isEmpty && options.emptyArrays == .absent ? nil : .array(elements)
    }

    /// Back to the beginning: population, counters, faults, journal.
    package func reset() {
        users = [:]
        encoded = [:]
        faults.list = []
        journal = Journal()
        counters = Counters()
        limits = [:]
    }
}

/// A call's failure, as the API words it.
package struct CallError: Error, Hashable {
    package let code: Int
    package let info: String

    init(_ code: Int, _ info: String? = nil) {
        self.code = code
        self.info = info ?? CallError.words[code] ?? "error \(code)"
    }

    private static let words: [Int: String] = [
        50001: "From_Account is not imported", 50002: "a parameter is wrong",
        50004: "internal error", 50005: "network time-out",
        51006: "no conversation, or more than 100", 51008: "more than 1000 conversations",
        51009: "the group does not exist", 51010: "more than 20 groups",
        51011: "the group's name is empty or too long",
        51013: "the edition has no conversation groups", 60003: "the body is not JSON",
        60007: "frequency limit of the command", 60008: "service time-out",
        60010: "an administrator is needed", 60011: "frequency limit of the app",
        60012: "sdkappid is missing", 60015: "From_Account is not a string",
        60025: "a parameter of the URL is wrong", 70001: "usersig expired",
        70003: "usersig is malformed", 70009: "usersig does not verify",
        70013: "identifier does not match usersig", 70014: "sdkappid does not match usersig",
    ]
}

/// The query of a URL, taken apart by bytes: each call has one, and characters cost ten times as much.
struct Query {
    private var values: [String: String] = [:]

    init(_ text: Substring.UTF8View) {
        for pair in text.split(separator: UInt8(ascii: "&")) {
            guard let mark = pair.firstIndex(of: UInt8(ascii: "=")) else { continue }
            let name = String(decoding: pair[..<mark], as: UTF8.self)
            values[name] = Query.unescaped(pair[pair.index(after: mark)...])
        }
    }

    /// What stands before the question mark of a URL's path, and the query behind it.
    static func parts(of path: String) -> (path: Substring.UTF8View, query: Query) {
        let text = path[...].utf8
        let mark = text.firstIndex(of: UInt8(ascii: "?")) ?? text.endIndex
        return (text[..<mark], Query(text[mark...].dropFirst()))
    }

    subscript(name: String) -> String? { values[name] }

    private static func unescaped(_ text: Substring.UTF8View) -> String {
        var bytes: [UInt8] = []
        var rest = text[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Calls by command and by the code they were answered with.
struct Counters: Sendable {
    private(set) var calls: [String: [String: Int]] = [:]

    mutating func count(_ command: String, _ code: String) {
        calls[command, default: [:]][code, default: 0] += 1
    }
}

extension JSON: ExpressibleByStringLiteral {
    package init(stringLiteral value: StaticString) { self = .string(value.description) }
}
