import ChatModel
import EventLog
import Foundation
import TestSupport
import Testing

/// The line that the sample of every event must give. Operators' regular expressions hang on these: a
/// line that changes here needs a line in the changelog.
@Suite struct GoldenLines {
    private static let lines = [
        "daemon_started version=1.2.3 database=/var/lib/m.db new=false users=7 pid=42",
        "daemon_ready cloud=accepting after_s=1.050",
        "hints_unavailable socket=/var/lib/m.db.hints problem=\"it is no socket\"",
        "daemon_stopping signal=SIGTERM in_flight=3",
        "daemon_stopped after_s=60.000",
        "daemon_failed exit=78 problem=\"a.yaml:3: no\" advice=look",
        "configuration_reloaded changes=2",
        "configuration_changed key=log.level from=info to=debug restart=false",
        "configuration_rejected problem=\"a.yaml:3: no\"",
        "users_listed users=5 added=4 removed=3 repeated=2 unusual=1",
        "list_doubtful problem=\"most users are gone\" advice=look",
        "loop_blocked took_ms=60",
        "store_failed problem=\"disk is full\" retry_in_s=4.000",
        "store_recovered after_s=5.000",
        "history_pruned removed=9",
        "cloud_accepting before=refused",
        "cloud_refusing code=70009 problem=\"another key\" advice=look",
        "cloud_unreachable problem=\"no connection\" retry_in_s=5.000",
        "clock_off offset_s=-600.000",
        "clock_right before_s=-600.000",
        "signature_renewed reason=age",
        "window_narrowed command=get_contact_group code=60007 allowed=140 limit=200",
        "window_restored command=get_contact_group limit=200",
        "call_failed command=get_contact_group user=u1 kind=transient code=- "
            + "problem=\"HTTP status 502\" took_ms=12",
        "call_slow command=get_contact_group user=u1 took_ms=1200",
        "call_done command=get_contact_group user=u1 took_ms=12",
        "pass_changed user=u1 changes=1 conversations=2 groups=3 calls=4 took_ms=5 first=true",
        "pass_failed user=u1 reason=rejected code=50002 problem=no failures=2 retry_in_s=2.500",
        "user_recovered user=u1 failures=3",
        "user_parked user=u1 code=50001 retry_in_s=86400.000",
        "conversations_skipped user=u1 conversations=2",
        "reference_dangling user=u1 groups=8,9",
        "staleness_out_of_reach max_staleness_s=3600.000 staleness_limit_s=6250.000 sweep_s=5000.000",
        "staleness_in_reach max_staleness_s=3600.000",
        "round_done users=1000 took_s=5.000",
        "deletions_held user=u1 groups=2 conversations=30",
        "guard_tripped emptied=20 pulled=21",
        "guard_reset approved=1",
        "resync_asked request=4 users=5 writes=false",
        "resync_withdrawn request=4 left=3",
        "resync_done request=4 pulled=3 failed=2 took_s=0.010",
        "outbox_opened users=3 in_doubt=1",
        "push_done user=u1 calls=2 applied=3 satisfied=4 cancelled=5 rejected=6 left=7 took_ms=80",
        "push_failed user=u1 edits=2 reason=transient code=- problem=\"no connection\" failures=3 "
            + "retry_in_s=4.000",
        "edits_in_doubt user=u1 edits=2 code=50005 problem=time-out look_in_s=4.000",
        "edit_rejected user=u1 edit=7 op=rename reason=conflict code=- "
            + "problem=\"it was renamed to 'x'\"",
        "calls command=get_contact_group code=0 total=9",
        "latency of=calls le_10_ms=2 le_30_ms=2 le_100_ms=3 le_300_ms=3 le_1000_ms=3 le_3000_ms=3 "
            + "le_10000_ms=4 le_30000_ms=4 count=4 sum_ms=5060",
        "stats cloud=accepting calls=1 widest_second=2 throttled=3 limit=200 allowed=19 users=4 "
            + "fresh=5 stale=6 new=7 failing=8 held=9 held_undecided=8 parked=10 guard=false "
            + "lag_p50_s=11.500 lag_p99_s=12.000 lag_max_s=13.000 max_staleness_s=14400.000 "
            + "staleness_limit_s=14400.000 sweep_s=0.500 price_s=12.500 expected_fresh=0.984 "
            + "round_s=- hints=33 hints_useless=34 hints_unknown=35 hints_dropped=36 passes=14 unchanged=15 changes=16 queue=17 in_flight=18 outbox_open=20 "
            + "outbox_waiting=2 outbox_oldest_s=21.000 outbox_rejected=22 edits_applied=23 "
            + "edits_rejected=24 store=ok uptime_s=25.000 rss_bytes=26 cpu_s=2.700 db_bytes=28 "
            + "wal_bytes=29 disk_free_bytes=30 reload_ok=true signature_expires_s=31.000 "
            + "log_dropped=32 loop_blocked=37",
        "webhook_ready listen=127.0.0.1:8400 socket=/var/lib/m.db.hints",
        "callback_unusable problem=\"it is no JSON\"",
        "call_limit_near command=get_contact_group calls=160 limit=200",
        "hints_undelivered socket=/var/lib/m.db.hints problem=\"no daemon\"",
        "hints_delivered after_s=61.000",
        "webhook_stats callbacks=6 hints=1 alarms=2 others=3 faulty=4 refused=5 undelivered=7",
        "webhook_stopped after_s=60.000",
        "webhook_failed exit=78 problem=\"a.yaml:3: no\" advice=look",
    ]

    @Test func everyEvent_hasASampleAndALine() throws {
        // The functions that make events, as they stand in the sources.
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Sources/EventLog")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            .filter { $0.hasPrefix("Event+") }
        let declared = try files.reduce(0) { count, file in
            let text = try String(contentsOf: folder.appending(path: file), encoding: .utf8)
            return count + text.matches(of: /package static func \w+\(/).count
        }
        #expect(EventTable.samples.count == declared)
        #expect(Set(EventTable.samples.map(\.name)).count == declared)
        #expect(Self.lines.count == declared)
    }

    @Test func everyEvent_givesItsLine() {
        let clock = TestClock(wall: WallTime(milliseconds: 1_767_225_600_123))
        for (event, line) in zip(EventTable.samples, Self.lines) {
            let recorder = LogRecorder()
            recorder.log(clock, level: .debug)(event)
            let words = line.split(separator: " ", maxSplits: 1)
            #expect(
                recorder.lines == [
                    "ts=2026-01-01T00:00:00.123Z level=\(event.level.rawValue) "
                        + "event=\(words[0]) app=1400000000 \(words[1])\n"
                ])
        }
    }

    @Test func aDuration_hasItsUnitInItsKey() {
        for event in EventTable.samples {
            for field in event.fields where field.meaning.contains("milliseconds") {
                #expect(field.key.hasSuffix("_ms"), "\(event.name) \(field.key)")
            }
            for field in event.fields where field.meaning.hasPrefix("seconds") {
                #expect(field.key.hasSuffix("_s"), "\(event.name) \(field.key)")
            }
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
                    + #""problem":"a\"b","took_ms":1}"# + "\n"
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
        func signature(_ number: Int) -> String {
            "made-up" + (0..<20).map { "\(number)x\($0)" }.joined()
        }
        for number in 0..<100 { redactor.add(signature: signature(number)) }
        #expect(redactor.clean("made-up-key-1234") == "[redacted]")
        #expect(redactor.clean("another-made-up-key") == "[redacted]")
        #expect(redactor.clean(signature(99)) == "[redacted]")
        #expect(redactor.clean(signature(9)) == signature(9))
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
