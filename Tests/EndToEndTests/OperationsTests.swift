import Foundation
import TestSupport
import Testing

/// What an operator looks at and sends to others.
@Suite struct LookingAndReporting {
    @Test func theDoctor_findsNothingWrongWithAMirrorThatIsWell() throws {
        let emulator = try EmulatorProcess.pulled()
        let end = try emulator.groupmirror("doctor", "--json")
        #expect(end.status == 0, "\(end.stdout)")
        #expect(!end.stdout.contains(#""result":"bad""#))
        for check in ["configuration", "key", "list", "database", "address", "clock", "calls"] {
            #expect(end.stdout.contains(#"{"check":"\#(check)","result":"ok""#), "\(check)")
        }
    }

    @Test func theDoctorBeforeTheFirstStart_findsNothingWrong() throws {
        let emulator = try EmulatorProcess("--users", "1")
        try emulator.configure("mirror.db", "state/mirror.db")
        let end = try emulator.groupmirror("doctor")
        #expect(end.status == 0, "\(end.stdout)")
        #expect(end.stdout.contains("note  rights"))
    }

    /// What is broken, the status that it leads to, and the line that names it.
    @Test(arguments: [
        ("list", 78, "BAD   list"), ("key", 78, "BAD   key"), ("database", 74, "BAD   database"),
        ("address", 69, "BAD   address"), ("admin", 77, "BAD   calls"),
    ])
    func theDoctor_namesWhatIsWrong(part: String, status: Int32, line: String) throws {
        let emulator = try EmulatorProcess.pulled()
        switch part {
        case "list": unlink(emulator.directory.file("users.txt"))
        case "key": chmod(emulator.directory.file("secret.key"), 0o644)
        case "database":
            let file = try #require(
                FileHandle(forUpdatingAtPath: emulator.directory.file("mirror.db")))
            try file.seek(toOffset: 8192)
            try file.write(contentsOf: Data(repeating: 0x5A, count: 40_000))
        case "address": try emulator.configure(emulator.address, "http://127.0.0.1:1")
        default: try emulator.configure("admin: administrator", "admin: somebody-else")
        }
        let end = try emulator.groupmirror("doctor")
        #expect(end.status == status, "\(end.stdout)")
        #expect(end.stdout.contains(line), "\(end.stdout)")
    }

    private func packed(_ archive: String, _ part: String) throws -> String {
        try RunningProgram.run("tar", "-xzOf", archive, "groupmirror-report/" + part).stdout
    }

    @Test func aReport_hasEverythingButNamesAndSecrets() throws {
        let emulator = try EmulatorProcess.pulled()
        let log = """
            ts=2026-11-30T10:00:00.000Z level=warning event=pass_failed app=1400000000 user=user00000001 \
            reason=rejected code=50002 problem="user00000001 has no 'family'" failures=2 retry_in_s=2.5
            {"ts":"2026-11-30T10:00:01.000Z","event":"user_recovered","user":"user00000001","failures":2}
            ts=2026-11-30T10:00:02.000Z level=info event=user_parked app=1400000000 user="a b" code=1

            """
        let file = try emulator.directory.write(log, to: "daemon.log")
        let archive = emulator.directory.file("report.tar.gz")
        let end = try emulator.groupmirror("report", archive, "--log", file)
        #expect(end.status == 0, "\(end.stderr)")
        let lines = try packed(archive, "log.txt")
        #expect(lines.contains("user=user#1 reason=rejected"))
        #expect(lines.contains("user#1 has no '…'"))
        #expect(lines.contains(#""user":"user#1""#))
        #expect(lines.contains(#"user="user#2" code=1"#))
        #expect(try packed(archive, "counts.txt").contains("CREATE TABLE edit"))
        #expect(try packed(archive, "doctor.txt").contains("ok    database"))
        #expect(try packed(archive, "status.json").contains(#""users":"#))
        var everything = ""
        for part in [
            "versions.txt", "settings.txt", "doctor.txt", "status.json", "counts.txt", "log.txt",
        ] {
            everything += try packed(archive, part)
        }
        SecretSearch.expectNone(in: everything, of: "a report")
        for name in ["user0000000", "family", "administrator"] {
            #expect(!everything.contains(name), "\(name)")
        }
        let mode =
            try FileManager.default.attributesOfItem(atPath: archive)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test func aReportWithNames_hasThem() throws {
        let emulator = try EmulatorProcess.pulled()
        let file = try emulator.directory.write(
            "ts=x event=y user=user00000001\n", to: "daemon.log")
        let archive = emulator.directory.file("report.tar.gz")
        #expect(
            try emulator.groupmirror("report", archive, "--names", "--log", file, "--lines", "5")
                .status == 0)
        #expect(try packed(archive, "log.txt") == "ts=x event=y user=user00000001\n")
        #expect(try packed(archive, "settings.txt").contains("app.admin: administrator"))
    }
}

/// A real terminal, by tmux.
@Suite struct TheScreen {
    private let socket = "groupmirror-\(getpid())-\(UInt32.random(in: 0 ... .max))"

    private func tmux(_ words: String...) throws -> String {
        FinishedProgram(
            try RunningProgram(command: ["tmux", "-L", socket, "-f", "/dev/null"] + words)
        ).stdout
    }

    /// The screen, as soon as it has what is looked for.
    private func screen(with part: String) throws -> String {
        var text = ""
        for _ in 0..<300 {
            text = try tmux("capture-pane", "-p")
            if text.contains(part) { return text }
            usleep(100_000)
        }
        Issue.record("'\(part)' is not on the screen: \(text)")
        return text
    }

