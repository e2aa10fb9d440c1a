import ChatModel
import SyncRules
import Testing

@Suite struct AReadThatFailed {
    private func retry() -> ReadRetry { ReadRetry(startedAt: .zero) }

    @Test func aReadThatFailedIsRepeatedThreeTimes_withGrowingPauses() {
        var retry = retry()
        let pauses = (0..<4).map { _ in retry.pause(now: .zero, chance: 0) }
        #expect(pauses == [.milliseconds(50), .milliseconds(150), .milliseconds(450), nil])
    }

    @Test func aReadThatFailedIsRepeatedAfterAtMostTheWholePause() {
        var retry = retry()
        let pause = retry.pause(now: .zero, chance: 0.999_999) ?? .zero
        #expect(pause > .milliseconds(99) && pause <= .milliseconds(100))
    }

    @Test func aReadThatFailedIsNotRepeated_whenFiveSecondsAreOver() {
        var late = retry()
        #expect(late.pause(now: .zero + .milliseconds(4951), chance: 0) == nil)
        var intime = retry()
        #expect(intime.pause(now: .zero + .milliseconds(4950), chance: 0) == .milliseconds(50))
    }

    @Test func aReadThatFailedWaitsAsLongAsTheCloudAsks_ifThatIsSoonEnough() {
        var retry = retry()
        #expect(retry.pause(now: .zero, chance: 0, atLeast: .seconds(2)) == .seconds(2))
        #expect(retry.pause(now: .zero, chance: 0, atLeast: .seconds(6)) == nil)
    }
}
