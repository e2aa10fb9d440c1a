import ChatModel
import EventLog
import Foundation
import Glibc
import SyncRules
import Yams

// The configuration file, section by section in its own order.

extension MirrorSettings {
    /// Reads and checks a file; the list of users is looked at by `UserListReader`.
    package static func read(_ path: String) throws(ConfigurationFault) -> MirrorSettings {
        let text: String
        do {
            text = try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            throw unreadable(path, what: "the configuration", error)
        }
        return try parse(text, file: path)
    }

    /// Reads and checks the text of a configuration.
    /// - Parameter file: its path, for errors; relative paths start there.
    package static func parse(_ text: String, file: String) throws(ConfigurationFault)
        -> MirrorSettings
    {
        try refuseAnchors(text, file: file)
        let node: Node
        do {
            guard let root = try Yams.compose(yaml: text) else {
                throw ConfigurationFault(
                    file: file, problem: "the file is empty",
                    advice: "config/groupmirror.yaml is a beginning")
            }
            node = root
        } catch let fault as ConfigurationFault {
            throw fault
        } catch {
            throw malformed(error, file: file)
        }
        return try MirrorSettings(try Section(node, name: "", file: file, keys: keys))
    }

    /// A small file can stand for a gigabyte, or for years of work, by naming a node and repeating it;
    /// a configuration has no use for that. Without an anchor (`&name`) there is no alias (`*name`).
    private static func refuseAnchors(_ text: String, file: String) throws(ConfigurationFault) {
        var (line, before): (Int, Character) = (1, "\n")
        var rest = text[...]
        while let character = rest.popFirst() {
            defer { before = character }
            if character.isNewline { line += 1 }
            guard character == "&", !before.isLetter, !before.isNumber,
                let next = rest.first, next.isLetter || next.isNumber || "-_".contains(next)
            else { continue }
            throw ConfigurationFault(
                file: file, line: line, problem: "YAML anchors (&name) are not supported",
                advice: "write the value where it is used; in a text, put a space behind the &")
        }
    }

    private init(_ root: Section) throws(ConfigurationFault) {
        file = root.file
        guard let app = try root.section("app") else {
            throw root.fault("app", "is missing", advice: "it says whose groups to mirror")
        }
        guard
            let number = try app.value("sdk_app_id", "the app's number", { Int64($0) }), number > 0
        else { throw app.fault("sdk_app_id", "must be the app's number, as the console shows it") }
        sdkAppID = number
        guard let admin = try app.value("admin", "a user id", { try? UserID($0) }) else {
            throw app.fault("admin", "is missing", advice: "an administrator account of the app")
        }
        self.admin = admin
        endpoint = try MirrorSettings.endpoint(app)
        secretKeyFile = try app.value("secret_key_file", "a path", { $0.isEmpty ? nil : $0 })
            .map(MirrorSettings.beside(root.file))
        usersigLifetime =
            try app.span("usersig_lifetime", .seconds(600)...(.seconds(7 * 86_400)))
            ?? usersigLifetime

        (usersFile, usersList) = try MirrorSettings.users(root)

        let mirror = try root.section("mirror")
        let database = try mirror?.value("database", "a path", { $0.isEmpty ? nil : $0 })
        guard let database else {
            throw (mirror ?? root).fault(
                mirror == nil ? "mirror" : "database", "is missing",
                advice: "mirror.database is the path of the mirror's file")
        }
        self.database = MirrorSettings.beside(root.file)(database)
        try readHistory(mirror)

        try readLimits(root)
        try readSchedule(root)
        try readHints(root)
        try readPush(root)
        try readGuard(root)
        try readLog(root)
    }

    /// Every key with its section, to find where a misplaced one belongs.
    private static let keys = [
        "app.sdk_app_id", "app.admin", "app.region", "app.endpoint", "app.secret_key_file",
        "app.usersig_lifetime",
        "users.file", "users.list", "mirror.database", "mirror.history", "limits.calls_per_second",
        "limits.in_flight", "limits.timeout", "limits.margin", "schedule.max_staleness",
        "schedule.min_interval", "hints.socket",
        "push.conflicts", "push.missing_group", "push.name_bytes", "guard.emptied_users",
        "guard.at_least",
        "guard.window", "guard.listing_cap", "log.level",
        "log.format",
    ]

    private static func users(_ root: Section) throws(ConfigurationFault) -> (
        String?, [UserID]
    ) {
        guard let users = try root.section("users") else {
            throw root.fault(
                "users", "is missing", advice: "users.file or users.list says whom to mirror")
        }
        let file = try users.value("file", "a path", { $0.isEmpty ? nil : $0 })
            .map(beside(root.file))
        var list: [UserID] = []
        if let node = users.node("list") {
            guard let items = node.sequence else {
                throw users.fault("list", "must be a list of user ids, like [alice, bob]")
            }
            for item in items {
                do {
                    list.append(try UserID(item.scalar?.string ?? ""))
                } catch {
                    throw ConfigurationFault(
                        file: root.file, line: item.mark?.line, problem: "users.list: \(error)")
                }
            }
        }
        guard file != nil || !list.isEmpty else {
            throw users.fault(
                "file", "is missing", advice: "users.file or users.list says whom to mirror")
        }
        return (file, list)
    }

