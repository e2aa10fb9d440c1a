import ChatModel
import SyncRules
import Testing

@Suite struct ARound {
    private func time(_ seconds: Int) -> MonotonicTime { .zero + .seconds(seconds) }

    @Test func aRoundEndsWhenEverybodyWasTriedOnce_howeverOftenSomeWere() {
        var round = RoundWatch(now: .zero)
        func tried(_ user: UserNumber, _ seconds: Int) -> Duration? {
            round.tried(user, users: 3, failing: 0, parked: { 0 }, now: time(seconds))
        }
        #expect([tried(1, 1), tried(1, 2), tried(2, 3)].allSatisfy { $0 == nil })
        #expect(tried(3, 4) == .seconds(4))
        #expect(round.last == .seconds(4))
        #expect([tried(3, 5), tried(2, 6)].allSatisfy { $0 == nil })
        #expect(tried(1, 7) == .seconds(3))
    }

    @Test func aRoundDoesNotWaitForTheParked_howeverManyTheyAre() {
        var round = RoundWatch(now: .zero)
        let first = round.tried(1, users: 10, failing: 8, parked: { 8 }, now: time(1))
        let second = round.tried(2, users: 10, failing: 8, parked: { 8 }, now: time(2))
        #expect(first == nil && second == .seconds(2))
    }

    @Test func aRoundWaitsForThoseWhoFail() {
        var round = RoundWatch(now: .zero)
        let first = round.tried(1, users: 2, failing: 1, parked: { 0 }, now: time(1))
        #expect(first == nil)
    }
}
