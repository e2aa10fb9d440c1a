import Foundation
import TestSupport
import Testing

/// What stands between the machine and the cloud: gateways that answer in the cloud's place, and TLS.
@Suite struct AHostileNetwork {
    /// Passes every byte on to a port of this machine and gives back the answer that came.
    private static func forward(_ request: [UInt8], to port: UInt16) -> [UInt8] {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { Glibc.close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isConnected, HostileServer.send(request, to: socket) else { return [] }
        var reply: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        // One whole reply: the emulator says how long it is.
        while true {
            let text = String(decoding: reply, as: UTF8.self)
            if let head = text.range(of: "\r\n\r\n"),
                let length = text.lowercased().firstMatch(of: /content-length: *([0-9]+)/),
                reply.count >= text[..<head.upperBound].utf8.count + (Int(length.1) ?? 0)
            {
                return reply
            }
            let count = recv(socket, &piece, piece.count, 0)
            guard count > 0 else { return reply }
            reply += piece[..<count]
        }
    }

    /// A gateway before the emulator. It passes everything on; of writes it keeps the answer, and gives
    /// one that is not HTTP.
    private func gateway(before emulator: EmulatorProcess) throws -> HostileServer {
        let port = try #require(emulator.address.split(separator: ":").last.flatMap { UInt16($0) })
        return try HostileServer { request, socket in
            let reply = Self.forward(request, to: port)
            let isWrite = String(decoding: request.prefix(200), as: UTF8.self)
                .contains("create_contact_group")
            if isWrite {
                HostileServer.send(Array("<html>blocked</html>".utf8), to: socket)
                shutdown(socket, Int32(SHUT_RDWR))
            } else {
                HostileServer.send(reply, to: socket)
            }
        }
    }

    @Test func aWriteThatAGatewayPassesOnAndAnswersItself_isInDoubtAndThenFound() throws {
        let emulator = try EmulatorProcess.pulled()
        let gateway = try gateway(before: emulator)
        defer { gateway.close() }
        try emulator.configure(emulator.address, "http://127.0.0.1:\(gateway.port)")
        let user = "user00000003"
        let edit = try emulator.groupmirror("edit", "create", user, "passed on", "user:bob")
        let number = edit.stdout.trimmingCharacters(in: .whitespacesAndNewlines)
        let daemon = try emulator.daemon()
        try daemon.wait(for: "the edit's end") {
            try emulator.sqlite("SELECT state FROM edits").contains("applied")
        }
        // It was sent once, taken for in doubt, and found in the cloud.
        let journal = try emulator.get("journal")
        #expect(journal.ranges(of: "create_contact_group").count == 1, "\(journal)")
        #expect(daemon.stderr.contains("the answer is not HTTP"))
        #expect(!daemon.stderr.contains("look at app.endpoint"))
        #expect(try emulator.groupmirror("outbox", "cancel", number).status == 64)
        #expect(try emulator.groupmirror("show", user).stdout.contains("passed on"))
    }

    /// What a gateway may make of the address that it quotes.
    private static let quotings: [@Sendable (String) -> String] = [
        { $0 },
        { $0.replacing("*", with: "%2A").replacing("-", with: "%2D").replacing("_", with: "%5F") },
        { $0.utf8.map { String(format: "%%%02X", $0) }.joined() },
        { $0.utf8.map { String(format: "\\\\u%04x", $0) }.joined() },
        { $0.utf8.map { String(format: "&#%d;", $0) }.joined() },
    ]

    @Test(arguments: quotings.indices)
    func aCloudThatQuotesTheAddress_getsNoSignatureIntoAnythingThatIsLeft(quoting: Int) throws {
        let emulator = try EmulatorProcess("--users", "6")
        let signatures = Shared<Set<String>>([])
        let server = try HostileServer { request, socket in
            let text = String(decoding: request, as: UTF8.self)
            let signature = text.firstMatch(of: /usersig=([^& ]+)/).map { String($0.1) } ?? ""
            signatures.change { $0.insert(signature) }
            let address = Self.quotings[quoting]("/v4/x?usersig=" + signature + "&random=1")
            let body =
                #"{"ActionStatus":"FAIL","ErrorCode":70169,"ErrorInfo":"refused: \#(address)"}"#
            HostileServer.respond(Array(body.utf8), to: socket)
        }
        defer { server.close() }
        try emulator.configure(emulator.address, "http://127.0.0.1:\(server.port)")
        try emulator.configure("log: {level: debug}")
        let manager = try NotifySocket(emulator.directory.file("notify"))
        let daemon = try emulator.daemon(["NOTIFY_SOCKET": manager.path])
        try daemon.wait(for: "failures") {
            daemon.stderr.split(separator: "\n").count { $0.contains("call_failed") } >= 3
                || !daemon.isRunning
        }
        daemon.signal(SIGTERM)
        daemon.wait()
        let resync = try emulator.groupmirror("resync", "--all")
        var left = [daemon.stderr, daemon.stdout, resync.stderr] + manager.messages
        left += [try emulator.groupmirror("status", "--json").stdout]
        left += [try emulator.groupmirror("users", "--json").stdout]
        for name in ["mirror.db", "mirror.db-wal"] {
            let data = try Data(contentsOf: URL(fileURLWithPath: emulator.directory.file(name)))
            left.append(String(decoding: data, as: UTF8.self))
        }
        #expect(!signatures.value.isEmpty)
        for signature in signatures.value {
            let bytes = Array(signature)
            for start in 0...(bytes.count - 16) {
                let piece = String(bytes[start..<(start + 16)])
                let forms = Self.quotings.map { $0(piece) } + [piece]
                for form in forms {
                    #expect(!left.contains { $0.contains(form) }, "quoted in the way \(quoting)")
                }
            }
        }
    }

    @Test func tls10_isRefused_howeverWeakTheSystemIs() throws {
        let emulator = try EmulatorProcess("--users", "5")
        let front = try TLSFront(emulator)
        let weak = ["OPENSSL_CONF": try front.weakSettings(), "SSL_CERT_FILE": front.authority]
        let address = "https://localhost:\(front.port(.old))"
        // The system itself would do it.
        let curl = try RunningProgram(
            command: [
                "curl", "-s", "-o", "/dev/null", "--tlsv1.0", "--cacert", front.authority, address,
            ], environment: weak)
        #expect(curl.wait() == 0, "\(curl.stderr)")
        try emulator.configure(emulator.address, address)
        let check = try emulator.groupmirror("check", "--online", environment: weak)
        #expect(check.status == 69)
        #expect(check.stderr.contains("no trusted connection"), "\(check.stderr)")
    }

    /// With the keys of its sessions whoever has recorded the traffic could read it.
    @Test func theKeysOfTLSSessions_areWrittenNowhere() throws {
        let emulator = try EmulatorProcess("--users", "5")
        let front = try TLSFront(emulator)
        let address = "https://localhost:\(front.port(.valid))"
        let file = emulator.directory.file("keys.log")
        let environment = ["SSLKEYLOGFILE": file, "SSL_CERT_FILE": front.authority]
        try emulator.configure(emulator.address, address)
        let check = try emulator.groupmirror("check", "--online", environment: environment)
        #expect(check.status == 0, "\(check.stderr)")
        #expect(!FileManager.default.fileExists(atPath: file))
    }

    /// The system's authorities stand in a file and in a directory; SSL_CERT_FILE replaces both.
    @Test func theSystemsAuthorities_areNotTrustedBesideSSL_CERT_FILE() throws {
        let mount = try RunningProgram.run("unshare", "--mount", "true")
        guard geteuid() == 0, mount.status == 0 else { return }
        let emulator = try EmulatorProcess("--users", "5")
        let front = try TLSFront(emulator)
        try emulator.configure(emulator.address, "https://localhost:\(front.port(.valid))")
        let system = try front.systemAuthorities()
        func check(_ environment: [String: String]) throws -> FinishedProgram {
            FinishedProgram(
                try RunningProgram(
                    command: [
                        "unshare", "--mount", "sh", "-c",
                        "mount --bind '\(system)' /etc/ssl/certs && exec \"$@\"", "sh",
                        Program.groupmirror.url.path, "check", "--online", "--config",
                        emulator.configuration,
                    ], environment: environment))
        }
        let other = try TLSFront(emulator).authority
        #expect(try check(["SSL_CERT_FILE": front.authority]).status == 0)
        let refused = try check(["SSL_CERT_FILE": other])
        #expect(refused.status == 69)
        #expect(refused.stderr.contains("no trusted connection"), "\(refused.stderr)")
    }
}
