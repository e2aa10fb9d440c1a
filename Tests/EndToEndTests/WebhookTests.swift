import Foundation
import Glibc
import TestSupport
import Testing

/// The cloud's callbacks, and what becomes of them.
@Suite struct TheWebhookProgram {
    private static let token = "made-up-token-of-the-tests-0123456789"
    private static let ok = #"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}"#

    /// The program, for the mirror of an emulator.
    private final class Webhook {
        let process: RunningProgram
        let address: String
        private let directory: TemporaryDirectory

        /// - Parameter listen: by default on a free port.
        convenience init(_ emulator: EmulatorProcess, listen: String = "127.0.0.1:0") throws {
            try self.init(emulator.directory, emulator.configuration, listen: listen)
        }

        init(
            _ directory: TemporaryDirectory, _ configuration: String,
            listen: String = "127.0.0.1:0"
        ) throws {
            self.directory = directory
            let token = try directory.write(token + "\n", to: "webhook.token")
            let process = try RunningProgram(
                .webhook,
                ["--config", configuration, "--listen", listen, "--token-file", token])
            try process.wait(for: "its address") { process.stderr.contains("webhook_ready") }
            self.process = process
            address = try #require(process.stderr.firstMatch(of: /listen=(\S+)/)).1.description
        }

        /// Status and body of the answer.
        func post(_ body: String, _ path: String = token + "?SdkAppid=1400000000") throws
            -> (status: String, body: String)
        {
            try post(file: directory.write(body, to: "body.json"), path)
        }

        func post(file: String, _ path: String = token + "?SdkAppid=1400000000") throws
            -> (status: String, body: String)
        {
            let place =
                address.hasPrefix("/")
                ? ["--unix-socket", address, "http://localhost/" + path]
                : ["http://\(address)/" + path]
            let curl = try RunningProgram(
                command: [
                    "curl", "-sS", "-m", "30", "-w", "\n%{http_code}", "--data-binary", "@" + file,
                ] + place)
            curl.wait()
            let lines = curl.stdout.components(separatedBy: "\n")
            return (lines.last ?? "", lines.dropLast().joined(separator: "\n"))
        }

        /// Ends the program; what it has counted.
        func totals() throws -> [String: Int] {
            process.signal(SIGTERM)
            #expect(process.wait() == 0)
            return TheWebhookProgram.numbers(process, of: "webhook_stats")
        }
    }

    private static func numbers(_ process: RunningProgram, of event: String) -> [String: Int] {
        let line = process.stderr.split(separator: "\n").last { $0.contains("event=\(event) ") }
        var values: [String: Int] = [:]
        for word in (line ?? "").split(separator: " ") {
            let parts = word.split(separator: "=")
            if parts.count == 2 { values[String(parts[0])] = Int(parts[1]) }
        }
        return values
    }

    private static func change(_ action: String, _ user: String) -> String {
        #"{"CallbackCommand":"State.StateChange","EventTime":\#(Int64(Date().timeIntervalSince1970 * 1000)),"#
            + #""Info":{"Action":"\#(action)","To_Account":"\#(user)"}}"#
    }

    /// What the daemon makes of hints, the tests of the schedule show.
    @Test func whoComesAndGoes_isAHintForTheDaemon() throws {
        let emulator = try EmulatorProcess("--users", "20")
        try emulator.configure("schedule: {min_interval: 1h}")
        let daemon = try emulator.daemon()
        try daemon.wait(for: "the first pulls") {
            daemon.stderr.components(separatedBy: "event=pass_changed").count > 15
        }
        let webhook = try Webhook(emulator)
        for action in ["Login", "Logout"] {
            for user in ["user00000007", "user00000008"] {
                let answer = try webhook.post(Self.change(action, user))
                #expect(answer.status == "200" && answer.body == Self.ok)
            }
        }
        #expect(try webhook.post(Self.change("Disconnect", "a-stranger")).body == Self.ok)
        #expect(try webhook.totals()["hints"] == 5)
        daemon.signal(SIGTERM)
        #expect(daemon.wait() == 0)
        let stats = Self.numbers(daemon, of: "stats")
        #expect((stats["hints"] ?? 0) + (stats["hints_useless"] ?? 0) == 4)
        #expect(stats["hints_unknown"] == 1)
        // Presence is in no log.
        for log in [daemon.stderr, webhook.process.stderr] {
            #expect(!log.contains("Login") && !log.contains("Logout"))
        }
    }

