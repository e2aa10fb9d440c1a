import ChatModel
import SyncRules
import Testing

private let midday = WallTime(seconds: 1_767_300_000)

private func at(_ seconds: Int) -> MonotonicTime { .zero + .seconds(seconds) }

private func note(_ user: UserNumber, _ second: Int = 0, calls: Int = 1) -> PullNote {
    PullNote(user: user, at: midday + .seconds(second), evidence: .prior, calls: calls)
}

@Suite struct TheLedgerOfPulls {
    @Test func isWrittenAfterAMinute() {
        var ledger = PullLedger()
        #expect(ledger.isEmpty && !ledger.isDue(now: at(1000)))
        ledger.add(note(1), now: at(10))
        ledger.add(note(2), now: at(60))
        #expect(!ledger.isEmpty)
        #expect(!ledger.isDue(now: at(69)))
        #expect(ledger.isDue(now: at(70)))
        #expect(ledger.takeAll().notes.map(\.user) == [1, 2])
        #expect(ledger.isEmpty && !ledger.isDue(now: at(1000)))
    }

    /// Copies that may be no older than ten minutes must not look older for a note that waits.
    @Test(arguments: [(14_400, 60), (600, 6), (60, 1), (10, 1)])
    func isWrittenSooner_whereCopiesMustBeYounger(maxStaleness: Int, patience: Int) {
        var ledger = PullLedger()
        ledger.set(maxStaleness: .seconds(maxStaleness))
        ledger.add(note(1), now: at(0))
        #expect(!ledger.isDue(now: at(patience) - .nanoseconds(1)))
        #expect(ledger.isDue(now: at(patience)))
    }

    @Test func keepsTheLastPullOfAUser_andTheirOrder() {
        var ledger = PullLedger()
        ledger.add(note(2, 1), now: at(0))
        ledger.add(note(1, 1), now: at(0))
        ledger.add(note(2, 5, calls: 3), now: at(0))
        #expect(ledger.takeAll().notes == [note(1, 1), note(2, 5, calls: 3)])
    }

    @Test func givesTheNoteOfOneUser() {
        var ledger = PullLedger()
        ledger.add(note(1), now: at(0))
        ledger.add(note(2), now: at(0))
        #expect(ledger.take(2)?.notes == [note(2)])
        #expect(ledger.take(2) == nil)
        #expect(ledger.takeAll().notes == [note(1)])
    }

    /// A mirror of some thousand users is written in place: its table is as large as the notes.
    @Test func foldsAllAtOnce_whereThereAreFewUsers() {
        var ledger = PullLedger()
        for user in 1...3000 as ClosedRange<UserNumber> { ledger.add(note(user), now: at(0)) }
        #expect(ledger.takeAll().folded == [0])
    }

    /// Of a million users, two for each note, in turn; what is not used is saved for the next time.
    @Test func foldsSliceAfterSlice_whereThereAreMany() {
        var ledger = PullLedger()
        var folded: [Set<Int>] = []
        for _ in 0..<60 {
            ledger.add(note(1_000_000), now: at(0))
            for user in 1..<12_000 as Range<UserNumber> { ledger.add(note(user), now: at(0)) }
            folded.append(ledger.takeAll().folded)
        }
        #expect(folded[0].isEmpty)
        #expect(folded[1] == [0])
        let all = folded.flatMap(\.self)
        #expect(all.count == 60 * 24_000 / 32_768)
        #expect(Set(all) == Set(0...30))
        #expect(Array(all.prefix(31)) == Array(0...30))
    }

    @Test func namesTheSliceOfAUser() {
        #expect(note(32_767).slice == 0 && note(32_768).slice == 1)
    }
}
