import ChatModel
import SyncRules
import Testing

@Suite struct ALineWithAHint {
    private func read(_ text: String) throws(HintFault) -> HintLine {
        try HintLine(Array(text.utf8)[...])
    }

    @Test func isReadAsItIsWritten() throws {
        let user = try UserID("customer 42")
        for kind in Hint.allCases {
            for at in [nil, WallTime(milliseconds: 1_800_000_000_123)] {
                let line = HintLine(kind, user, at: at)
                #expect(try read(line.written) == line)
            }
        }
        #expect(try read("changed alice") == HintLine(.changed, UserID("alice")))
        #expect(
            try read("offline alice\t1800000000000")
                == HintLine(.offline, UserID("alice"), at: WallTime(seconds: 1_800_000_000)))
    }

    @Test(arguments: [
        ("", "it must begin with online, offline, changed, and a space"),
        ("online", "it must begin with online, offline, changed, and a space"),
        ("away alice", "it must begin with online, offline, changed, and a space"),
        ("online ", "the user's id: it is empty"),
        ("online al\u{7}ice", "the user's id: it holds the control character 0x07"),
        ("online alice\t", "after the tab must stand a time in milliseconds since 1970, not ''"),
        (
            "online alice\tnoon",
            "after the tab must stand a time in milliseconds since 1970, not 'noon'"
        ),
        (
            "online alice\t-5",
            "after the tab must stand a time in milliseconds since 1970, not '-5'"
        ),
        ("online alice\t1\t2", "it has more than one tab"),
    ])
    func thatIsNone_isSaidWhy(text: String, problem: String) {
        let fault = #expect(throws: HintFault.self) { try read(text) }
        #expect(fault?.description == problem)
    }

    @Test func thatIsTooLong_isRefused() throws {
        let longest =
            "online " + String(repeating: "x", count: 32) + "\t" + String(repeating: "0", count: 87)
            + "1"
        #expect(longest.utf8.count == HintLine.longest)
        #expect(throws: Never.self) { try read(longest) }
        let fault = #expect(throws: HintFault.self) { try read(longest + "0") }
        #expect(fault?.description == "it has 129 bytes, more than 128")
    }
}

@Suite struct TheGateOfHints {
    @Test func admitsFiveThousandInASecond() {
        var gate = HintGate()
        let now = MonotonicTime.zero + .seconds(7)
        #expect((0..<6000).count { _ in gate.admits(now: now) } == 5000)
        #expect(gate.admits(now: now + .milliseconds(999)) == false)
        #expect(gate.admits(now: now + .seconds(1)) == true)
    }
}
