import ChatModel
import EventLog
import Foundation
import TestSupport
import Testing

/// One sample of every event, with the line it must give. Operators' regular expressions hang on
/// these: a line that changes here needs a line in the changelog.
@Suite struct GoldenLines {
    private static let stats: Stats = {
        var stats = Stats()
        stats.calls = 1
        stats.widestSecond = 2
        stats.throttled = 3
        stats.users = 4
        stats.fresh = 5
        stats.stale = 6
        stats.new = 7
        stats.failing = 8
        stats.held = 9
        stats.parked = 10
        stats.lag.p50 = .milliseconds(11_500)
        stats.lag.p99 = .seconds(12)
        stats.lag.longest = .seconds(13)
        stats.passes = 14
        stats.unchanged = 15
        stats.changes = 16
        stats.backlog = 17
        stats.inFlight = 18
        stats.allowed = 19
        stats.outboxOpen = 20
        stats.outboxOldest = .seconds(21)
        stats.outboxRejected = 22
        return stats
    }()

    private static let samples: [(Event, String)] = [
        (
            .daemonStarted(version: "1.2.3", database: "/var/lib/m.db", users: 7, pid: 42),
            "version=1.2.3 database=/var/lib/m.db users=7 pid=42"
        ),
        (
            .daemonReady(cloud: "accepting", after: .milliseconds(1050)),
            "cloud=accepting after=1.050"
        ),
        (.daemonStopping(signal: "SIGTERM", inFlight: 3), "signal=SIGTERM in_flight=3"),
        (.daemonStopped(after: .seconds(60)), "after=60.000"),
        (.configurationReloaded(changes: 2), "changes=2"),
        (
            .configurationChanged(key: "log.level", from: "info", to: "debug", restart: false),
            "key=log.level from=info to=debug restart=false"
        ),
        (.configurationRejected(problem: "a.yaml:3: no"), "problem=\"a.yaml:3: no\""),
        (
            .usersListed(count: 5, added: 4, removed: 3, repeated: 2, unusual: 1),
            "users=5 added=4 removed=3 repeated=2 unusual=1"
        ),
        (
            .storeFailed(problem: "disk is full", retryIn: .seconds(4)),
            "problem=\"disk is full\" retry_in=4.000"
        ),
        (.storeRecovered(after: .seconds(5)), "after=5.000"),
        (.cloudAccepting(before: "refused"), "before=refused"),
        (
            .cloudRefusing(code: 70009, problem: "another key", advice: "look"),
            "code=70009 problem=\"another key\" advice=look"
        ),
        (
            .cloudUnreachable(problem: "no connection", retryIn: .seconds(5)),
            "problem=\"no connection\" retry_in=5.000"
        ),
        (.signatureRenewed(reason: "age"), "reason=age"),
        (
            .windowNarrowed(command: "get_contact_group", code: 60007, allowed: 140, limit: 200),
            "command=get_contact_group code=60007 allowed=140 limit=200"
        ),
        (
            .windowRestored(command: "get_contact_group", limit: 200),
            "command=get_contact_group limit=200"
        ),
        (
            .callFailed(
                command: "get_contact_group", user: "u1", kind: "transient", code: nil,
                problem: "HTTP status 502", took: .milliseconds(12)),
            "command=get_contact_group user=u1 kind=transient code=- problem=\"HTTP status 502\" took=12"
        ),
        (
            .callSlow(command: "get_contact_group", user: "u1", took: .milliseconds(1200)),
            "command=get_contact_group user=u1 took=1200"
        ),
        (
            .callDone(command: "get_contact_group", user: "u1", took: .milliseconds(12)),
            "command=get_contact_group user=u1 took=12"
        ),
        (
            .passChanged(
                user: "u1", changes: 1, conversations: 2, groups: 3, calls: 4,
                took: .milliseconds(5), first: true),
            "user=u1 changes=1 conversations=2 groups=3 calls=4 took=5 first=true"
        ),
        (
            .passFailed(
                user: "u1", reason: "rejected", code: 50002, problem: "no", failures: 2,
                retryIn: .milliseconds(2500)),
            "user=u1 reason=rejected code=50002 problem=no failures=2 retry_in=2.500"
        ),
        (.userRecovered(user: "u1", failures: 3), "user=u1 failures=3"),
        (
            .userParked(user: "u1", code: 50001, retryIn: .seconds(86_400)),
            "user=u1 code=50001 retry_in=86400.000"
        ),
        (.referenceDangling(user: "u1", groups: "8,9"), "user=u1 groups=8,9"),
        (
            .deletionsHeld(user: "u1", groups: 2, conversations: 30),
            "user=u1 groups=2 conversations=30"
        ),
        (.guardTripped(emptied: 20, pulled: 21), "emptied=20 pulled=21"),
        (.guardReset(approved: 1), "approved=1"),
        (.resyncAsked(request: 4, users: 5, writes: false), "request=4 users=5 writes=false"),
        (.resyncWithdrawn(request: 4, left: 3), "request=4 left=3"),
        (
            .resyncDone(request: 4, pulled: 3, failed: 2, took: .milliseconds(10)),
            "request=4 pulled=3 failed=2 took=0.010"
        ),
        (.outboxOpened(users: 3, inDoubt: 1), "users=3 in_doubt=1"),
        (
            .pushDone(
                user: "u1", calls: 2, applied: 3, satisfied: 4, cancelled: 5, rejected: 6, left: 7,
                took: .milliseconds(80)),
            "user=u1 calls=2 applied=3 satisfied=4 cancelled=5 rejected=6 left=7 took_ms=80"
        ),
        (
            .pushFailed(
                user: "u1", edits: 2, reason: "transient", code: nil, problem: "no connection",
                failures: 3, retryIn: .seconds(4)),
            "user=u1 edits=2 reason=transient code=- problem=\"no connection\" failures=3 retry_in=4.000"
        ),
        (
            .editsInDoubt(
                user: "u1", edits: 2, code: 50005, problem: "time-out", lookIn: .seconds(4)),
            "user=u1 edits=2 code=50005 problem=time-out look_in=4.000"
        ),
        (
            .editRejected(
                user: "u1", edit: 7, operation: "rename", reason: "conflict", code: nil,
                problem: "it was renamed to 'x'"),
            "user=u1 edit=7 op=rename reason=conflict code=- problem=\"it was renamed to 'x'\""
        ),
        (.historyPruned(removed: 9), "removed=9"),
        (
            .calls(command: "get_contact_group", code: "0", total: 9),
            "command=get_contact_group code=0 total=9"
        ),
        (
            .stats(stats),
            "calls=1 widest_second=2 throttled=3 users=4 fresh=5 stale=6 new=7 failing=8 held=9 "
                + "parked=10 lag_p50=11.500 lag_p99=12.000 lag_max=13.000 passes=14 unchanged=15 "
                + "changes=16 queue=17 in_flight=18 allowed=19 outbox_open=20 "
                + "outbox_oldest=21.000 outbox_rejected=22"
        ),
    ]

