import Foundation
import TestSupport
import Testing

/// Whatever is wrong with what the operator wrote or the machine has: the message says what and
/// what to do, the status is the table's, and nothing already mirrored is lost.
@Suite struct BadInput {
    private func expect(
        _ result: FinishedProgram, _ status: Int32, _ words: String...,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(result.status == status, "\(result.stderr)", sourceLocation: sourceLocation)
        for word in words {
            #expect(
                result.stderr.contains(word), "\(word) in: \(result.stderr)",
                sourceLocation: sourceLocation)
        }
    }

    // MARK: The key

    @Test func aMissingKey() throws {
        let emulator = try EmulatorProcess("--users", "1")
        try FileManager.default.removeItem(atPath: emulator.directory.file("secret.key"))
        for command in [["check"], ["run"], ["resync", "--all"], ["usersig"]] {
            expect(
                try emulator.run(command), 78, "secret.key: the secret key file does not exist",
                "app.secret_key_file names it")
        }
    }

    @Test(arguments: [
        ("", "it is empty"), ("two words", "it has more than one word"),
        ("ключ", "not printable ASCII"),
    ])
    func aMalformedKey(contents: String, problem: String) throws {
        let emulator = try EmulatorProcess("--users", "1")
        try emulator.directory.write(contents, to: "secret.key")
        let result = try emulator.groupmirror("run")
        expect(result, 78, "this is no secret key", problem)
        #expect(contents.isEmpty || !result.stderr.contains(contents))
    }

    @Test func aKeyThatEverybodyCanRead() throws {
        let emulator = try EmulatorProcess("--users", "1")
        try emulator.directory.write("made-up-key", to: "secret.key", mode: 0o644)
        expect(
            try emulator.groupmirror("run"), 78, "every user of this machine may read or write",
            "chmod 600")
    }

    @Test func theSystemdCredential_winsOverTheFile() throws {
        let emulator = try EmulatorProcess("--users", "1")
        let key = try String(contentsOfFile: emulator.directory.file("secret.key"), encoding: .utf8)
        let credentials = try TemporaryDirectory()
        try credentials.write(key, to: "secret_key")
        try FileManager.default.removeItem(atPath: emulator.directory.file("secret.key"))
        let result = try emulator.groupmirror(
            "check", "--online", environment: ["CREDENTIALS_DIRECTORY": credentials.path])
        expect(result, 0, "the cloud accepts the app")
    }

    // MARK: The list of users

    @Test(arguments: [
        ("user00000001\n\(String(repeating: "x", count: 33))\n", "users.txt:2:", "33 bytes"),
        ("ok\nb\u{7}d\n", "users.txt:2:", "the control character 0x07"),
    ])
    func aListWithALineThatIsNoUser(list: String, place: String, problem: String) throws {
        let emulator = try EmulatorProcess("--users", "1")
        try emulator.directory.write(list, to: "users.txt")
        expect(try emulator.groupmirror("run"), 78, place, problem, "correct the line")
    }

    @Test func aMissingList() throws {
        let emulator = try EmulatorProcess("--users", "1")
        try FileManager.default.removeItem(atPath: emulator.directory.file("users.txt"))
        expect(try emulator.groupmirror("run"), 78, "the list of users does not exist")
    }

    @Test func repeatedUsers_areMirroredOnceAndCounted() throws {
        let emulator = try EmulatorProcess("--users", "2")
        try emulator.directory.write("user00000001\nuser00000001\nuser00000002\n", to: "users.txt")
        let daemon = try emulator.daemon()
        try daemon.wait(for: "the list") { daemon.stderr.contains("event=users_listed") }
        #expect(daemon.stderr.contains("users=2 added=2 removed=0 repeated=1"))
    }

    @Test func anEmptyList_isServedWithoutACall() throws {
        let emulator = try EmulatorProcess("--users", "1")
        try emulator.directory.write("# nobody yet\n", to: "users.txt")
        let daemon = try emulator.daemon()
        try daemon.wait(for: "readiness") { daemon.stderr.contains("event=daemon_ready") }
        daemon.signal(SIGTERM)
        #expect(daemon.wait() == 0)
        #expect(try emulator.groupmirror("resync", "--all").status == 0)
    }

    // MARK: The configuration

    @Test(arguments: [
        ("limits: {in_flight: soon}", "groupmirror.yaml:11: limits.in_flight must be"),
        ("limit: {}", "did you mean 'limits'?"),
    ])
    func aMistakeInTheConfiguration(yaml: String, words: String) throws {
        let emulator = try EmulatorProcess("--users", "1")
        try emulator.configure(yaml)
        for command in [["run"], ["check"], ["status"], ["users"]] {
            expect(try emulator.run(command), 78, words)
        }
    }

    @Test func aRegionThatIsNone() throws {
        let emulator = try EmulatorProcess("--users", "1")
        let text = try String(contentsOfFile: emulator.configuration, encoding: .utf8)
        try emulator.directory.write(
            text.replacing(/endpoint: .*/, with: "region: atlantis"), to: "groupmirror.yaml")
        expect(try emulator.groupmirror("check"), 78, "app.region must be one of china, singapore")
    }

    // MARK: The database

    @Test func aDatabaseThatIsGarbage() throws {
        let emulator = try EmulatorProcess("--users", "1")
        try emulator.directory.write(String(repeating: "garbage! ", count: 2000), to: "mirror.db")
        for command in [["run"], ["status"], ["resync", "--all"], ["check"]] {
            expect(try emulator.run(command), 74, "mirror.db")
        }
    }

    @Test func aDatabaseOfAnotherApp() throws {
        let emulator = try EmulatorProcess("--users", "1")
        #expect(try emulator.groupmirror("resync", "--all").status == 0)
        let text = try String(contentsOfFile: emulator.configuration, encoding: .utf8)
        try emulator.directory.write(
            text.replacing("1400000000", with: "1400000001"), to: "groupmirror.yaml")
        for command in [["run"], ["status"]] {
            expect(try emulator.run(command), 74, "it is the mirror of app 1400000000")
        }
    }

    @Test func aDatabaseOfANewerVersion() throws {
        let emulator = try EmulatorProcess("--users", "1")
        #expect(try emulator.groupmirror("resync", "--all").status == 0)
        try emulator.sqlite("INSERT INTO grdb_migrations VALUES ('99 future')")
        expect(try emulator.groupmirror("run"), 74, "a newer version of groupmirror has written it")
    }

    @Test func noDatabaseYet() throws {
        let emulator = try EmulatorProcess("--users", "1")
        expect(try emulator.groupmirror("status"), 74, "there is no mirror yet", "groupmirror run")
    }

    @Test func aDirectoryThatIsNotThere() throws {
        let emulator = try EmulatorProcess("--users", "1")
        let text = try String(contentsOfFile: emulator.configuration, encoding: .utf8)
        try emulator.directory.write(
            text.replacing("mirror.db", with: "none/mirror.db"), to: "groupmirror.yaml")
        expect(try emulator.groupmirror("run"), 74, "does the directory exist")
    }

    @Test func aDirectoryThatMayNotBeWritten() throws {
        let emulator = try EmulatorProcess("--users", "1")
        let text = try String(contentsOfFile: emulator.configuration, encoding: .utf8)
        try emulator.directory.write(
            text.replacing("mirror.db", with: "/proc/mirror.db"), to: "groupmirror.yaml")
        expect(try emulator.groupmirror("run"), 74, "/proc/mirror.db")
    }

    /// A file system of one megabyte, in a mount namespace of its own.
    @Test func aDirectoryThatIsNotThere_isFoundByCheckToo() throws {
        let emulator = try EmulatorProcess("--users", "1")
        try emulator.configure("database: mirror.db", "database: nowhere/mirror.db")
        let check = try emulator.groupmirror("check")
        #expect(check.status == 74)
        #expect(check.stderr.contains("does the directory exist"))
    }

    @Test func theDirectoryOfTheKey_isNoKey() throws {
        let emulator = try EmulatorProcess("--users", "1")
        try emulator.configure("secret_key_file: secret.key", "secret_key_file: .")
        let check = try emulator.groupmirror("check")
        #expect(check.status == 78)
        #expect(check.stderr.contains("the secret key file is a directory"))
        #expect(!check.stderr.contains("chmod"))
    }

    @Test func aCommandThatCallsTheCloud_isNotTakenForADaemon() throws {
        let emulator = try EmulatorProcess("--users", "500", "--latency", "100", "--rate", "50")
        let first = try emulator.start("resync", "--all")
        try first.wait(for: "its lock") {
            try emulator.groupmirror("status").stdout.contains("a command (process")
        }
        let second = try emulator.groupmirror("resync", "user00000001")
        #expect(second.status == 75)
        #expect(second.stderr.contains("wait until it has ended"))
    }

    @Test func aFullDisk_isWaitedForAndTheMirrorStaysWhole() throws {
        let emulator = try EmulatorProcess("--users", "300", "--conversations", "60")
        let disk = emulator.directory.file("disk")
        try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: false)
        let text = try String(contentsOfFile: emulator.configuration, encoding: .utf8)
        try emulator.directory.write(
            text.replacing("mirror.db", with: "disk/mirror.db"), to: "groupmirror.yaml")
        let daemon = try emulator.daemon(wrapper: [
            "unshare", "--map-root-user", "--mount", "sh", "-c",
            "mount -t tmpfs -o size=1m none '\(disk)' && exec \"$@\"", "sh",
        ])
        try daemon.wait(for: "the full disk") { daemon.stderr.contains("event=store_failed") }
        #expect(daemon.stderr.contains("disk is full"))
        let check = try RunningProgram.run(
            "nsenter", "--preserve-credentials", "-t", "\(daemon.pid)", "-U", "-m", "sh", "-c",
            "mount -o remount,size=64m '\(disk)'")
        #expect(check.status == 0, "\(check.stderr)")
        try daemon.wait(for: "the recovery") { daemon.stderr.contains("event=store_recovered") }
        daemon.signal(SIGTERM)
        #expect(daemon.wait() == 0)
    }
}