    @Test func top_showsTheMirrorAndFollowsKeysAndSize() throws {
        let emulator = try EmulatorProcess.pulled()
        try emulator.post("faults", #"[{"kind":"code:50002","user":"user00000003"}]"#)
        #expect(try emulator.groupmirror("resync", "user00000003").status == 3)
        defer { _ = try? tmux("kill-server") }
        _ = try tmux(
            "new-session", "-d", "-x", "90", "-y", "40",
            "\(Program.groupmirror.url.path) top --plain --config \(emulator.configuration); echo left; cat"
        )
        let first = try screen(with: "users in trouble")
        #expect(first.contains("failing  1         #"))
        #expect(first.contains("user00000003  failing"))
        #expect(first.contains("calls/s  ") && first.contains("oldest   "))
        #expect(
            first.split(separator: "\n", omittingEmptySubsequences: false).allSatisfy {
                $0.count <= 90
            })
        _ = try tmux("send-keys", "p")
        #expect(try screen(with: "parked users").contains("parked users"))
        _ = try tmux("resize-window", "-x", "50", "-y", "18")
        let small = try screen(with: "~")
        #expect(
            small.split(separator: "\n", omittingEmptySubsequences: false).allSatisfy {
                $0.count <= 50
            })
        _ = try tmux("send-keys", "q")
        let after = try screen(with: "left")
        #expect(!after.contains("calls/s"))
    }

    @Test func topWithoutATerminal_isRefused() throws {
        let emulator = try EmulatorProcess.pulled()
        let end = try emulator.groupmirror("top")
        #expect(end.status == 64 && end.stderr.contains("status --json"))
    }
}

/// The scripts that shells complete words by, in the real shells.
@Suite struct Completions {
    private static let shells = ["bash", "zsh", "fish"]
    private let emulator: EmulatorProcess

    init() throws { emulator = try EmulatorProcess.pulled() }

    /// Of Debian: each is there where `make test` has been run.
    private static func start(_ shell: String, _ folder: String) -> String {
        switch shell {
        case "bash": "bash --noprofile --rcfile \(folder)/rc.bash -i"
        case "zsh": "env ZDOTDIR=\(folder) zsh -i"
        default: "fish --no-config --init-command 'source \(folder)/groupmirror.fish'"
        }
    }

    /// What the screen shows after a line was begun and the tabulator pressed, twice where the shell wants it.
    private func screen(_ shell: String, _ line: String, until part: String) throws -> String {
        let program = Program.groupmirror.url.path
        let script = try RunningProgram.run(program, "--generate-completion-script", shell).stdout
        let name = shell == "zsh" ? "_groupmirror" : "groupmirror.\(shell)"
        try emulator.directory.write(script, to: name)
        let folder = emulator.directory.path
        try emulator.directory.write(
            "source /usr/share/bash-completion/bash_completion; source \(folder)/groupmirror.bash; PS1='$ '",
            to: "rc.bash")
        try emulator.directory.write(
            "fpath=(\(folder) $fpath); autoload -Uz compinit; compinit -u -d \(folder)/dump; PS1='$ '\n",
            to: ".zshrc")
        let socket = "groupmirror-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        func tmux(_ words: String...) throws -> String {
            FinishedProgram(
                try RunningProgram(command: ["tmux", "-L", socket, "-f", "/dev/null"] + words)
            ).stdout
        }
        defer { _ = try? tmux("kill-server") }
        let path = (program as NSString).deletingLastPathComponent
        _ = try tmux(
            "new-session", "-d", "-x", "150", "-y", "50", "-c", folder,
            "env HOME=\(folder) PATH=\(path):$PATH GROUPMIRROR_CONFIG=\(emulator.configuration) LANG=C.UTF-8 "
                + Self.start(shell, folder))
        var text = ""
        func wait(for part: String) throws -> Bool {
            for _ in 0..<100 {
                text = try tmux("capture-pane", "-p")
                if text.contains(part) { return true }
                usleep(100_000)
            }
            return false
        }
        _ = try wait(for: shell == "fish" ? ">" : "$")
        _ = try tmux("send-keys", "-l", line)
        _ = try wait(for: line)
        for _ in 0..<6 {
            _ = try tmux("send-keys", "Tab")
            if try wait(for: part) { break }
        }
        return text
    }

    @Test(arguments: shells)
    func users_areThoseOfTheMirror(shell: String) throws {
        let text = try screen(shell, "groupmirror show user0000000", until: "er00000007")
        // fish shortens what many have in common.
        #expect(text.contains("er00000002") && text.contains("er00000007"), "\(text)")
    }

    @Test(arguments: shells)
    func groups_areThoseOfTheUser(shell: String) throws {
        let row = try emulator.sqlite(
            "SELECT user || ' ' || group_name FROM conversation_groups "
                + "WHERE group_name NOT GLOB '*[^a-z]*' LIMIT 1"
        ).split(whereSeparator: \.isWhitespace)
        let text = try screen(
            shell, "groupmirror edit delete \(row[0]) \(row[1].prefix(1))", until: String(row[1]))
        #expect(text.contains(row[1]), "\(text)")
    }

    @Test(arguments: shells)
    func states_areTheFixedWords(shell: String) throws {
        let text = try screen(shell, "groupmirror outbox list --state ", until: "satisfied")
        #expect(text.contains("satisfied") && text.contains("rejected"), "\(text)")
    }

    @Test(arguments: shells)
    func configurations_areFiles(shell: String) throws {
        let text = try screen(shell, "groupmirror status --config ", until: "groupmirror.yaml")
        #expect(text.contains("groupmirror.yaml"), "\(text)")
    }
}
