import ChatModel
import GRDB

// The table daemon: what `status` shows of the daemon, one row.

extension DaemonState {
    /// Writes it over the row of the last one.
    func write(to database: Database) throws {
        try database.cachedStatement(sql: "DELETE FROM daemon").execute()
        try database.cachedStatement(
            sql: """
                INSERT INTO daemon
                    (id, version, pid, started_at, at, cloud, cloud_code, cloud_problem,
                    calls_per_second, allowed, calls, throttled, passes, changes,
                    round_ended_at, round_ms, price_s, sweep_ms, limit_ms, expected_fresh)
                VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            version, pid, startedAt.milliseconds, at.milliseconds, cloud, cloudCode, cloudProblem,
            callsPerSecond, allowed, calls, throttled, passes, changes,
            lastRound?.endedAt.milliseconds, lastRound?.took.milliseconds,
            price, sweep.milliseconds, limit.milliseconds, expectedFresh,
        ])
    }
}

extension MirrorReader {
    /// What the daemon last wrote about itself; nil when none ever ran.
    package func daemon() throws(StoreFailure) -> DaemonState? {
        try read { database in
            try Row.fetchOne(database, sql: "SELECT * FROM daemon").map { row in
                var state = DaemonState(
                    version: row["version"], pid: row["pid"],
                    startedAt: WallTime(milliseconds: row["started_at"]),
                    at: WallTime(milliseconds: row["at"]))
                state.cloud = row["cloud"]
                state.cloudCode = row["cloud_code"]
                state.cloudProblem = row["cloud_problem"]
                state.callsPerSecond = row["calls_per_second"]
                state.allowed = row["allowed"]
                state.calls = row["calls"]
                state.throttled = row["throttled"]
                state.passes = row["passes"]
                state.changes = row["changes"]
                if let endedAt = row["round_ended_at"] as Int64?,
                    let took = row["round_ms"] as Int64?
                {
                    state.lastRound = DaemonState.Round(
                        endedAt: WallTime(milliseconds: endedAt), took: .milliseconds(took))
                }
                state.price = row["price_s"] ?? 0
                state.sweep = .milliseconds((row["sweep_ms"] as Int64?) ?? 0)
                state.limit = .milliseconds((row["limit_ms"] as Int64?) ?? 0)
                state.expectedFresh = row["expected_fresh"]
                return state
            }
        }
    }
}
