import ChatModel
import EventLog
import Foundation
import MirrorConfiguration
import SyncRules
import TestSupport
import Testing

private let minimal = """
    app:
      sdk_app_id: 1400000000
      admin: administrator
      region: singapore
    users:
      file: users.txt
    mirror:
      database: mirror.db
    """

private func parse(_ text: String) throws(ConfigurationFault) -> MirrorSettings {
    try MirrorSettings.parse(text, file: "/etc/groupmirror/shop.yaml")
}

@Suite struct AConfiguration {
    @Test func aConfigurationWithTheLeastThatMustBeSaid_hasTheDefaults() throws {
        let settings = try parse(minimal)
        #expect(settings.endpoint == "https://adminapisgp.im.qcloud.com")
        #expect(settings.callsPerSecond == 200 && settings.inFlight == 100)
        #expect(settings.timeout == .seconds(10) && settings.margin == .measured)
        #expect(settings.maxStaleness == .seconds(14_400))
        #expect(settings.guardLimits == .init(share: 0.05, atLeast: 20, window: .seconds(600)))
        #expect(settings.logLevel == .info && settings.logFormat == .logfmt)
    }

    @Test func relativePaths_startAtTheFile() throws {
        let settings = try parse(minimal)
        #expect(settings.database == "/etc/groupmirror/mirror.db")
        #expect(settings.usersFile == "/etc/groupmirror/users.txt")
        #expect(
            try parse(minimal.replacing("mirror.db", with: "/var/x.db")).database == "/var/x.db")
    }

    /// Nine levels of nine aliases: as a key it took hours to be compared with the others.
    @Test func aFileOfAliases_isRefusedAtOnce() throws {
        var bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1...9 {
            let aliases = [String](repeating: "*a\(level - 1)", count: 9).joined(separator: ", ")
            bomb += "a\(level): &a\(level) [\(aliases)]\n"
        }
        let fault = #expect(throws: ConfigurationFault.self) {
            try parse(bomb + "? *a9\n: x\n" + minimal)
        }
        #expect(fault?.problem == "YAML anchors (&name) are not supported")
        #expect(fault?.line == 1)
    }

    @Test(arguments: ["R&D", "a & b", "x&", "'& y'"])
    func anAmpersandInAText_isNoAnchor(text: String) throws {
        #expect(throws: Never.self) {
            try parse(minimal.replacing("mirror.db", with: text))
        }
    }

    /// The file may be any file.
    @Test(arguments: [
        "root:$6$made$up:19000:0:99999:7:::", "root: $6$made$up\nroot: $6$made$up",
        "made up: $6$made$up", "{made$up: [}", "\u{7}$6$made$up", "- $6$made$up",
    ])
    func aFileOfAnotherKind_isNotQuoted(text: String) throws {
        let fault = #expect(throws: ConfigurationFault.self) { try parse(text) }
        let words = "\(fault?.description ?? "") \(fault?.advice ?? "")"
        #expect(!words.contains("$6$") && !words.contains("made"), "\(words)")
    }

    @Test func history_canBeKeptForEver() throws {
        #expect(try parse(minimal).history == .seconds(30 * 86_400))
        let text = minimal + "\n  history: forever"
        #expect(try parse(text).history == nil)
    }

    @Test func everyKey_isRead() throws {
        let settings = try parse(
            """
            app: {sdk_app_id: 7, admin: root, endpoint: "https://a.example:8443/", secret_key_file: k, usersig_lifetime: 10m}
            users: {list: [alice, bob]}
            mirror: {database: m.db, history: 90d}
            limits: {calls_per_second: 50, in_flight: 9, timeout: 20s, margin: none}
            schedule: {max_staleness: 90m, min_interval: 30s}
            hints: {socket: hints}
            push: {conflicts: local_wins, missing_group: recreate, name_bytes: 32}
            guard: {emptied_users: 2.5%, at_least: 3, window: 1h, listing_cap: 500}
            log: {level: warning, format: json}
            """)
        let values = Dictionary(uniqueKeysWithValues: settings.entries.map { ($0.key, $0.value) })
        #expect(
            values == [
                "app.sdk_app_id": "7", "app.admin": "root",
                "app.endpoint": "https://a.example:8443",
                "app.secret_key_file": "/etc/groupmirror/k", "app.usersig_lifetime": "10m",
                "users.file": "",
                "users.list": "alice, bob", "mirror.database": "/etc/groupmirror/m.db",
                "mirror.history": "90d", "push.conflicts": "local_wins",
                "push.missing_group": "recreate", "push.name_bytes": "32",
                "limits.calls_per_second": "50", "limits.in_flight": "9", "limits.timeout": "20s",
                "limits.margin": "none", "schedule.max_staleness": "90m",
                "schedule.min_interval": "30s", "hints.socket": "/etc/groupmirror/hints",
                "guard.emptied_users": "2.5%", "guard.at_least": "3", "guard.window": "1h",
                "guard.listing_cap": "500", "log.level": "warning", "log.format": "json",
            ])
    }

    @Test func theOneThatIsShipped_isValidAndShowsEveryKeyWithItsDefault() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appending(path: "../../config/groupmirror.yaml")
        let shipped = try MirrorSettings.read(file.path)
        let text = try String(contentsOf: file, encoding: .utf8)
        let defaults = try parse(minimal)
        for (mine, standard) in zip(shipped.entries, defaults.entries) {
            let name = String(mine.key.split(separator: ".").last ?? "")
            #expect(text.contains("\(name):"), "\(mine.key)")
            let isOwn = ["app.", "users.", "mirror.", "hints."].contains { mine.key.hasPrefix($0) }
            if !isOwn { #expect(mine.value == standard.value, "\(mine.key)") }
        }
    }
}