/// The network between here and there, and who answers at its end.
@Suite struct BadWeather {
    private func configure(_ emulator: EmulatorProcess, endpoint: String) throws {
        let text = try String(contentsOfFile: emulator.configuration, encoding: .utf8)
        try emulator.directory.write(
            text.replacing(/endpoint: .*/, with: "endpoint: \(endpoint)"), to: "groupmirror.yaml")
        if !text.contains("limits:") { try emulator.configure("limits: {timeout: 4s}") }
    }

    private func expectUnavailable(_ endpoint: String, _ words: String) throws {
        let emulator = try EmulatorProcess("--users", "2")
        #expect(try emulator.groupmirror("resync", "--all").status == 0)
        try configure(emulator, endpoint: endpoint)
        let check = try emulator.groupmirror("check", "--online")
        #expect(check.status == 69, "\(check.stderr)")
        #expect(check.stderr.contains(words), "\(check.stderr)")
        let resync = try emulator.groupmirror("resync", "--all")
        #expect(resync.status == 69, "\(resync.stderr)")
        #expect(resync.stderr.contains(words), "\(resync.stderr)")
        #expect(try emulator.isEqual())
    }

    @Test func aHostThatDoesNotResolve() throws {
        try expectUnavailable("https://\(LoopbackPort.noHost)", "no address was found")
    }

