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
                    round_ended_at, round_ms)
                VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            version, pid, startedAt.milliseconds, at.milliseconds, cloud, cloudCode, cloudProblem,
            callsPerSecond, allowed, calls, throttled, passes, changes,
            lastRound?.endedAt.milliseconds, lastRound?.took.milliseconds,
        ])
    }
}