@Suite struct AMistakeInTheConfiguration {
    @Test func aMisspeltKeyThatMustBeThere_isReportedAsMisspelt() {
        let text = minimal.replacingOccurrences(of: "  admin:", with: "  amdin:")
        let fault = fault(text)
        #expect(fault?.problem == "'app.amdin' is no known key")
        #expect(fault?.advice == "did you mean 'admin'?")
    }

    private func fault(_ text: String) -> ConfigurationFault? {
        #expect(throws: ConfigurationFault.self) { try parse(text) }
    }

    @Test(arguments: [
        (
            "limits: {calls_per_secnd: 5}", "'limits.calls_per_secnd' is no known key",
            "did you mean 'calls_per_second'?"
        ),
        ("limit: {in_flight: 5}", "'limit' is no known key", "did you mean 'limits'?"),
        (
            "log: {max_staleness: 4h}", "'log.max_staleness' is no known key",
            "did you mean schedule.max_staleness?"
        ),
        (
            "limits: {wildly_different: 5}", "'limits.wildly_different' is no known key",
            "known here: calls_per_second, in_flight, timeout, margin"
        ),
        (
            "limits: {in_flight: many}",
            "limits.in_flight must be a whole number from 1 to 10000, not 'many'", ""
        ),
        ("limits: {in_flight: [1]}", "limits.in_flight must be a whole number from 1 to 10000", ""),
        (
            "limits: {timeout: 3s}",
            "limits.timeout must be a time from 4s to 2m, like 10s, 10m or 4h, not '3s'", ""
        ),
        (
            "limits: 5", "limits must be a list of keys and values",
            "config/groupmirror.yaml, installed as /etc/groupmirror/example.yaml, shows every key"
        ),
        (
            "guard: {emptied_users: 5}",
            "guard.emptied_users must be a share from 0% to 100%, not '5'", ""
        ),
        (
            "log: {level: loud}",
            "log.level must be one of debug, info, warning, error, not 'loud'", ""
        ),
    ])
    func isToldWithItsLineAndWhatWouldBeRight(text: String, problem: String, advice: String) {
        let fault = fault(minimal + "\n" + text)
        #expect(fault?.problem == problem)
        #expect(fault?.advice == advice)
        #expect(fault?.line == 9)
        #expect(fault?.description == "/etc/groupmirror/shop.yaml:9: \(problem)")
    }