    @Test func nobodyListening() throws {
        let port = try LoopbackPort()
        defer { withExtendedLifetime(port) {} }
        try expectUnavailable("http://127.0.0.1:\(port.number)", "no connection")
    }

    @Test func aConnectionThatIsReset() throws {
        let server = try HostileServer { _, socket in HostileServer.reset(socket) }
        try expectUnavailable("http://127.0.0.1:\(server.port)", "the connection broke")
        server.close()
    }

    @Test func aServerThatAcceptsAndNeverAnswers() throws {
        let server = try HostileServer { _, socket in
            var byte: UInt8 = 0
            _ = recv(socket, &byte, 1, 0)
        }
        try expectUnavailable("http://127.0.0.1:\(server.port)", "no answer within 4.0 s")
        server.close()
    }

    @Test(arguments: ["", "null", "[]", "<html>hello</html>", "deep", #"{"ErrorCode":0,"Comp"#])
    func aReplyThatIsNone(body: String) throws {
        let bytes = body == "deep" ? [UInt8](repeating: 0x5B, count: 200_000) : Array(body.utf8)
        let server = try HostileServer { _, socket in HostileServer.respond(bytes, to: socket) }
        try expectUnavailable("http://127.0.0.1:\(server.port)", "the reply cannot be read")
        server.close()
    }

    /// nginx in front of the emulator, with certificates made for the test.
    @Test func certificates_areChecked() throws {
        let emulator = try EmulatorProcess("--users", "5")
        let front = try TLSFront(emulator)
        try configure(emulator, endpoint: "https://localhost:\(front.port(.valid))")
        let trust = ["SSL_CERT_FILE": front.authority]
        let good = try emulator.groupmirror("resync", "--all", environment: trust)
        #expect(good.status == 0, "\(good.stderr)")
        for (kind, words) in [
            (TLSFront.Kind.expired, "expired"), (.selfSigned, "self-signed"),
            (.otherHost, "no alternative certificate subject name matches"),
        ] {
            try configure(emulator, endpoint: "https://localhost:\(front.port(kind))")
            let bad = try emulator.groupmirror("check", "--online", environment: trust)
            #expect(bad.status == 69)
            #expect(bad.stderr.contains("no trusted connection"), "\(bad.stderr)")
            #expect(bad.stderr.contains(words), "\(bad.stderr)")
        }
        try configure(emulator, endpoint: "https://localhost:\(front.port(.valid))")
        #expect(try emulator.groupmirror("check", "--online").status == 69)
    }
}
