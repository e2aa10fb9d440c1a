import ChatModel
import Foundation
import MirrorStore
import SyncRules

/// What is written to the disk for a pull that found nothing new, with a million users who are pulled in no order
/// at all, 200 a second. The daemon's own state, once a second, counts too.
enum BytesWritten {
    private static let users: UserNumber = 1_000_000
    private static let pullsASecond = 200
    private static let seconds = 2 * 3600

    static func measure() async throws -> [Figure] {
        let folder = NSTemporaryDirectory() + "groupmirror-writes-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let store = try SQLiteMirror(path: folder + "/mirror.db", sdkAppID: 1)
        let begin = WallTime(seconds: 1_800_000_000)
        let ids = try (1...users).map { (number: $0, id: try UserID("customer-\($0)")) }
        try store.list(ids, at: begin)
        // As a daemon leaves it: everyone has been pulled, and all that is known is in its place.
        try await store.commit([
            .pulls(
                PullBatch(
                    notes: (1...users).map {
                        PullNote(user: $0, at: begin, evidence: Evidence(recent: 3), calls: 1)
                    }, folded: Set(0...Int(users / PullNote.slice))))
        ])
        let before = bytesWritten()
        try await pull(store, from: begin)
        let pulls = Double(seconds * pullsASecond)
        let bytes = (bytesWritten() - before) / pulls
        let clock = ContinuousClock()
        var known = 0
        let reading = try clock.measure {
            try store.readUsers { _ in known += 1 }
            try store.readRecentPulls { _ in known += 1 }
        }
        try store.close()
        return [
            Figure(
                "a million users in no order: bytes written for an unchanged pull",
                rounded(bytes, 0), goal: "≤ 300", isMet: bytes <= 300),
            Figure(
                "the same: to read \(known) rows at the next start",
                rounded(reading.inSeconds, 2) + " s"),
        ]
    }

    private static func pull(_ store: SQLiteMirror, from begin: WallTime) async throws {
        var ledger = PullLedger()
        var state: UInt64 = 1
        for second in 0..<seconds {
            let (now, wall) = (
                MonotonicTime.zero + .seconds(second), begin + .seconds(second + 1)
            )
            for _ in 0..<pullsASecond {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let user = UserNumber(state >> 33) % users + 1
                ledger.add(
                    PullNote(user: user, at: wall, evidence: Evidence(recent: 4), calls: 1),
                    now: now)
            }
            var entries: [StoreEntry] = [
                .daemon(DaemonState(version: "1", pid: 1, startedAt: begin, at: wall))
            ]
            if ledger.isDue(now: now) { entries.append(.pulls(ledger.takeAll())) }
            try await store.commit(entries)
        }
        try await store.commit([.pulls(ledger.takeAll())])
    }

    /// By this process so far, to files of any kind.
    private static func bytesWritten() -> Double {
        let counters = (try? String(contentsOfFile: "/proc/self/io", encoding: .utf8)) ?? ""
        let line = counters.split(separator: "\n").first { $0.hasPrefix("wchar:") }
        return line.flatMap { Double($0.split(separator: " ")[1]) } ?? 0
    }
}