    /// From the phones of the emulator to the daemon, with callbacks that get lost and come twice.
    @Test func theEmulatorsPhones_reachTheDaemon() throws {
        let directory = try TemporaryDirectory()
        let socket = directory.file("hints")
        // The webhook first: the emulator needs its address.
        let configuration = try directory.write(
            """
            app: {sdk_app_id: 1400000000, admin: a, region: tokyo, secret_key_file: none}
            users: {list: [u]}
            mirror: {database: m.db}
            hints: {socket: \(socket)}
            """, to: "webhook.yaml")
        let webhook = try Webhook(directory, configuration)
        let emulator = try EmulatorProcess(
            "--users", "50", "--churn", "20", "--visit", "1", "--webhook",
            "http://\(webhook.address)", "--webhook-token-file", directory.file("webhook.token"),
            "--webhook-loss", "0.2", "--webhook-doubles", "0.2", "--webhook-delay", "0.1")
        try emulator.configure("hints: {socket: \(socket)}")
        let daemon = try emulator.daemon()
        try webhook.process.wait(for: "callbacks of each kind") {
            let stats = try emulator.get("stats")
            return try ["sent", "lost", "doubled"].allSatisfy { kind in
                let pattern = try Regex("\"\(kind)\":([0-9]{2,})")
                return stats.firstMatch(of: pattern) != nil
            }
        }
        try daemon.wait(for: "hints that reach the daemon") {
            webhook.process.stderr.contains("hints_delivered")
                || !webhook.process.stderr.contains("hints_undelivered")
        }
        let totals = try webhook.totals()
        #expect(totals["hints"] == totals["callbacks"] && totals["faulty"] == 0)
        daemon.signal(SIGTERM)
        #expect(daemon.wait() == 0)
        let stats = Self.numbers(daemon, of: "stats")
        let taken = (stats["hints"] ?? 0) + (stats["hints_useless"] ?? 0)
        #expect(taken == (totals["hints"] ?? 0) - (totals["undelivered"] ?? 0) && taken > 0)
        #expect(stats["hints_unknown"] == 0 && stats["hints_dropped"] == 0)
    }

    /// Each gets the vendor's OK, for calling again would not help.
    @Test func whatCannotBeUsed_isAnsweredAndCounted() throws {
        let emulator = try EmulatorProcess("--users", "1")
        let webhook = try Webhook(emulator)
        let user = "user00000001"
        for (body, path) in [
            ("not JSON", Self.token + "?SdkAppid=1400000000"),
            (Self.change("Login", user), Self.token + "?SdkAppid=1400000001"),
            (Self.change("Login", user), Self.token),
            (
                Self.change("Login", "a user of far too many characters"),
                Self.token + "?SdkAppid=1400000000"
            ),
        ] {
            for _ in 1...2 {
                let answer = try webhook.post(body, path)
                #expect(answer.status == "200" && answer.body == Self.ok)
            }
        }
        let totals = try webhook.totals()
        #expect(totals["faulty"] == 8 && totals["callbacks"] == 0 && totals["hints"] == 0)
        // Each problem once.
        #expect(webhook.process.stderr.components(separatedBy: "callback_unusable").count == 5)
        #expect(!webhook.process.stderr.contains(user))
    }

    @Test func withoutTheToken_isNotFound() throws {
        let emulator = try EmulatorProcess("--users", "1")
        let webhook = try Webhook(emulator)
        let body = Self.change("Login", "user00000001")
        for path in ["", "wrong?SdkAppid=1400000000", Self.token + "/x?SdkAppid=1400000000"] {
            let answer = try webhook.post(body, path)
            #expect(answer.status == "404" && answer.body.isEmpty)
        }
        let get = try RunningProgram.run(
            "curl", "-sS", "-m", "30", "-w", "%{http_code}",
            "http://\(webhook.address)/\(Self.token)?SdkAppid=1400000000")
        #expect(get.stdout == "404")
        #expect(try webhook.totals()["refused"] == 4)
        #expect(!webhook.process.stderr.contains(Self.token))
    }

