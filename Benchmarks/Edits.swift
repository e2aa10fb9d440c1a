import Foundation

/// What edits cost: calls, time to the cloud, time to be accepted.
enum CostOfEdits {
    static func measure() throws -> [Figure] {
        try folding() + latency() + importing()
    }

    /// A hundred users with ten edits each, of which two calls are the least: a creation with all
    /// that is done to the new group, and one call for the marks.
    private static func folding() throws -> [Figure] {
        let bed = try Bed(["--users", "100", "--conversations", "20"])
        try bed.groupmirror("resync", "--all")
        let lines = (1...100).flatMap { number -> [String] in
            let user = String(format: #""user":"user%08d""#, number)
            return [
                #"{\#(user),"op":"create","group":"g","conversations":[{"type":1,"peer":"a"}]}"#,
                #"{\#(user),"op":"rename","group":"g","new_name":"h"}"#,
            ]
                + (1...4).map {
                    #"{\#(user),"op":"add","group":"h","conversations":[{"type":1,"peer":"p\#($0)"}]}"#
                }
                + [
                    #"{\#(user),"op":"remove","group":"h","conversations":[{"type":1,"peer":"p1"}]}"#
                ]
                + (1...3).map {
                    #"{\#(user),"op":"mark","conversation":{"type":1,"peer":"m\#($0)"},"custom":"x"}"#
                }
        }
        try queue(lines, bed)
        let daemon = try bed.daemon()
        var calls = 0.0
        let deadline = Date(timeIntervalSinceNow: 60)
        while Date() < deadline, calls < 200 {
            usleep(200_000)
            calls = try writes(bed)
        }
        sleep(2)
        calls = try writes(bed)
        daemon.stop()
        return [
            Figure(
                "calls for 1000 edits of 100 users (the least possible: 200)", rounded(calls, 0),
                goal: "200", isMet: calls == 200)
        ]
    }

    /// From the start of the command to the call at the server, one edit at a time.
    private static func latency() throws -> [Figure] {
        let bed = try Bed(["--users", "100", "--conversations", "20"])
        let daemon = try bed.daemon()
        try bed.waitForCalls(200)
        var times: [Double] = []
        for number in 1...100 {
            let start = Date()
            try bed.groupmirror(
                "edit", "mark", String(format: "user%08d", number), "user:bob", "--custom", "x")
            while try bed.statistic("calls", of: "mark_contact") < Double(number) {
                guard Date().timeIntervalSince(start) < 10 else {
                    throw Failure(words: "edit \(number) never arrived")
                }
            }
            times.append(Date().timeIntervalSince(start))
        }
        daemon.stop()
        times.sort()
        return [
            Figure("from 'edit' to the cloud, idle, p50", rounded(times[49] * 1000, 0) + " ms"),
            Figure(
                "from 'edit' to the cloud, idle, p99", rounded(times[98] * 1000, 0) + " ms",
                goal: "≤ 500 ms", isMet: times[98] <= 0.5),
        ]
    }

    private static func importing() throws -> [Figure] {
        let bed = try Bed(["--users", "1000", "--conversations", "20"])
        try bed.groupmirror("resync", "--all")
        let count = 100_000
        let lines = (0..<count).map { number in
            let user = String(format: "user%08d", 1 + number % 1000)
            return
                #"{"key":"k\#(number)","user":"\#(user)","op":"mark","conversation":{"type":1,"peer":"p\#(number)"},"set":[0],"custom":"x"}"#
        }
        let spread = try queue(lines, bed)
        let again = try queue(lines, bed)
        return [
            Figure(
                "edits queued a second by import, users in turn", rounded(Double(count) / spread, 0)
            ),
            Figure("the same lines again, known by their keys", rounded(Double(count) / again, 0)),
        ]
    }

    @discardableResult
    private static func queue(_ lines: [String], _ bed: Bed) throws -> Double {
        let file = bed.folder + "/edits.jsonl"
        try (lines.joined(separator: "\n") + "\n").write(
            toFile: file, atomically: true, encoding: .utf8)
        let start = Date()
        try bed.groupmirror("edit", "import", file)
        return Date().timeIntervalSince(start)
    }

    private static func writes(_ bed: Bed) throws -> Double {
        try ["create_contact_group", "update_contact_group", "del_contact_group", "mark_contact"]
            .map { try bed.statistic("calls", of: $0) }.reduce(0, +)
    }
}
