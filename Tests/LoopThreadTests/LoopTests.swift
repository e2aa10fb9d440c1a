import ChatModel
import Foundation
import LoopThread
import TestSupport
import Testing

/// Answers whether it runs on a loop.
private actor Witness {
    private(set) var sightings: [Bool] = []

    func look(_ loop: Loop) { sightings.append(loop.isHere) }
}

@Suite struct TheLoop {
    @Test func runsATaskItsChildrenAndTheActorsTheyCall() async {
        let loop = Loop()
        defer { loop.end() }
        let witness = Witness()
        await loop.run {
            await witness.look(loop)
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<10 {
                    group.addTask {
                        await witness.look(loop)
                        await Task.yield()
                        await witness.look(loop)
                    }
                }
            }
            async let other: Void = witness.look(loop)
            await other
        }
        let sightings = await witness.sightings
        #expect(sightings == Array(repeating: true, count: 22))
        #expect(!loop.isHere)
    }

    /// A job that keeps making itself ready must not keep the timers waiting.
    @Test func givesTimersTheirTurnBetweenJobs() async throws {
        let loop = Loop()
        defer { loop.end() }
        let isOver = Shared(false)
        try await withTaskExecutorPreference(loop) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    while !isOver.value { await Task.yield() }
                }
                group.addTask {
                    try await loop.sleep(until: Loop.now + .milliseconds(5))
                    isOver.change { $0 = true }
                }
                try await group.waitForAll()
            }
        }
    }

    /// Never early, and sleepers of one tick together.
    @Test func wakesSleepersAtTheTickAfterTheirTime() async throws {
        let tick = Duration.milliseconds(20)
        let loop = Loop(tick: tick)
        defer { loop.end() }
        for milliseconds in [1, 7, 20, 33] {
            let deadline = Loop.now + .milliseconds(milliseconds)
            try await withTaskExecutorPreference(loop) { try await loop.sleep(until: deadline) }
            let steps = (deadline.nanoseconds + tick.nanoseconds - 1) / tick.nanoseconds
            #expect(Loop.now.nanoseconds >= steps * tick.nanoseconds)
        }
    }

    @Test func wakesSleepersInTheOrderOfTheirTimes() async {
        let loop = Loop()
        defer { loop.end() }
        let order = Shared<[Int]>([])
        let start = Loop.now + .milliseconds(10)
        await withTaskExecutorPreference(loop) {
            await withTaskGroup(of: Void.self) { group in
                for number in [3, 1, 4, 0, 2] {
                    group.addTask {
                        try? await loop.sleep(until: start + .milliseconds(5 * number))
                        order.change { $0.append(number) }
                    }
                }
            }
        }
        #expect(order.value == [0, 1, 2, 3, 4])
    }

    /// From the loop and from elsewhere, before it sleeps and while it does.
    @Test func wakesASleeperThatIsCancelled() async {
        let loop = Loop()
        defer { loop.end() }
        let far = Loop.now + .seconds(3600)
        for isOnLoop in [true, false] {
            for yields in [0, 3] {
                let preference: (any TaskExecutor)? = isOnLoop ? loop : nil
                let sleeper = Task(executorPreference: preference) {
                    try await loop.sleep(until: far)
                }
                for _ in 0..<yields { await Task.yield() }
                sleeper.cancel()
                await #expect(throws: CancellationError.self) { try await sleeper.value }
            }
        }
    }

    @Test func takesInWhatManyThreadsLeave() async {
        let loop = Loop()
        defer { loop.end() }
        let sums = Shared<[Int: [Int]]>([:])
        await withTaskGroup(of: Void.self) { group in
            for thread in 0..<4 {
                group.addTask {
                    for number in 0..<2000 {
                        loop.perform { sums.change { $0[thread, default: []].append(number) } }
                        if number % 64 == 0 { await Task.yield() }
                    }
                }
            }
        }
        await withCheckedContinuation { done in loop.perform { done.resume() } }
        // What one thread leaves keeps its order.
        #expect(
            sums.value == [
                0: Array(0..<2000), 1: Array(0..<2000), 2: Array(0..<2000), 3: Array(0..<2000),
            ])
    }

    @Test func countsAJobThatBlocksIt() async {
        let loop = Loop()
        defer { loop.end() }
        let lengths = Shared<[Duration]>([])
        loop.whenBlocked { length in lengths.change { $0.append(length) } }
        await withTaskExecutorPreference(loop) {
            await Task.yield()
            usleep(60_000)
            await Task.yield()
        }
        #expect(loop.blocked == 1)
        #expect(lengths.value.allSatisfy { $0 >= .milliseconds(60) })
        #expect(lengths.value.count == 1)
    }

    /// Nothing is lost: what is left to do is done elsewhere.
    @Test func afterItsEnd_stillRunsWhatIsLeft() async {
        let loop = Loop()
        await withTaskExecutorPreference(loop) { await Task.yield() }
        loop.end()
        var isOver = false
        while !isOver {
            // It ends by itself, soon.
            isOver = await withTaskExecutorPreference(loop) { !loop.isHere }
        }
        let isDone = Shared(false)
        loop.perform { isDone.change { $0 = true } }
        #expect(isDone.value)
    }
}
