// When users were pulled, since that is written in batches, and what the schedule knows and says.

extension Schema {
    static let evidence = """
        ALTER TABLE pull ADD COLUMN changes INTEGER;
        ALTER TABLE pull ADD COLUMN watched INTEGER;
        ALTER TABLE pull ADD COLUMN calls INTEGER;
        ALTER TABLE pull ADD COLUMN hints INTEGER NOT NULL DEFAULT 0;

        -- What was not yet folded into pull. A slice is a range of users; within it the rows are appended.
        CREATE TABLE recent_pull (
            slice INTEGER NOT NULL,
            at INTEGER NOT NULL,
            user INTEGER NOT NULL REFERENCES user,
            changes INTEGER NOT NULL,
            watched INTEGER NOT NULL,
            calls INTEGER NOT NULL,
            hints INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (slice, at, user)
        ) STRICT, WITHOUT ROWID;

        ALTER TABLE daemon ADD COLUMN price_s REAL;
        ALTER TABLE daemon ADD COLUMN sweep_ms INTEGER;
        ALTER TABLE daemon ADD COLUMN limit_ms INTEGER;
        ALTER TABLE daemon ADD COLUMN expected_fresh REAL;

        DROP VIEW users;
        CREATE VIEW users AS
        SELECT user.name AS user,
            CASE
                WHEN NOT user.listed THEN 'unlisted'
                WHEN trouble.parked THEN 'parked'
                WHEN held.user IS NOT NULL THEN 'held'
                WHEN trouble.user IS NOT NULL THEN 'failing'
                WHEN \(lastPull) IS NULL THEN 'new'
                WHEN \(lastPull) < unixepoch() * 1000 - (
                    SELECT CAST(value AS INTEGER) FROM setting WHERE name = 'max_staleness_ms'
                ) THEN 'stale'
                ELSE 'fresh'
            END AS state,
            \(written(lastPull)) AS pulled_at,
            trouble.kind AS failure,
            trouble.code AS failure_code,
            trouble.problem AS problem,
            trouble.failures AS failures,
            \(written("trouble.since")) AS failing_since,
            \(written("trouble.retry_at")) AS retry_at,
            coalesce(skipped.conversations, 0) AS skipped
        FROM user
        LEFT JOIN pull ON pull.user = user.id
        LEFT JOIN (SELECT user, max(at) AS at FROM recent_pull GROUP BY user) AS recent
            ON recent.user = user.id
        LEFT JOIN trouble ON trouble.user = user.id
        LEFT JOIN held ON held.user = user.id
        LEFT JOIN skipped ON skipped.user = user.id;
        """

    /// The later of the two times, with a user's rows of pull and of recent joined.
    private static let lastPull =
        "max(coalesce(pull.at, recent.at), coalesce(recent.at, pull.at))"
}
