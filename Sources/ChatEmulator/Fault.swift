// What can be made to go wrong. Faults come by chance (a rate) or by script (so many times, of a
// command, for a user).

/// One thing that goes wrong, and when.
package struct Fault: Sendable, Hashable {
    /// What goes wrong.
    package enum Kind: Sendable, Hashable {
        /// HTTP 502 with a page of HTML; nothing is done.
        case badGateway
        /// The connection is reset; nothing is done.
        case resetBefore
        /// The call is done, and then the connection is reset.
        case resetAfter
        /// Three seconds of silence, then 60008; nothing is done.
        case stall
        /// No answer at all; nothing is done.
        case silence
        /// The code; the call is done all the same when `applied`.
        case code(Int, applied: Bool)
        /// The reply is cut in half.
        case truncated
        /// HTML instead of JSON, with status 200.
        case garbage
        /// A phone changes the user's data between two pages of its listing.
        case drift
        /// The next cursor is the one just used.
        case stuckCursor
        /// The page does not say whether it is the last.
        case noCompleteFlag
        /// The first conversation of a write fails with the code, the call as a whole does not; it is
        /// done all the same when `applied`.
        case itemFails(Int, applied: Bool)
        /// The listing is empty, as after a plan was downgraded.
        case emptyListing
        /// The listing leaves its first conversation out, though a look-up finds it.
        case omission
        /// A conversation refers to a group that is not listed.
        case dangling
        /// The reply has no Content-Type.
        case noContentType
        /// HTTP 429 or 503 with `Retry-After`, in seconds; nothing is done.
        case busy(status: Int, retryAfter: Int)
        /// The first conversation of the listing is of a type that is not documented.
        case unknownType
    }

    package let kind: Kind
    /// The chance that a call it fits meets it.
    package let rate: Double
    /// How many more times; nil for ever.
    package var times: Int?
    /// The command it is for; nil for all.
    package let command: String?
    /// The user it is for; nil for all.
    package let user: String?

    package init(
        _ kind: Kind, rate: Double = 1, times: Int? = nil, command: String? = nil,
        user: String? = nil
    ) {
        self.kind = kind
        self.rate = rate
        self.times = times
        self.command = command
        self.user = user
    }
}

extension Fault.Kind {
    private static let plain: KeyValuePairs<String, Fault.Kind> = [
        "502": .badGateway, "reset-before": .resetBefore, "reset-after": .resetAfter,
        "stall": .stall, "silence": .silence, "truncated": .truncated, "garbage": .garbage,
        "drift": .drift, "stuck-cursor": .stuckCursor, "no-complete-flag": .noCompleteFlag,
        "empty-listing": .emptyListing, "omission": .omission, "dangling": .dangling,
        "no-content-type": .noContentType, "unknown-type": .unknownType,
    ]

    /// What `init(written:)` understands and what each does, for the help text.
    package static let words: KeyValuePairs<String, String> = [
        "502": "HTTP 502 with a page of HTML; nothing is done",
        "reset-before": "the connection is reset; nothing is done",
        "reset-after": "the call is done, then the connection is reset",
        "stall": "three seconds of silence, then 60008; nothing is done",
        "silence": "no answer at all; nothing is done",
        "truncated": "the reply is cut in half",
        "garbage": "HTML with status 200",
        "drift": "another client changes the user between two pages of its listing",
        "stuck-cursor": "the next cursor is the one just used",
        "no-complete-flag": "the page does not say whether it is the last",
        "empty-listing": "the listing is empty, as after a plan was downgraded",
        "omission": "the listing lacks its first conversation; only a look-up finds it",
        "dangling": "a conversation refers to a group that is not listed",
        "no-content-type": "the reply has no Content-Type",
        "unknown-type": "the listing's first conversation has a Type that is not documented",
        "429:N": "HTTP 429 with 'Retry-After: N'; nothing is done",
        "503:N": "HTTP 503 with 'Retry-After: N'; nothing is done",
        "code:N": "the code N; nothing is done",
        "code:N:applied": "the code N, though the call is done",
        "item:N": "the first conversation of a write fails with N, and is left as it was",
        "item:N:applied": "the same, though it is done",
    ]

    /// Reads `502`, `reset-after`, `code:50005:applied`, `item:51007`, …
    package init?(written text: String) {
        if let known = Self.plain.first(where: { $0.key == text }) {
            self = known.value
            return
        }
        let parts = text.split(separator: ":").map(String.init)
        guard parts.count >= 2, let code = Int(parts[1]) else { return nil }
        switch (parts[0], parts.dropFirst(2)) {
        case ("429", []): self = .busy(status: 429, retryAfter: code)
        case ("503", []): self = .busy(status: 503, retryAfter: code)
        case ("code", []): self = .code(code, applied: false)
        case ("code", ["applied"]): self = .code(code, applied: true)
        case ("item", []): self = .itemFails(code, applied: false)
        case ("item", ["applied"]): self = .itemFails(code, applied: true)
        default: return nil
        }
    }

    package var written: String {
        switch self {
        case .code(let code, let applied): "code:\(code)\(applied ? ":applied" : "")"
        case .itemFails(let code, let applied): "item:\(code)\(applied ? ":applied" : "")"
        case .busy(let status, let seconds): "\(status):\(seconds)"
        default: Self.plain.first { $0.value == self }?.key ?? ""
        }
    }
}

extension Fault {
    /// Reads the form of `--fault`: `KIND`, `KIND=RATE`.
    package init?(written text: String) {
        let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
        guard let first = parts.first, let kind = Kind(written: first) else { return nil }
        guard parts.count == 2 else {
            self.init(kind)
            return
        }
        guard let rate = Double(parts[1]), (0...1).contains(rate) else { return nil }
        self.init(kind, rate: rate)
    }

    /// Reads one of the list that is posted to `/emulator/faults`:
    /// `{"kind":"502","rate":"0.05","times":3,"command":"get_contact_group","user":"user00000001"}`.
    init?(_ json: JSON) {
        guard let kind = json["kind"]?.string.flatMap(Kind.init(written:)) else { return nil }
        let rate =
            json["rate"]?.string.flatMap(Double.init) ?? json["rate"]?.number.map(Double.init)
        guard (0...1).contains(rate ?? 1) else { return nil }
        self.init(
            kind, rate: rate ?? 1, times: json["times"]?.number.map { Int($0) },
            command: json["command"]?.string, user: json["user"]?.string)
    }

    var json: JSON {
        .members([
            "kind": .string(kind.written), "rate": .string(String(rate)),
            "times": times.map { .number(Int64($0)) }, "command": command.map(JSON.string),
            "user": user.map(JSON.string),
        ])
    }
}

/// The faults in force.
struct Faults: Sendable {
    var list: [Fault] = []
    /// How often each kind has struck.
    private(set) var struck: [String: Int] = [:]
    private var random: SplitMix

    init(seed: UInt64) { random = SplitMix(seed: seed) }

    /// The first fault that strikes this call.
    mutating func strike(command: String, user: String?) -> Fault.Kind? {
        for index in list.indices {
            let fault = list[index]
            guard fault.times != 0, fault.command == nil || fault.command == command,
                fault.user == nil || fault.user == user, random.chance() < fault.rate
            else { continue }
            list[index].times = fault.times.map { $0 - 1 }
            struck[fault.kind.written, default: 0] += 1
            return fault.kind
        }
        return nil
    }
}