    @Test func everyEvent_hasASample() {
        #expect(Self.samples.map(\.0.kind) == EventKind.allCases)
    }

    @Test func everyEvent_givesItsLine() {
        let clock = TestClock(wall: WallTime(milliseconds: 1_767_225_600_123))
        for (event, expected) in Self.samples {
            let recorder = LogRecorder()
            recorder.log(clock, level: .debug)(event)
            let head =
                "ts=2026-01-01T00:00:00.123Z level=\(event.kind.level.rawValue) "
                + "event=\(event.kind.rawValue) app=1400000000 "
            #expect(recorder.lines == [head + expected + "\n"])
        }
    }

    @Test func inJSON_theSameKeysStandInTheSameOrder() {
        let recorder = LogRecorder()
        recorder.log(TestClock(wall: WallTime(seconds: 0)), format: .json)(
            .callFailed(
                command: "c", user: "u", kind: "transient", code: nil, problem: "a\"b",
                took: .milliseconds(1)))
        #expect(
            recorder.lines == [
                #"{"ts":"1970-01-01T00:00:00.000Z","level":"info","event":"call_failed","#
                    + #""app":1400000000,"command":"c","user":"u","kind":"transient","code":null,"#
                    + #""problem":"a\"b","took":1}"# + "\n"
            ])
    }

    @Test func theTableInTheDocumentation_isTheOneGenerated() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Documentation/Events.md")
        #expect(try String(contentsOf: file, encoding: .utf8) == EventTable.markdown)
    }
}