    private static func endpoint(_ app: Section) throws(ConfigurationFault) -> String {
        let region = try app.choice("region", Region.self)
        let written = try app.value("endpoint", "a URL", { $0 })
        switch (region, written) {
        case (let region?, nil): return region.endpoint
        case (nil, let written?):
            guard let endpoint = checkedEndpoint(written) else {
                throw app.fault(
                    "endpoint", "must be https://host or https://host:port, not '\(written)'",
                    advice: "http:// is for this machine only (127.0.0.1, localhost, [::1])")
            }
            return endpoint
        case (_?, _?):
            throw app.fault("endpoint", "and app.region are both given", advice: "keep one")
        case (nil, nil):
            throw app.fault(
                "region", "is missing",
                advice: "one of " + Region.allCases.map(\.rawValue).joined(separator: ", ")
                    + "; or app.endpoint")
        }
    }

    private static func checkedEndpoint(_ text: String) -> String? {
        let trimmed = text.hasSuffix("/") ? String(text.dropLast()) : text
        guard let parts = URLComponents(string: trimmed), let host = parts.encodedHost,
            !host.isEmpty,
            parts.path.isEmpty, parts.query == nil, parts.fragment == nil, parts.user == nil,
            parts.password == nil, (1...65535).contains(parts.port ?? 443)
        else { return nil }
        // Nothing that another parser could read as another machine.
        let port = parts.port.map { ":\($0)" } ?? ""
        guard let scheme = parts.scheme, trimmed == "\(scheme)://\(host)\(port)",
            isPlainHost(host)
        else { return nil }
        let isLoopback =
            host == "localhost" || host == "[::1]"
            || isDottedDecimal(host) && host.hasPrefix("127.")
        switch parts.scheme {
        case "https": return trimmed
        case "http": return isLoopback ? trimmed : nil
        default: return nil
        }
    }