    @Test(arguments: [
        ("region: singapore", "region: mars", "app.region must be one of"),
        (
            "region: singapore", "region: seoul\n  endpoint: https://a.example",
            "app.endpoint and app.region are both given"
        ),
        ("  region: singapore\n", "", "app.region is missing"),
        ("region: singapore", "endpoint: http://a.example", "app.endpoint must be https://host"),
        (
            "region: singapore", "endpoint: https://a.example/path",
            "app.endpoint must be https://host"
        ),
        (
            "region: singapore", "endpoint: https://user:pw@a.example",
            "app.endpoint must be https://host"
        ),
        ("  admin: administrator\n", "", "app.admin is missing"),
        ("sdk_app_id: 1400000000", "sdk_app_id: -4", "app.sdk_app_id must be the app's number"),
        (
            "sdk_app_id: 1400000000", "sdk_app_id: x",
            "app.sdk_app_id must be the app's number, not 'x'"
        ),
        ("  file: users.txt", "  list: []", "users.file is missing"),
        ("  file: users.txt", "  list: [alice, '']", "users.list: '' is not a user id"),
        ("  database: mirror.db", "  {}", "mirror.database is missing"),
    ])
    func inWhatMustBeSaid_isReported(right: String, wrong: String, problem: String) {
        let fault = fault(minimal.replacing(right, with: wrong))
        #expect(fault?.problem.contains(problem) == true, "\(fault?.problem ?? "")")
        #expect(fault?.line != nil)
    }

    @Test func aKeyGivenTwice_isReported() {
        #expect(
            fault(minimal + "\nlog: {level: info}\nlog: {level: info}")?.problem.contains("twice")
                == true)
    }

    @Test func whatIsNotYAML_isReportedWithItsLine() {
        let fault = fault(minimal + "\nlog: [")
        #expect(fault?.problem.contains("not YAML") == true)
        #expect(fault?.line != nil)
    }

    @Test func anEmptyFile_isReported() {
        #expect(fault("")?.problem == "the file is empty")
        #expect(fault("just words")?.problem == "the file is no list of keys and values")
    }

    @Test func aFileThatIsNotThere_isReported() {
        let fault = #expect(throws: ConfigurationFault.self) {
            try MirrorSettings.read("/nonexistent/x.yaml")
        }
        #expect(fault?.description == "/nonexistent/x.yaml: the configuration does not exist")
    }

    @Test(arguments: [
        "http://127.0.0.1:80", "http://127.255.0.9", "http://localhost:8080", "http://[::1]:1",
    ])
    func plainHTTPToThisMachine_isNone(endpoint: String) throws {
        let text = minimal.replacing("region: singapore", with: "endpoint: \"\(endpoint)\"")
        #expect(try parse(text).endpoint == endpoint)
    }

    @Test(arguments: [
        "http://127.example.com", "http://127.0.0.1.example.com", "http://128.0.0.1",
        "http://0127.0.0.1:9", "http://127.0.0.01", "http://127.1", "http://0x7f.0.0.1",
        "http://+127.+0.+0.+1", "https://host%0d%0aX", "https://a.example:080", "https://1.2.3",
        "https://exa mple.com", "https://user@a.example",
    ])
    func anEndpointThatAnotherParserCouldReadDifferently_isRefused(endpoint: String) {
        let text = minimal.replacing("region: singapore", with: "endpoint: \"\(endpoint)\"")
        #expect(throws: ConfigurationFault.self) { try parse(text) }
    }
}

@Suite struct TheListOfUsers {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func read(_ contents: [UInt8]) throws -> [String] {
        try Data(contents).write(to: URL(fileURLWithPath: directory.file("users.txt")))
        return try read()
    }