@Suite struct TextFromTheCloud {
    private func line(_ text: String, _ format: LogFormat = .logfmt) -> String {
        let recorder = LogRecorder()
        recorder.log(TestClock(wall: WallTime(seconds: 0)), format: format)(
            .configurationRejected(problem: text))
        return recorder.lines.joined()
    }

    @Test(arguments: [
        "a\nts=1970 level=error event=forged", "a\r\nb", "a\u{2028}b", "a\u{85}b", "\u{1B}[2J",
        "\u{202E}txt", "a\0b", "x\u{200B}y", "\u{E0041}",
    ])
    func noCharacter_canStartALineOrHideInOne(text: String) {
        for format in LogFormat.allCases {
            let written = line(text, format)
            #expect(written.hasSuffix("\n"))
            for scalar in written.unicodeScalars.dropLast() {
                #expect(scalar.value >= 0x20)
                #expect(
                    ![.format, .lineSeparator, .control].contains(scalar.properties.generalCategory)
                )
            }
        }
    }

    @Test(arguments: [
        ("plain", "problem=plain"), ("", "problem=\"\""), ("-", "problem=\"-\""),
        ("two words", "problem=\"two words\""), ("a=b", "problem=\"a=b\""),
        ("say \"x\"", #"problem="say \"x\"""#), ("c:\\d", #"problem="c:\\d""#),
        ("家人", "problem=\"家人\""),
    ])
    func aValue_isQuotedWhereItNeedsToBe(text: String, expected: String) {
        #expect(line(text).hasSuffix(expected + "\n"))
    }
}

@Suite struct TheRedactor {
    @Test func aKnownSecret_isMaskedWhereverItStands() {
        let redactor = Redactor()
        redactor.add(key: "made-up-key-1234")
        #expect(
            redactor.clean("x=made-up-key-1234&y made-up-key-1234") == "x=[redacted]&y [redacted]")
    }

    @Test func aKeyThatWasReplacedLongAgo_isStillMasked() {
        let redactor = Redactor()
        redactor.add(key: "made-up-key-1234")
        redactor.add(key: "another-made-up-key")
        for number in 0..<100 { redactor.add(signature: "made-up-signature-\(number)") }
        #expect(redactor.clean("made-up-key-1234") == "[redacted]")
        #expect(redactor.clean("another-made-up-key") == "[redacted]")
        #expect(redactor.clean("made-up-signature-99") == "[redacted]")
        #expect(redactor.clean("made-up-signature-9") == "made-up-signature-9")
    }

    @Test func aUserSigThatNobodyTold_isKnownByItsShape() {
        let usersig = "eJ" + String(repeating: "yrVgrxCdYrSy1SslJQMt*z-_", count: 5)
        #expect(
            Redactor().clean("GET /v4?usersig=\(usersig)&random=1 failed")
                == "GET /v4?usersig=[redacted]&random=1 failed")
    }

    @Test func ordinaryWords_stay() {
        let text =
            "eJ is short, and this-is-one-long-word-of-the-alphabet-that-does-not-begin-like-one"
        #expect(Redactor().clean(text) == text)
    }

    @Test func everyLineOfTheLog_passesIt() {
        let recorder = LogRecorder()
        let log = recorder.log(TestClock())
        log.redactor.add(key: "made-up-key-1234")
        log(.storeFailed(problem: "cannot open made-up-key-1234", retryIn: .seconds(1)))
        #expect(recorder.lines.joined().contains("cannot open [redacted]"))
    }
}

@Suite struct TheLevelOfTheLog {
    @Test func eventsBelowIt_areNotWritten() {
        let recorder = LogRecorder()
        let log = recorder.log(TestClock(), level: .warning)
        log(.signatureRenewed(reason: "age"))
        log(.guardTripped(emptied: 1, pulled: 1))
        #expect(recorder.lines.count == 1)
        log.set(level: .info, format: .logfmt)
        log(.signatureRenewed(reason: "age"))
        #expect(recorder.lines.count == 2)
    }
}
