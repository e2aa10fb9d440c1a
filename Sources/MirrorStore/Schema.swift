import GRDB

// The tables are the program's own business; the views are the interface for everyone's SQL,
// documented in Documentation/Database.md, and stay as they are from version to version. Times in
// tables are milliseconds since 1970; the views write them as people do.

/// The schema and how an older one becomes it.
package enum Schema {
    /// "GrpM", so that `file` and we can distinguish our databases from others.
    package static let applicationID: Int32 = 0x4772_704D

    /// One migration a released version of the schema; never edited afterwards.
    package static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1 mirror") { database in
            try database.execute(sql: "PRAGMA application_id = \(applicationID)")
            try database.execute(sql: tables)
            try database.execute(sql: views)
        }
        migrator.registerMigration("2 edits") { database in
            try database.execute(sql: outboxTables)
            try database.execute(sql: outboxViews)
        }
        migrator.registerMigration("3 skipped conversations") { database in
            try database.execute(sql: skipped)
        }
        migrator.registerMigration("4 batches") { database in
            try database.execute(sql: batches)
        }
        migrator.registerMigration("5 evidence") { database in
            try database.execute(sql: evidence)
        }
        return migrator
    }

    /// The tables by name and the views by name and text, of every version up to this one: made once, so
    /// that no list has to be kept.
    private static let ours = Result {
        let database = try DatabaseQueue()
        var known: Set<String> = []
        for version in migrator.migrations {
            try migrator.migrate(database, upTo: version)
            try database.read { known.formUnion(try objects(in: $0).map(\.identity)) }
        }
        return known
    }

    private static func objects(in database: Database) throws -> [(name: String, identity: String)]
    {
        // Indexes run nothing but functions without side effects, and operators may need their own.
        try Row.fetchAll(
            database,
            sql: """
                SELECT type, name, sql FROM sqlite_schema
                WHERE type <> 'index' AND substr(name, 1, 7) <> 'sqlite_' ORDER BY name
                """
        ).map { row in
            let name = "\(row[0] as String) \(row[1] as String)"
            let text: String = row[2] ?? ""
            // What a view says counts, not how it is broken into lines.
            let words = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
            return (name, row[0] == "view" ? "\(name): \(words)" : name)
        }
    }

    /// Throws when the file holds a trigger, a view or a table that no version up to this one makes, or a
    /// view with another text: what another user has put there would run with the rights of whoever
    /// opens the file next.
    static func demandOurs(_ database: Database, path: String) throws {
        let ours = try ours.get()
        let foreign = try objects(in: database).first { !ours.contains($0.identity) }
        if let foreign { throw StoreFailure.foreign(foreign.name, path) }
    }

    private static let tables = """
        CREATE TABLE setting (
            name TEXT NOT NULL PRIMARY KEY,
            value TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE user (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            listed INTEGER NOT NULL,
            since INTEGER NOT NULL
        ) STRICT;

        -- Apart from the rest, since every pull writes here: 400 rows to a page.
        CREATE TABLE pull (
            user INTEGER PRIMARY KEY REFERENCES user,
            at INTEGER NOT NULL
        ) STRICT;

        CREATE TABLE listing (
            user INTEGER PRIMARY KEY REFERENCES user,
            digest BLOB NOT NULL
        ) STRICT;

        CREATE TABLE trouble (
            user INTEGER PRIMARY KEY REFERENCES user,
            kind TEXT NOT NULL,
            code INTEGER,
            problem TEXT NOT NULL,
            failures INTEGER NOT NULL,
            since INTEGER NOT NULL,
            at INTEGER NOT NULL,
            retry_at INTEGER NOT NULL,
            parked INTEGER NOT NULL
        ) STRICT;

        CREATE TABLE held (
            user INTEGER PRIMARY KEY REFERENCES user,
            since INTEGER NOT NULL,
            groups INTEGER NOT NULL,
            conversations INTEGER NOT NULL,
            decision TEXT,
            decided_at INTEGER
        ) STRICT;

        CREATE TABLE conversation_group (
            user INTEGER NOT NULL REFERENCES user,
            id INTEGER NOT NULL,
            name TEXT NOT NULL,
            PRIMARY KEY (user, id)
        ) STRICT, WITHOUT ROWID;

        -- The groups stand in the conversation's row, as a JSON array: one row a conversation to write and read.
        CREATE TABLE conversation (
            user INTEGER NOT NULL REFERENCES user,
            type INTEGER NOT NULL,
            peer TEXT NOT NULL,
            group_ids TEXT NOT NULL,
            standard_mark INTEGER NOT NULL,
            custom_mark TEXT NOT NULL,
            updated_at INTEGER NOT NULL,
            PRIMARY KEY (user, type, peer)
        ) STRICT, WITHOUT ROWID;

        -- AUTOINCREMENT: a number is never given twice, even when the newest rows have been removed.
        CREATE TABLE change (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            at INTEGER NOT NULL,
            user INTEGER NOT NULL REFERENCES user,
            kind TEXT NOT NULL,
            group_id INTEGER,
            group_name TEXT,
            type INTEGER,
            peer TEXT,
            before TEXT,
            after TEXT,
            edit INTEGER
        ) STRICT;

        CREATE INDEX change_of_user ON change (user, seq);

        CREATE TABLE request (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            kind TEXT NOT NULL,
            everyone INTEGER NOT NULL,
            asked_at INTEGER NOT NULL,
            total INTEGER,
            done INTEGER NOT NULL DEFAULT 0,
            changed INTEGER NOT NULL DEFAULT 0,
            changes INTEGER NOT NULL DEFAULT 0,
            failed INTEGER NOT NULL DEFAULT 0,
            parked INTEGER NOT NULL DEFAULT 0,
            finished INTEGER NOT NULL DEFAULT 0
        ) STRICT;

        CREATE TABLE request_user (
            request INTEGER NOT NULL REFERENCES request ON DELETE CASCADE,
            user INTEGER NOT NULL REFERENCES user,
            outcome TEXT,
            changes INTEGER NOT NULL DEFAULT 0,
            detail TEXT NOT NULL DEFAULT '',
            PRIMARY KEY (request, user)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE daemon (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            version TEXT NOT NULL,
            pid INTEGER NOT NULL,
            started_at INTEGER NOT NULL,
            at INTEGER NOT NULL,
            cloud TEXT NOT NULL,
            cloud_code INTEGER,
            cloud_problem TEXT NOT NULL,
            calls_per_second REAL NOT NULL,
            allowed INTEGER NOT NULL,
            calls INTEGER NOT NULL,
            throttled INTEGER NOT NULL,
            passes INTEGER NOT NULL,
            changes INTEGER NOT NULL
        ) STRICT;
        """

    /// A moment as the views write it: `2026-11-21T08:00:00Z`.
    static func written(_ column: String) -> String {
        "strftime('%Y-%m-%dT%H:%M:%SZ', \(column) / 1000, 'unixepoch')"
    }

    /// Conversations of a type that this version does not know.
    private static let skipped = """
        CREATE TABLE skipped (
            user INTEGER PRIMARY KEY REFERENCES user,
            conversations INTEGER NOT NULL
        ) STRICT;

        DROP VIEW users;
        CREATE VIEW users AS
        SELECT \(userColumns),
            coalesce(skipped.conversations, 0) AS skipped
        \(userTables)
        LEFT JOIN skipped ON skipped.user = user.id;
        """

    private static let userColumns = """
        user.name AS user,
            CASE
                WHEN NOT user.listed THEN 'unlisted'
                WHEN trouble.parked THEN 'parked'
                WHEN held.user IS NOT NULL THEN 'held'
                WHEN trouble.user IS NOT NULL THEN 'failing'
                WHEN pull.user IS NULL THEN 'new'
                WHEN pull.at < unixepoch() * 1000 - (
                    SELECT CAST(value AS INTEGER) FROM setting WHERE name = 'max_staleness_ms'
                ) THEN 'stale'
                ELSE 'fresh'
            END AS state,
            \(written("pull.at")) AS pulled_at,
            trouble.kind AS failure,
            trouble.code AS failure_code,
            trouble.problem AS problem,
            trouble.failures AS failures,
            \(written("trouble.since")) AS failing_since,
            \(written("trouble.retry_at")) AS retry_at
        """

    private static let userTables = """
        FROM user
        LEFT JOIN pull ON pull.user = user.id
        LEFT JOIN trouble ON trouble.user = user.id
        LEFT JOIN held ON held.user = user.id
        """

    private static let views = """
        CREATE VIEW users AS
        SELECT \(userColumns)
        \(userTables);

        CREATE VIEW conversation_groups AS
        SELECT user.name AS user, conversation_group.id AS group_id,
            conversation_group.name AS group_name
        FROM conversation_group JOIN user ON user.id = conversation_group.user;

        CREATE VIEW conversations AS
        SELECT user.name AS user, conversation.type AS type, conversation.peer AS peer,
            conversation.standard_mark AS standard_mark, conversation.custom_mark AS custom_mark,
            conversation.updated_at AS updated_at
        FROM conversation JOIN user ON user.id = conversation.user;

        CREATE VIEW memberships AS
        SELECT user.name AS user, conversation_group.id AS group_id,
            conversation_group.name AS group_name,
            conversation.type AS type, conversation.peer AS peer
        FROM conversation
        JOIN json_each(conversation.group_ids) AS member
        JOIN conversation_group ON conversation_group.user = conversation.user
            AND conversation_group.id = member.value
        JOIN user ON user.id = conversation.user;

        CREATE VIEW changes AS
        SELECT change.seq AS seq, \(written("change.at")) AS at, user.name AS user,
            change.kind AS kind, change.group_id AS group_id, change.group_name AS group_name,
            change.type AS type, change.peer AS peer, change.before AS before,
            change.after AS after, change.edit AS edit
        FROM change JOIN user ON user.id = change.user;

        CREATE VIEW held_deletions AS
        SELECT user.name AS user, \(written("held.since")) AS since,
            held.groups AS groups, held.conversations AS conversations,
            held.decision AS decision, \(written("held.decided_at")) AS decided_at
        FROM held JOIN user ON user.id = held.user;
        """
}