    @Test func aBodyOfTenMegabytes_isNotRead() throws {
        let emulator = try EmulatorProcess("--users", "1")
        let webhook = try Webhook(emulator)
        let file = try emulator.directory.write(
            String(repeating: "x", count: 10_000_000), to: "large")
        #expect(try webhook.post(file: file).status == "200")
        #expect(try webhook.post(file: file, "wrong").status == "404")
        // It goes on.
        #expect(try webhook.post(Self.change("Login", "user00000001")).body == Self.ok)
        let totals = try webhook.totals()
        #expect(totals["faulty"] == 1 && totals["refused"] == 1 && totals["hints"] == 1)
    }

    @Test func anAlarmOfTheCloud_isAWarning() throws {
        let emulator = try EmulatorProcess("--users", "1")
        let webhook = try Webhook(emulator)
        _ = try webhook.post(
            #"{"CallbackCommand":"Alert.RequestOverLimit","Command":"get_contact_group","Request":170,"Limit":200}"#
        )
        #expect(try webhook.totals()["alarms"] == 1)
        #expect(
            webhook.process.stderr.contains(
                "level=warning event=call_limit_near app=1400000000 command=get_contact_group calls=170 limit=200"
            ))
    }

    /// Whoever has the token must not fill the log.
    @Test func manyAlarms_areCountedAndHaveFewLines() throws {
        let emulator = try EmulatorProcess("--users", "1")
        let webhook = try Webhook(emulator)
        for number in 1...25 {
            let name = "command\(number)" + String(repeating: "x", count: 1000)
            _ = try webhook.post(
                #"{"CallbackCommand":"Alert.RequestOverLimit","Command":"\#(name)","Request":1,"Limit":1}"#
            )
        }
        #expect(try webhook.totals()["alarms"] == 25)
        let lines = webhook.process.stderr.split(separator: "\n").filter {
            $0.contains("call_limit_near")
        }
        #expect(lines.count == 20 && lines.allSatisfy { $0.utf8.count < 250 })
    }

    @Test func aHangup_isNoReasonToEnd() throws {
        let emulator = try EmulatorProcess("--users", "1")
        let webhook = try Webhook(emulator)
        webhook.process.signal(SIGHUP)
        #expect(try webhook.post(Self.change("Login", "user00000001")).body == Self.ok)
        #expect(try webhook.totals()["hints"] == 1)
    }

    /// A sender that stops in the middle keeps the program from ending for no longer than a body may take.
    @Test func anUnfinishedBody_doesNotKeepItFromEnding() throws {
        let emulator = try EmulatorProcess("--users", "1")
        let webhook = try Webhook(emulator)
        let script = """
            import socket, sys
            host, port = "\(webhook.address)".split(":")
            s = socket.create_connection((host, int(port)))
            s.send(b"POST /\(Self.token)?SdkAppid=1400000000 HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 60000\\r\\n\\r\\nabc")
            print("sent", flush=True)
            s.settimeout(120)
            s.recv(1)
            """
        let sender = try RunningProgram(command: ["python3", "-c", script])
        try sender.wait(for: "the beginning of a body") { sender.stdout.contains("sent") }
        #expect(try webhook.post(Self.change("Login", "user00000001")).body == Self.ok)
        webhook.process.signal(SIGTERM)
        #expect(webhook.process.wait(atMost: 100) == 0)
        #expect(Self.numbers(webhook.process, of: "webhook_stats")["faulty"] == 1)
        #expect(webhook.process.stderr.contains("its body took too long"))
        sender.wait()
    }

    /// The daemon restarts and has another socket then: the next hint finds it.
    @Test func whileTheDaemonIsAway_dropsHintsAndSaysSoOnce() throws {
        let emulator = try EmulatorProcess("--users", "2")
        let webhook = try Webhook(emulator)
        let body = Self.change("Login", "user00000001")
        _ = try webhook.post(body)
        try webhook.process.wait(for: "the warning") {
            webhook.process.stderr.contains("event=hints_undelivered")
        }
        _ = try webhook.post(body)
        for _ in 1...2 {
            let daemon = try emulator.daemon()
            try daemon.wait(for: "its socket") {
                try emulator.groupmirror("hint", "online", "user00000002").status == 0
            }
            _ = try webhook.post(body)
            try webhook.process.wait(for: "a hint that is taken") {
                webhook.process.stderr.contains("event=hints_delivered")
            }
            daemon.signal(SIGTERM)
            #expect(daemon.wait() == 0)
        }
        let totals = try webhook.totals()
        #expect(totals["hints"] == 4 && totals["undelivered"] == 2)
        #expect(webhook.process.stderr.components(separatedBy: "hints_undelivered").count == 2)
    }

    @Test func onAUnixSocket_replacesOneThatWasLeft() throws {
        let emulator = try EmulatorProcess("--users", "1")
        let path = emulator.directory.file("webhook.sock")
        let killed = try Webhook(emulator, listen: path)
        killed.process.signal(SIGKILL)
        killed.process.wait()
        #expect(FileManager.default.fileExists(atPath: path))
        let webhook = try Webhook(emulator, listen: path)
        #expect(try webhook.post(Self.change("Login", "user00000001")).body == Self.ok)
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o660)
        #expect(try webhook.totals()["hints"] == 1)
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func onASocketInUse_isRefused() throws {
        let emulator = try EmulatorProcess("--users", "1")
        let path = emulator.directory.file("webhook.sock")
        let first = try Webhook(emulator, listen: path)
        let second = try start(emulator, ["--listen", path])
        #expect(second.status == 74 && second.stderr.contains("another program does"))
        #expect(try first.post(Self.change("Login", "user00000001")).body == Self.ok)
        #expect(try first.totals()["hints"] == 1)
    }

    @Test func inADirectoryThatIsMissing_saysSo() throws {
        let emulator = try EmulatorProcess("--users", "1")
        try emulator.directory.write(Self.token, to: "webhook.token")
        let end = try start(emulator, ["--listen", emulator.directory.file("none/webhook.sock")])
        #expect(end.status == 74 && end.stderr.contains("webhook.sock: No such file or directory"))
    }

    @Test func whatStandsInTheWay_isLeftAlone() throws {
        let emulator = try EmulatorProcess("--users", "1")
        let path = try emulator.directory.write("mine", to: "webhook.sock")
        try emulator.directory.write(Self.token, to: "webhook.token", mode: 0o600)
        let end = try start(emulator, ["--listen", path])
        #expect(end.status == 74)
        #expect(end.stderr.contains("something stands there that is no socket"))
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "mine")
    }

    @Test func aMistake_hasItsStatusAndSaysWhat() throws {
        let emulator = try EmulatorProcess("--users", "1")
        try emulator.directory.write(Self.token, to: "webhook.token", mode: 0o600)
        let elsewhere = try start(emulator, ["--listen", "0.0.0.0:8400"])
        #expect(elsewhere.status == 64 && elsewhere.stderr.contains("no address of this machine"))
        let taken = try start(
            emulator, ["--listen", String(emulator.address.dropFirst("http://".count))])
        #expect(taken.status == 74 && taken.stderr.contains("cannot listen on 127.0.0.1:"))
        chmod(emulator.directory.file("webhook.token"), 0o644)
        let open = try start(emulator, [])
        #expect(open.status == 78 && open.stderr.contains("every user of this machine may read"))
        try emulator.directory.write("short", to: "webhook.token", mode: 0o600)
        let short = try start(emulator, [])
        #expect(short.status == 78 && short.stderr.contains("this is no token"))
        let missing = FinishedProgram(
            try RunningProgram(.webhook, ["--config", emulator.configuration]))
        #expect(missing.status == 78 && missing.stderr.contains("--token-file is missing"))
        #expect(FinishedProgram(try RunningProgram(.webhook, ["--nonsense"])).status == 64)
    }

    private func start(_ emulator: EmulatorProcess, _ words: [String]) throws -> FinishedProgram {
        FinishedProgram(
            try RunningProgram(
                .webhook,
                [
                    "--config", emulator.configuration, "--token-file",
                    emulator.directory.file("webhook.token"),
                ] + words))
    }
}