    /// A name of letters, digits, dots and hyphens, a dotted decimal address in its canonical form, or an
    /// address of IPv6 in brackets. libcurl takes `0127.1` and `0x7f.1` for addresses too, octal and short
    /// ones: a name whose last label begins with a digit must be a canonical one.
    private static func isPlainHost(_ host: String) -> Bool {
        if host.hasPrefix("["), host.hasSuffix("]") {
            return isCanonicalIPv6(String(host.dropFirst().dropLast()))
        }
        let isName = host.utf8.allSatisfy {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0 | 0x20)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-")
        }
        let last = host.split(separator: ".", omittingEmptySubsequences: false).last ?? ""
        return isName && (last.first?.isNumber != true || isDottedDecimal(host))
    }

    private static func isCanonicalIPv6(_ text: String) -> Bool {
        var address = in6_addr()
        guard inet_pton(AF_INET6, text, &address) == 1 else { return false }
        var written = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        inet_ntop(AF_INET6, &address, &written, socklen_t(INET6_ADDRSTRLEN))
        return text.utf8.elementsEqual(written.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) })
    }

    private static func isDottedDecimal(_ host: String) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4
            && parts.allSatisfy { part in UInt8(part).map(String.init) == String(part) }
    }

    private mutating func readLimits(_ root: Section) throws(ConfigurationFault) {
        guard let limits = try root.section("limits") else { return }
        callsPerSecond = try limits.number("calls_per_second", 1...1_000_000) ?? callsPerSecond
        inFlight = try limits.number("in_flight", 1...10_000) ?? inFlight
        // The cloud itself takes up to 3 s (Cloud.md §3).
        timeout = try limits.span("timeout", .seconds(4)...(.seconds(120))) ?? timeout
        margin = try limits.choice("margin", CallWindow.Margin.self) ?? margin
    }

    private mutating func readSchedule(_ root: Section) throws(ConfigurationFault) {
        guard let schedule = try root.section("schedule") else { return }
        maxStaleness =
            try schedule.span("max_staleness", .seconds(1)...(.seconds(366 * 86_400)))
            ?? maxStaleness
        let shortest = Schedule.shortestInterval
        minInterval =
            try schedule.span("min_interval", shortest...max(shortest, maxStaleness)) ?? minInterval
    }

    /// Bytes of a path that a socket's address holds.
    package static let longestSocketPath = 107

    private mutating func readHints(_ root: Section) throws(ConfigurationFault) {
        guard let hints = try root.section("hints") else { return }
        let path = try hints.value("socket", "a path", { $0.isEmpty ? nil : $0 })
        guard let path else { return }
        let file = MirrorSettings.beside(root.file)(path)
        guard file.utf8.count <= Self.longestSocketPath else {
            throw hints.fault(
                "socket", "is too long: a socket's path has at most \(Self.longestSocketPath) bytes"
            )
        }
        hintsSocketFile = file
    }

    private mutating func readHistory(_ mirror: Section?) throws(ConfigurationFault) {
        let longest = Duration.seconds(10_000 * 86_400)
        let span = try mirror?.value("history", "a time from 1h to 10000d, like 30d, or forever") {
            text -> Duration?? in
            if text == "forever" { return .some(nil) }
            return SpanText.read(text).flatMap {
                (.seconds(3600)...longest).contains($0) ? .some($0) : nil
            }
        }
        if let span { history = span }
    }

    private mutating func readPush(_ root: Section) throws(ConfigurationFault) {
        guard let push = try root.section("push") else { return }
        pushPolicy = PushPolicy(
            conflicts: try push.choice("conflicts", ConflictPolicy.self) ?? pushPolicy.conflicts,
            missingGroup: try push.choice("missing_group", MissingGroupPolicy.self)
                ?? pushPolicy.missingGroup)
        nameBytes = try push.number("name_bytes", 1...256) ?? nameBytes
    }

    private mutating func readGuard(_ root: Section) throws(ConfigurationFault) {
        guard let section = try root.section("guard") else { return }
        let share = try section.value("emptied_users", "a share from 0% to 100%") { text in
            text.hasSuffix("%")
                ? Double(text.dropLast()).flatMap { (0...100).contains($0) ? $0 / 100 : nil } : nil
        }
        let atLeast = try section.number("at_least", 1...10_000_000)
        let window = try section.span("window", .seconds(10)...(.seconds(7 * 86_400)))
        guardLimits = DeletionGuard.Limits(
            share: share ?? guardLimits.share, atLeast: atLeast ?? guardLimits.atLeast,
            window: window ?? guardLimits.window)
        listingCap = try section.number("listing_cap", 0...1_000_000) ?? listingCap
    }

    private mutating func readLog(_ root: Section) throws(ConfigurationFault) {
        guard let log = try root.section("log") else { return }
        logLevel = try log.choice("level", LogLevel.self) ?? logLevel
        logFormat = try log.choice("format", LogFormat.self) ?? logFormat
    }

    /// Relative paths start at the configuration file.
    private static func beside(_ file: String) -> (String) -> String {
        { path in
            path.hasPrefix("/")
                ? path
                : URL(fileURLWithPath: file).deletingLastPathComponent().appending(path: path).path
        }
    }

    private static func malformed(_ error: any Error, file: String) -> ConfigurationFault {
        switch error as? YamlError {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            ConfigurationFault(file: file, line: mark.line, problem: "not YAML: \(problem)")
        case .duplicatedKeysInMapping(let keys, let context):
            ConfigurationFault(
                file: file, line: context.mark.line,
                problem: "\(Section.shown(keys.first ?? "")) is given twice")
        // Others carry lines of the file, which may be any file.
        case .reader(let problem, _, _, _):
            ConfigurationFault(file: file, problem: "not YAML: \(problem)")
        default: ConfigurationFault(file: file, problem: "not YAML")
        }
    }
}

/// Why a file of the operator cannot be read, in words.
/// - Parameter error: an `errno`.
package func unreadable(_ what: String, _ error: Int32) -> String {
    switch error {
    case ENOENT: "\(what) does not exist"
    case EACCES: "\(what) may not be read by this user"
    case EISDIR: "\(what) is a directory"
    default: "\(what) cannot be read: \(String(cString: strerror(error)))"
    }
}

/// The same, of an error of Foundation's.
private func unreadable(_ path: String, what: String, _ error: any Error) -> ConfigurationFault {
    var isDirectory: ObjCBool = false
    if FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory),
        isDirectory.boolValue
    {
        return ConfigurationFault(file: path, problem: unreadable(what, EISDIR))
    }
    let problem =
        switch (error as? CocoaError)?.code {
        case .fileReadNoSuchFile, .fileNoSuchFile: unreadable(what, ENOENT)
        case .fileReadNoPermission: unreadable(what, EACCES)
        default: "\(what) is not UTF-8 text"
        }
    let isKept = (error as? CocoaError)?.code == .fileReadNoPermission
    return ConfigurationFault(
        file: path, problem: problem, advice: isKept ? whoMayRead(path) : "")
}

/// How a user gets to read a file that they may not read.
private func whoMayRead(_ path: String) -> String {
    let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
    var status = stat()
    guard stat(path, &status) == 0 || stat(directory, &status) == 0,
        status.st_mode & S_IRGRP != 0, status.st_gid != 0, let group = getgrgid(status.st_gid)
    else { return "use sudo" }
    let name = String(cString: group.pointee.gr_name)
    return
        "it is for members of the group '\(name)' (sudo adduser YOU \(name); log in again), or use sudo"
}
