import Foundation
import TestSupport

/// nginx before an emulator, on one port for each kind of certificate.
final class TLSFront: Sendable {
    enum Kind: String, CaseIterable {
        case valid, expired, otherHost, selfSigned
        /// Speaks TLS 1.0 and 1.1 only.
        case old

        fileprivate var settings: String {
            switch self {
            case .old:
                """
                ssl_certificate valid.pem;
                ssl_protocols TLSv1 TLSv1.1;
                ssl_ciphers ALL:@SECLEVEL=0;
                """
            default: "ssl_certificate \(rawValue).pem;"
            }
        }
    }

    private let directory: TemporaryDirectory
    private let ports: [Kind: LoopbackPort]
    private let nginx: RunningProgram

    init(_ emulator: EmulatorProcess) throws {
        directory = try TemporaryDirectory()
        try TLSFront.makeCertificates(in: directory.path)
        ports = try Dictionary(
            uniqueKeysWithValues: Kind.allCases.map { ($0, try LoopbackPort()) })
        let servers = ports.map { kind, port in
            """
            server {
                listen 127.0.0.1:\(port.number) ssl reuseport;
                \(kind.settings)
                ssl_certificate_key key.pem;
                location / { proxy_pass \(emulator.address); }
            }
            """
        }
        try directory.write(
            """
            daemon off;
            master_process off;
            pid nginx.pid;
            error_log error.log;
            events {}
            http {
                access_log off;
                client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
                uwsgi_temp_path uwsgi; scgi_temp_path scgi;
                \(servers.joined(separator: "\n"))
            }
            """, to: "nginx.conf")
        nginx = try RunningProgram(command: ["nginx", "-p", directory.path, "-c", "nginx.conf"])
        let (nginx, port) = (nginx, port(.valid))
        try nginx.wait(for: "nginx") {
            try RunningProgram.run("curl", "-sk", "https://127.0.0.1:\(port)/").status == 0
        }
    }

    deinit {
        nginx.signal(SIGKILL)
    }

    func port(_ kind: Kind) -> UInt16 { ports[kind]?.number ?? 0 }

    /// The certificate to trust.
    var authority: String { directory.file("authority.pem") }

    /// Settings of OpenSSL that allow what has long been forbidden, as an old machine may have them.
    func weakSettings() throws -> String {
        try directory.write(
            """
            openssl_conf = all
            [all]
            ssl_conf = ssl
            [ssl]
            system_default = weak
            [weak]
            MinProtocol = TLSv1
            CipherString = ALL:@SECLEVEL=0
            """, to: "openssl.cnf")
    }

    /// A directory as the system's for authorities, with the one of this front in it.
    func systemAuthorities() throws -> String {
        let folder = directory.file("system")
        let made = try RunningProgram.run(
            "sh", "-c",
            "mkdir '\(folder)' && cp '\(authority)' '\(folder)/ours.pem' && openssl rehash '\(folder)'"
        )
        guard made.status == 0 else { throw NeverHappened(what: "a directory: \(made.stderr)") }
        return folder
    }

    private static func makeCertificates(in folder: String) throws {
        let script = """
            set -e
            cd '\(folder)'
            openssl req -x509 -newkey rsa:2048 -nodes -keyout authority.key -out authority.pem \
                -days 2 -subj '/CN=made up for a test'
            openssl genrsa -out key.pem 2048
            issue() { # name, host, days
                openssl req -new -key key.pem -subj "/CN=$2" -out request.pem
                printf 'subjectAltName=DNS:%s\\n' "$2" > extensions
                openssl x509 -req -in request.pem -CA authority.pem -CAkey authority.key \
                    -CAcreateserial -days "$3" -extfile extensions -out "$1.pem"
            }
            issue valid localhost 2
            issue expired localhost -1
            issue otherHost elsewhere.example 2
            openssl req -x509 -key key.pem -out selfSigned.pem -days 2 -subj /CN=localhost \
                -addext subjectAltName=DNS:localhost
            """
        let made = try RunningProgram.run("sh", "-c", script)
        guard made.status == 0 else { throw NeverHappened(what: "certificates: \(made.stderr)") }
    }
}
