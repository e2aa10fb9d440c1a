import ChatAPI
import ChatModel
import CurlTransport
import Foundation

/// How much of 200 calls a second is used, and whether it is ever exceeded, on three networks.
enum ShareOfTheLimit {
    static func measure() throws -> [Figure] {
        try [(0, 0), (20, 5), (60, 15)].flatMap { latency, jitter in
            let bed = try Bed([
                "--users", "5000", "--conversations", "20", "--latency", "\(latency)", "--jitter",
                "\(jitter)",
            ])
            let daemon = try bed.daemon()
            try daemon.wait(for: "daemon_ready")
            sleep(60)
            daemon.stop()
            let share =
                try bed.statistic("calls") / (200 * bed.statistic("milliseconds") / 1000) * 100
            let widest = try bed.statistic("widest_second")
            let refused = try bed.statistic("refused")
            let name = "at \(latency)±\(jitter) ms: "
            return [
                Figure(
                    name + "share of 200 calls/s used over a minute", rounded(share, 2) + " %",
                    goal: "≥ 98 %", isMet: share >= 98),
                Figure(name + "calls refused", rounded(refused, 0), goal: "0", isMet: refused == 0),
                Figure(
                    name + "widest second at the server", rounded(widest, 0), goal: "≤ 200",
                    isMet: widest <= 200),
            ]
        }
    }
}

/// Processor time of the whole daemon for one pass, at the ordinary 200 a second.
enum CostOfAPass {
    static func measure() async throws -> [Figure] {
        let still = try Bed(["--users", "1000", "--conversations", "20"])
        let unchanged = try cost(still, settle: 1200)
        let changed = try costOfChanges(aSecond: 2000)
        let oneChange = try costOfChanges(aSecond: 200)
        let door = try BareDoor(still, users: 1000)
        let bare = try await door.costAtTheOrdinaryRate(calls: 2000)
        let floor = try door.plain().cost(calls: 2000)
        let goal = floor.time * 1.8
        return [
            Figure(
                "processor time of an unchanged pass", rounded(unchanged.time * 1e6, 0) + " µs",
                goal: "≤ 1.8 of plain curl: \(rounded(goal * 1e6, 0)) µs",
                isMet: unchanged.time <= goal),
            Figure(
                "waits of a thread for it (voluntary switches)", rounded(unchanged.switches, 2),
                goal: "≤ 1.5", isMet: unchanged.switches <= 1.5),
            Figure(
                "one call of the bare curl door at 200 a second",
                rounded(bare.time * 1e6, 0) + " µs, \(rounded(bare.switches, 2)) waits"),
            Figure(
                "one call of plain curl on one thread, two every 10 ms",
                rounded(floor.time * 1e6, 0) + " µs, \(rounded(floor.switches, 2)) waits"),
            Figure(
                "processor time of a changed pass, 100 conversations, about ten changes",
                rounded(changed.time * 1e3, 2) + " ms", goal: "≤ 2 ms",
                isMet: changed.time <= 2e-3),
            Figure(
                "the same with about one change", rounded(oneChange.time * 1e3, 2) + " ms",
                goal: "≤ 1 ms", isMet: oneChange.time <= 1e-3),
        ]
    }

    /// Two hundred users, each of whom is pulled once a second.
    private static func costOfChanges(aSecond churn: Int) throws -> (time: Double, switches: Double)
    {
        let bed = try Bed([
            "--users", "200", "--conversations", "100", "--churn", "\(churn)", "--page-size",
            "1000",
        ])
        return try cost(bed, settle: 600)
    }

    private static func cost(_ bed: Bed, settle: Double) throws -> (time: Double, switches: Double)
    {
        let daemon = try bed.daemon()
        try bed.waitForCalls(settle)
        let (calls, before) = (try bed.statistic("calls"), daemon.usage)
        sleep(15)
        let cost = (daemon.usage - before).perCall(Int(try bed.statistic("calls") - calls))
        daemon.stop()
        return cost
    }
}

/// Unchanged passes a second when nothing limits them, beside the bare door to the network.
enum WithoutALimit {
    private static let users = 20_000

    static func measure() async throws -> [Figure] {
        let bed = try Bed([
            "--users", "\(users)", "--conversations", "20", "--rate", "10000000",
        ])
        try bed.configure("limits: {calls_per_second: 1000000, in_flight: 100}")
        let daemon = try bed.daemon()
        try bed.waitForCalls(Double(users))
        sleep(2)
        let before = try bed.statistic("calls")
        let start = Date()
        sleep(10)
        let passes = (try bed.statistic("calls") - before) / Date().timeIntervalSince(start)
        daemon.stop()
        let bare = try await BareDoor(bed, users: users).callsPerSecond()
        let size = try databaseSize(bed) / Double(users)
        return [
            Figure(
                "unchanged passes a second without a limit", rounded(passes, 0),
                goal: "≥ 0.9 of the door: \(rounded(bare * 0.9, 0))", isMet: passes >= bare * 0.9),
            Figure("calls a second of the bare curl door, same server", rounded(bare, 0)),
            Figure("bytes on disk for a user of 20 conversations", rounded(size, 0)),
        ]
    }

    private static func databaseSize(_ bed: Bed) throws -> Double {
        // Without the record of changes, which grows with time and not with the number of users.
        let sqlite = Process()
        sqlite.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        sqlite.arguments = [
            "sqlite3", bed.folder + "/mirror.db", "DELETE FROM change; VACUUM;",
            "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size;",
        ]
        let pipe = Pipe()
        sqlite.standardOutput = pipe
        try sqlite.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        sqlite.waitUntilExit()
        return Double(String(decoding: data, as: UTF8.self).trimmingCharacters(in: .newlines)) ?? 0
    }
}

/// Memory and start with long lists.
enum SizeOfTheList {
    static func measure() throws -> [Figure] {
        try [(1000, 40.0), (100_000, 60), (1_000_000, 160)].flatMap { users, goal in
            let bed = try Bed(["--users", "\(users)", "--conversations", "20"])
            let first = try startTime(bed)
            let second = try startTime(bed)
            let memory = second.memory
            let name = "\(users) users in the list: "
            var figures = [
                Figure(
                    name + "resident memory after 30 s", rounded(memory, 0) + " MB",
                    goal: "≤ \(Int(goal)) MB", isMet: memory <= goal)
            ]
            if users == 1_000_000 {
                figures += [
                    Figure(
                        name + "start to first call, empty database",
                        rounded(first.seconds, 2) + " s", goal: "≤ 5 s", isMet: first.seconds <= 5),
                    Figure(
                        name + "start to first call, known users",
                        rounded(second.seconds, 2) + " s", goal: "≤ 3 s",
                        isMet: second.seconds <= 3),
                ]
            }
            return figures
        }
    }

    /// From the start of the process to the first answered call. After a clean end, and at the very first
    /// start, there is no predecessor to wait for.
    private static func startTime(_ bed: Bed) throws -> (seconds: Double, memory: Double) {
        let start = Date()
        let daemon = try bed.daemon()
        try daemon.wait(for: "daemon_ready")
        let seconds = Date().timeIntervalSince(start)
        sleep(30)
        let memory = daemon.residentMemory
        daemon.stop()
        return (seconds, memory)
    }
}
