import Foundation

/// One run of the tests with one fault awake.
final class Trial {
    enum End {
        case passed, failed, tookTooLong
    }

    private let process = Process()

    init(_ tests: URL, awake number: Int) throws {
        process.executableURL = tests
        process.arguments = ["--testing-library", "swift-testing"]
        process.environment = ProcessInfo.processInfo.environment
            .merging(["AWAKE": "\(number)"]) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
    }

    /// Waits for it; a fault may turn a loop into an endless one, which is noticed too.
    func end(within seconds: Double) -> End {
        let deadline = Date(timeIntervalSinceNow: seconds)
        while process.isRunning {
            if Date() > deadline {
                kill(process.processIdentifier, SIGKILL)
                process.waitUntilExit()
                return .tookTooLong
            }
            usleep(10_000)
        }
        return process.terminationReason == .exit && process.terminationStatus == 0
            ? .passed : .failed
    }
}

/// Runs the tests once for each fault.
struct Trials {
    let tests: URL
    let jobs: Int

    /// A run takes seconds.
    private static let longest = 180.0

    /// The faults with which all tests passed.
    func survivors(of mutations: [Mutation]) throws -> [Mutation] {
        var survivors: [Mutation] = []
        var next = 0
        var running: [(Mutation, Trial)] = []
        while next < mutations.count || !running.isEmpty {
            while running.count < jobs, next < mutations.count {
                running.append((mutations[next], try Trial(tests, awake: mutations[next].number)))
                next += 1
            }
            let (mutation, trial) = running.removeFirst()
            if trial.end(within: Self.longest) == .passed { survivors.append(mutation) }
        }
        return survivors
    }
}
