import Foundation
import TestSupport

/// Runs the tests once for each fault: first the quick ones, and all of them when those pass.
struct Trials {
    let tests: URL
    let jobs: Int

    /// They try all pairs and triples of edits, and long queues of them.
    private static let slow = "everyOperation_everyPairAndEveryTriple|longQueues"

    /// A run that takes so many times as long as it did without a fault is killed: a fault may turn
    /// a loop into an endless one, which is noticed too.
    private static let patience = 15.0

    /// One run of the tests with one fault awake. Nobody reads the traces of those that crash.
    private func start(awake number: Int, onlyQuick: Bool) throws -> RunningProgram {
        try RunningProgram(
            command: [tests.path, "--testing-library", "swift-testing"]
                + (onlyQuick ? ["--skip", Trials.slow] : []),
            environment: ["AWAKE": "\(number)", "SWIFT_BACKTRACE": "enable=no"])
    }

    /// The faults with which all tests pass; nil when some fail while every fault is asleep.
    func survivors(of mutations: [Mutation]) throws -> [Mutation]? {
        guard let quick = try secondsWithoutFaults(onlyQuick: true),
            let all = try secondsWithoutFaults(onlyQuick: false)
        else { return nil }
        let left = try passing(mutations, onlyQuick: true, atMost: quick * Trials.patience)
        return try passing(left, onlyQuick: false, atMost: all * Trials.patience)
    }

    private func secondsWithoutFaults(onlyQuick: Bool) throws -> Double? {
        let began = Date()
        guard try start(awake: 0, onlyQuick: onlyQuick).wait() == 0 else { return nil }
        return -began.timeIntervalSinceNow
    }

    private func passing(_ mutations: [Mutation], onlyQuick: Bool, atMost seconds: Double)
        throws -> [Mutation]
    {
        var passing: [Mutation] = []
        var next = 0
        var running: [(Mutation, RunningProgram)] = []
        while next < mutations.count || !running.isEmpty {
            while running.count < jobs, next < mutations.count {
                let mutation = mutations[next]
                running.append(
                    (mutation, try start(awake: mutation.number, onlyQuick: onlyQuick)))
                next += 1
            }
            let (mutation, trial) = running.removeFirst()
            if trial.wait(atMost: seconds) == 0 { passing.append(mutation) }
            // The whole takes a quarter of an hour.
            let done = next - running.count
            if done % 100 == 0 {
                print("\(done) of \(mutations.count) tried, \(passing.count) passed")
                fflush(nil)
            }
        }
        return passing
    }
}