    private func read(_ text: String) throws -> [String] { try read(Array(text.utf8)) }

    private func read() throws -> [String] {
        var settings = try parse(minimal)
        settings.usersFile = directory.file("users.txt")
        var users: [String] = []
        try UserListReader(settings).read { users.append(String(decoding: $0, as: UTF8.self)) }
        return users
    }

    @Test func commentsBlankLinesAndSpaces_areNotUsers() throws {
        #expect(
            try read("# team\nalice\n\n  bob  # the second\r\ncarol\t\nd#e\n   # x\nlast")
                == ["alice", "bob", "carol", "d#e", "last"])
    }

    /// Half a list must not look like a whole one.
    @Test func theListOfUsersThatIsWrittenWhileItIsRead_isRefused() throws {
        let path = directory.file("users.txt")
        try Data("alice\n".utf8).write(to: URL(fileURLWithPath: path))
        var settings = try parse(minimal)
        settings.usersFile = path
        let file = try #require(FileHandle(forWritingAtPath: path))
        defer { try? file.close() }
        try file.seekToEnd()
        #expect(throws: ConfigurationFault.self) {
            try UserListReader(settings).read {
                if $0.elementsEqual("alice".utf8) { file.write(Data("bob\n".utf8)) }
            }
        }
    }

    @Test func aByteOrderMark_isNoPartOfTheFirst() throws {
        #expect(try read([0xEF, 0xBB, 0xBF] + Array("alice\n".utf8)) == ["alice"])
    }

    @Test func aLineAcrossTwoPieces_isOneUser() throws {
        let many = (0..<20_000).map { "user\($0)" }
        #expect(try read(many.joined(separator: "\n")) == many)
    }

    @Test(arguments: [
        ("alice\nx\u{1}y\n", 2, "it holds the control character 0x01"),
        (String(repeating: "x", count: 33), 1, "it has 33 bytes, the cloud allows 32"),
        ("a\nb\nü\n", 3, "it holds the byte 0xc3, which is not printable ASCII"),
        (String(repeating: "x", count: 200_000), 1, "bytes, the cloud allows 32"),
    ])
    func aLineThatIsNoUser_isAFaultAndNotLeftOut(text: String, line: Int, problem: String) throws {
        let fault = #expect(throws: ConfigurationFault.self) { try read(text) }
        #expect(fault?.line == line)
        #expect(fault?.problem.contains(problem) == true, "\(fault?.problem ?? "")")
        #expect(fault?.problem.contains("\u{1}") == false)
    }

    @Test func aFileThatIsNotThere_isAFault() throws {
        let fault = #expect(throws: ConfigurationFault.self) { try read() }
        #expect(fault?.problem == "the list of users does not exist")
    }

    @Test func usersOfTheConfiguration_followThoseOfTheFile() throws {
        try directory.write("alice\n", to: "users.txt")
        var settings = try parse(minimal)
        settings.usersFile = directory.file("users.txt")
        settings.usersList = [try UserID("bob")]
        var users: [String] = []
        try UserListReader(settings).read { users.append(String(decoding: $0, as: UTF8.self)) }
        #expect(users == ["alice", "bob"])
    }
}

@Suite struct Spans {
    @Test(arguments: [
        ("250ms", 250), ("10s", 10_000), ("10m", 600_000), ("4h", 14_400_000), ("2d", 172_800_000),
    ])
    func spansAreReadAndWrittenInOneForm(text: String, milliseconds: Int64) {
        #expect(SpanText.read(text) == .milliseconds(milliseconds))
        #expect(SpanText.written(.milliseconds(milliseconds)) == text)
    }

    @Test(arguments: ["", "10", "s", "-1s", "1.5h", "10 s", "9999999999999999999s", "99999999d"])
    func inAnotherForm_areRefused(text: String) {
        #expect(SpanText.read(text) == nil)
    }
}
