// Every code that the API is known to answer, with its kind (Cloud.md §1.12 and §4). One table: the
// classification, the advice to operators, the generated Documentation/Failures.md and the tests
// all read it.

/// The codes of the cloud.
package enum FailureTable {
    /// A code of the cloud, and what follows from it.
    package struct Row: Sendable {
        package let code: Int
        package let kind: FailureKind
        package let meaning: String
        /// For the operator; empty when there is nothing to do.
        package let advice: String
        /// The code speaks of the whole app's calls, so every command's window narrows.
        package let isAppWide: Bool

        fileprivate init(
            _ code: Int, _ kind: FailureKind, _ meaning: String, advice: String = "",
            isAppWide: Bool = false
        ) {
            self.code = code
            self.kind = kind
            self.meaning = meaning
            self.advice = advice
            self.isAppWide = isAppWide
        }
    }

    /// What is known of a code; nil for an undocumented one.
    package static func row(for code: Int) -> Row? { byCode[code] }

    /// An undocumented code counts as a passing failure: the user backs off, and the
    /// log shows the code.
    package static func kind(of code: Int) -> FailureKind { byCode[code]?.kind ?? .transient }

    /// What a code means, with what the cloud said about it. It is cut to a line
    /// only where secrets in it are masked: half of one is harder to recognise.
    package static func words(_ code: Int, _ info: String?) -> String {
        let meaning = byCode[code]?.meaning ?? "a code that this program does not know"
        // Far longer than what is shown of it in the end.
        let said = String((info ?? "").unicodeScalars.prefix(20_000))
        let words = isBare(said, code) ? "" : said
        return words.isEmpty || words == meaning ? meaning : "\(meaning): \(words)"
    }

    /// Only the code once more, as `error 60020`.
    private static func isBare(_ words: String, _ code: Int) -> Bool {
        words.split(separator: " ").allSatisfy {
            ["error", "code", "\(code)"].contains($0.lowercased())
        }
    }

    package static let rows: [Row] = conversationGroups + gateway + account + neighbours

    private static let byCode = Dictionary(uniqueKeysWithValues: rows.map { ($0.code, $0) })

    private static let checkAdmin =
        "app.admin must be an administrator account of the app (Chat console, Basic Configuration)"
    private static let checkRegion =
        "app.sdk_app_id and app.region (or app.endpoint) must belong together"
    private static let checkKey =
        "the secret key must be the one the Chat console shows for app.sdk_app_id"
    private static let reportBug = "this is a fault of the program: please report it with the log"

    /// Cloud.md §1.12
    private static let conversationGroups = [
        Row(50001, .notImported, "the user is not imported", advice: "import the account"),
        Row(50002, .rejected, "a parameter is wrong"),
        Row(50003, .refusedApp, "administrator permission is needed", advice: checkAdmin),
        Row(50004, .transient, "internal error"),
        Row(50005, .transient, "internal or network time-out"),
        Row(51006, .rejected, "no conversation, or more than 100 in one request"),
        Row(51007, .stale, "the chat group cannot be resolved, is disbanded, or was left"),
        Row(51008, .rejected, "more than 1000 conversations"),
        Row(51009, .stale, "the conversation group does not exist"),
        Row(51010, .rejected, "more than 20 conversation groups"),
        Row(
            51011, .rejected,
            "the group's name is too long (32 or 64 bytes, by region and date) or empty"),
        Row(51012, .rejected, "too many pinned conversations"),
        Row(
            51013, .refusedApp, "the app's edition has no conversation groups",
            advice: "conversation groups and standard marks need a paid edition of the app"),
    ]

    /// Cloud.md §4, 60xxx
    private static let gateway = [
        Row(60002, .refusedApp, "the HTTP request cannot be parsed", advice: reportBug),
        Row(60003, .rejected, "the body is not JSON", advice: reportBug),
        Row(60004, .signature, "the account or its signature is wrong"),
        Row(60005, .signature, "the account or its signature is wrong"),
        Row(60006, .refusedApp, "the SDKAppID is invalid", advice: checkRegion),
        Row(60007, .throttled, "the command's call frequency is over the limit"),
        Row(60008, .transient, "service time-out, or a bad HTTP request"),
        Row(
            60009, .refusedApp, "the resource does not exist",
            advice: "app.endpoint must be a host of the Chat REST API"),
        Row(60010, .refusedApp, "administrator permission is needed", advice: checkAdmin),
        Row(60011, .throttled, "the app's call frequency is over the limit", isAppWide: true),
        Row(60012, .refusedApp, "the SDKAppID is missing", advice: reportBug),
        Row(60013, .transient, "the cloud could not read its own reply"),
        Row(60014, .transient, "the account check timed out"),
        Row(60015, .rejected, "the account in the body is no string", advice: reportBug),
        Row(
            60016, .refusedApp, "the SDKAppID is disabled",
            advice: "the app is disabled in the Chat console"),
        Row(
            60017, .refusedApp, "the request is disabled",
            advice: "ask the vendor why this API is disabled for the app"),
        Row(60018, .throttled, "too many requests"),
        Row(60019, .throttled, "too many requests"),
        Row(
            60020, .refusedApp, "no plan, an expired one, or arrears",
            advice: "look at the app's billing; a purchase takes about five minutes to hold"),
        Row(
            60021, .refusedApp, "the source address is not allowed",
            advice: "add this machine's address to the app's allow list"),
        Row(60022, .throttled, "the service is overloaded"),
        Row(60025, .refusedApp, "a parameter of the URL is wrong", advice: checkRegion),
        Row(60026, .refusedApp, "the host is of another region than the app", advice: checkRegion),
        Row(
            60027, .refusedApp, "the product has no right to this API",
            advice: "the app's plan must include the REST API of conversation groups"),
        Row(
            60028, .refusedApp, "the trial edition's calls of the day are spent",
            advice: "wait until tomorrow, or upgrade the app"),
    ]

    /// Cloud.md §4, 70xxx
    private static let account = [
        Row(
            70001, .signature, "the signature has expired", advice: "is this machine's clock right?"
        ),
        Row(70002, .signature, "the signature is empty"),
        Row(70003, .signature, "the signature is malformed"),
        Row(70004, .signature, "the signature does not verify"),
        Row(70005, .signature, "the signature is illegal"),
        Row(70006, .signature, "the signature does not verify"),
        Row(70007, .signature, "the signature does not verify"),
        Row(70008, .signature, "the signature does not verify"),
        Row(70009, .refusedApp, "the signature was made with another key", advice: checkKey),
        Row(70010, .signature, "the signature does not verify"),
        Row(70013, .refusedApp, "the admin is not the one signed for", advice: checkAdmin),
        Row(70014, .refusedApp, "the SDKAppID is not the one signed for", advice: checkRegion),
        Row(70016, .refusedApp, "no key is found for the app", advice: checkRegion),
        Row(70020, .refusedApp, "the SDKAppID is not found", advice: checkRegion),
        Row(70050, .refusedApp, "a wrong signature was tried too often", advice: checkKey),
        Row(
            70051, .refusedApp, "the account is on a block list",
            advice: "app.admin is blocked; use another administrator"),
        Row(70052, .signature, "the signature is no longer valid"),
        Row(70107, .notImported, "the account is not imported", advice: "import the account"),
        Row(70114, .throttled, "signed in too often"),
        Row(70169, .transient, "internal time-out"),
        Row(70202, .transient, "internal time-out"),
        Row(70402, .rejected, "a parameter is wrong"),
        Row(70403, .refusedApp, "administrator permission is needed", advice: checkAdmin),
        Row(70500, .transient, "internal error"),
    ]

    /// Codes of the services behind the same gateway, which these commands are not expected to
    /// give.
    private static let neighbours = [
        Row(10006, .throttled, "a frequency limit of the group service"),
        Row(40006, .transient, "internal error of the profile service"),
        Row(72010, .throttled, "one user's status was asked for too often"),
        Row(90992, .transient, "internal error of the message service"),
        Row(90994, .transient, "internal error of the message service"),
        Row(90995, .transient, "internal error of the message service"),
        Row(91000, .transient, "internal error of the message service"),
    ]
}

extension FailureTable {
    /// Documentation/Failures.md, generated: a test compares the file with this text.
    package static var markdown: String {
        let kinds = FailureKind.allCases.map {
            "| `\($0.rawValue)` | \($0.consequence) |"
        }
        let codes = rows.map {
            "| \($0.code) | `\($0.kind.rawValue)` | \($0.meaning) | \($0.advice) |"
        }
        return """
            # Failures

            Generated from `Sources/SyncRules/FailureTable.swift`; a test holds both together. The cloud answers HTTP \
            200 to failures, so what counts is the code in the reply. Anything else than a readable reply (no \
            connection, no answer in time, another HTTP status, something that is not the API's JSON) is \
            `transient`, and so is a code that is not listed here.

            | kind | what follows |
            | --- | --- |
            \(kinds.joined(separator: "\n"))

            | code | kind | meaning | what usually helps |
            | --- | --- | --- | --- |
            \(codes.joined(separator: "\n"))

            """
    }
}
