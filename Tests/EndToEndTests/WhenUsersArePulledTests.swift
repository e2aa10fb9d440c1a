import Foundation
import TestSupport
import Testing

/// What an operator sees of the order in which users are pulled.
@Suite struct WhenUsersArePulled {
    @Test func isExplainedOfOneUser() throws {
        let emulator = try EmulatorProcess("--users", "20")
        try emulator.configure("schedule: {max_staleness: 1m}")
        let before = try emulator.groupmirror("users", "--explain", "user00000001")
        #expect(before.status != 0)
        let daemon = try emulator.daemon()
        try daemon.wait(for: "an explanation") {
            try emulator.groupmirror("users", "--explain", "user00000001").stdout
                .contains("% likely to lack a change")
        }
        let text = try emulator.groupmirror("users", "--explain", "user00000001").stdout
        #expect(text.hasPrefix("user00000001  fresh, pulled "))
        #expect(text.contains("a day, by ") && text.contains("its turn is among users of"))
        #expect(text.contains("next          "))
        let json = try emulator.groupmirror("users", "--explain", "user00000001", "--json").stdout
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
        #expect(object["user"] as? String == "user00000001")
        #expect(try #require(object["watched_s"] as? Double) >= 25_920)
        #expect(object["next_at"] is String)
        #expect(object["open_edits"] as? Int == 0)
    }

    @Test func isExplainedOfUsersWithoutATurn() throws {
        let emulator = try EmulatorProcess.pulled()
        func explanation(_ user: String) throws -> String {
            try emulator.groupmirror("users", "--explain", user).stdout
        }
        #expect(try explanation("user00000001").contains("not known: no daemon has said"))
        #expect(
            try emulator.groupmirror("edit", "create", "user00000001", "club", "user:bob").status
                == 0)
        #expect(try explanation("user00000001").contains("as soon as its 1 open edit may be sent"))
        try emulator.directory.write("user00000001\n", to: "users.txt")
        #expect(try emulator.groupmirror("resync", "user00000001").status == 0)
        #expect(try explanation("user00000002").contains("never: it is not in the list"))
        let stranger = try emulator.groupmirror("users", "--explain", "nobody")
        #expect(stranger.status != 0 && stranger.stderr.contains("nobody"))
        let both = try emulator.groupmirror(
            "users", "--explain", "user00000001", "--state", "fresh")
        #expect(both.status == 64)
    }

    @Test func isPartOfTheStatus() throws {
        let emulator = try EmulatorProcess("--users", "20")
        let daemon = try emulator.daemon()
        try daemon.wait(for: "a forecast") {
            try emulator.groupmirror("status").stdout.contains("expected to lack nothing")
        }
        let status = try emulator.groupmirror("status").stdout
        #expect(status.contains("schedule  copies are pulled when expected to be "))
        #expect(status.contains("and within 4 h 0 min\n"))
        #expect(status.contains("          one pull of all takes "))
        let json = try emulator.groupmirror("status", "--json").stdout
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
        #expect(object["staleness_limit_s"] as? Double == 14_400)
        #expect((object["expected_fresh"] as? Double ?? 0) > 0.5)
    }
}
