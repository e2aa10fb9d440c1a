// The outbox: edits with what became of them, and what they make of the mirror while they are open.

extension Schema {
    static let outboxTables = """
        CREATE TABLE edit (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            user INTEGER NOT NULL REFERENCES user,
            key TEXT UNIQUE,
            op TEXT NOT NULL,
            -- Positive: the cloud's number; negative: the edit that will create the group; NULL: not known yet.
            group_id INTEGER,
            -- As it was called when the edit was queued.
            group_name TEXT,
            new_name TEXT,
            set_bits INTEGER NOT NULL DEFAULT 0,
            clear_bits INTEGER NOT NULL DEFAULT 0,
            custom TEXT,
            -- The name or custom mark that the edit stands on.
            base TEXT,
            -- What it stood on when the cloud was found to have something else, and what that was.
            conflict_base TEXT,
            conflict_theirs TEXT,
            state TEXT NOT NULL DEFAULT 'queued',
            -- Applied, satisfied or cancelled: nothing will happen any more.
            settled INTEGER NOT NULL DEFAULT 0,
            reason TEXT,
            code INTEGER,
            problem TEXT,
            -- The rejected edit that this one waits for.
            behind INTEGER,
            -- The number that the cloud gave the group that this edit created.
            made INTEGER,
            -- Calls that were made for it: one more than are recorded while one is under way.
            attempts INTEGER NOT NULL DEFAULT 0,
            failures INTEGER NOT NULL DEFAULT 0,
            alone INTEGER NOT NULL DEFAULT 0,
            queued_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL
        ) STRICT;

        CREATE INDEX edit_unsettled ON edit (user, id) WHERE settled = 0;
        CREATE INDEX edit_settled ON edit (updated_at) WHERE settled = 1;
        CREATE INDEX edit_rejected ON edit (id) WHERE state = 'rejected';

        -- The conversations of an edit, in the order in which they were given.
        CREATE TABLE edit_item (
            edit INTEGER NOT NULL REFERENCES edit ON DELETE CASCADE,
            position INTEGER NOT NULL,
            type INTEGER NOT NULL,
            peer TEXT NOT NULL,
            -- NULL: not done yet; 0: done; else the code with which the cloud refused it for good.
            code INTEGER,
            problem TEXT,
            PRIMARY KEY (edit, position)
        ) STRICT, WITHOUT ROWID;

        -- The calls made for an edit.
        CREATE TABLE edit_call (
            edit INTEGER NOT NULL REFERENCES edit ON DELETE CASCADE,
            number INTEGER NOT NULL,
            at INTEGER NOT NULL,
            command TEXT NOT NULL,
            outcome TEXT NOT NULL,
            code INTEGER,
            problem TEXT,
            PRIMARY KEY (edit, number)
        ) STRICT, WITHOUT ROWID;

        -- Users for whom a command has changed something in the outbox: what the daemon watches.
        CREATE TABLE outbox_news (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            user INTEGER NOT NULL
        ) STRICT;

        -- Where the mirror with open edits applied differs from the mirror. A group without a name,
        -- and a conversation marked gone, are not there.
        CREATE TABLE pending_group (
            user INTEGER NOT NULL REFERENCES user,
            id INTEGER NOT NULL,
            name TEXT,
            PRIMARY KEY (user, id)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE pending_conversation (
            user INTEGER NOT NULL REFERENCES user,
            type INTEGER NOT NULL,
            peer TEXT NOT NULL,
            gone INTEGER NOT NULL,
            group_ids TEXT NOT NULL,
            standard_mark INTEGER NOT NULL,
            custom_mark TEXT NOT NULL,
            updated_at INTEGER NOT NULL,
            PRIMARY KEY (user, type, peer)
        ) STRICT, WITHOUT ROWID;
        """

    /// The view `edits`. Older SQLite takes JSON functions for unsafe inside a schema that is not trusted,
    /// so what is ours uses the text.
    static let edits = """
        SELECT \(editColumns(made: "WHEN edit.made > 0 THEN edit.made")),
            edit.batch AS batch
        FROM edit JOIN user ON user.id = edit.user
        """

    /// - Parameter made: what the number of the group is where the edit was to create it.
    private static func editColumns(made: String) -> String {
        """
        edit.id AS id, edit.key AS key, user.name AS user, edit.op AS op,
            CASE WHEN edit.group_id > 0 THEN edit.group_id \(made) END AS group_id,
            edit.group_name AS group_name, edit.new_name AS new_name,
            (SELECT json_group_array(json_object('type', item.type, 'peer', item.peer))
                FROM edit_item AS item WHERE item.edit = edit.id) AS conversations,
            edit.set_bits AS set_bits, edit.clear_bits AS clear_bits, edit.custom AS custom,
            edit.state AS state, edit.reason AS reason, edit.code AS code,
            edit.problem AS problem, edit.behind AS behind,
            coalesce(edit.conflict_base, edit.base) AS base, edit.conflict_theirs AS theirs,
            edit.attempts AS attempts,
            \(written("edit.queued_at")) AS queued_at, \(written("edit.updated_at")) AS updated_at
        """
    }

    /// Edits of one import know each other, marks are also there as `changes` has them, and the daemon tells its
    /// last full round.
    static let batches = """
        ALTER TABLE edit ADD COLUMN batch INTEGER;
        CREATE INDEX edit_batch ON edit (batch) WHERE batch IS NOT NULL;
        ALTER TABLE daemon ADD COLUMN round_ended_at INTEGER;
        ALTER TABLE daemon ADD COLUMN round_ms INTEGER;

        DROP VIEW edits;
        CREATE VIEW edits AS
        \(edits);

        DROP VIEW conversations;
        CREATE VIEW conversations AS
        SELECT \(conversationColumns(of: "conversation"))
        FROM conversation JOIN user ON user.id = conversation.user;

        DROP VIEW conversations_pending;
        CREATE VIEW conversations_pending AS
        SELECT \(conversationColumns(of: "standing"))
        FROM (\(pendingConversations)) AS standing JOIN user ON user.id = standing.user;
        """

    private static func conversationColumns(of table: String) -> String {
        """
        user.name AS user, \(table).type AS type, \(table).peer AS peer,
            \(table).standard_mark AS standard_mark, \(table).custom_mark AS custom_mark,
            \(table).updated_at AS updated_at,
            printf('%llu', \(table).standard_mark) AS standard_mark_text
        """
    }

    static let outboxViews = """
        CREATE VIEW edits AS
        SELECT \(editColumns(made: "ELSE edit.made"))
        FROM edit JOIN user ON user.id = edit.user;

        CREATE VIEW conversation_groups_pending AS
        SELECT user.name AS user, standing.id AS group_id, standing.name AS group_name
        FROM (
            SELECT user, id, name FROM conversation_group AS old
            WHERE NOT EXISTS (
                SELECT 1 FROM pending_group AS new WHERE new.user = old.user AND new.id = old.id)
            UNION ALL
            SELECT user, id, name FROM pending_group WHERE name IS NOT NULL
        ) AS standing JOIN user ON user.id = standing.user;

        CREATE VIEW conversations_pending AS
        SELECT user.name AS user, standing.type AS type, standing.peer AS peer,
            standing.standard_mark AS standard_mark, standing.custom_mark AS custom_mark,
            standing.updated_at AS updated_at
        FROM (\(pendingConversations)) AS standing JOIN user ON user.id = standing.user;

        CREATE VIEW memberships_pending AS
        SELECT user.name AS user, grouped.id AS group_id, grouped.name AS group_name,
            standing.type AS type, standing.peer AS peer
        FROM (\(pendingConversations)) AS standing
        JOIN json_each(standing.group_ids) AS member
        JOIN (
            SELECT user, id, name FROM conversation_group AS old
            WHERE NOT EXISTS (
                SELECT 1 FROM pending_group AS new WHERE new.user = old.user AND new.id = old.id)
            UNION ALL
            SELECT user, id, name FROM pending_group WHERE name IS NOT NULL
        ) AS grouped ON grouped.user = standing.user AND grouped.id = member.value
        JOIN user ON user.id = standing.user;
        """

    private static let pendingConversations = """
        SELECT user, type, peer, group_ids, standard_mark, custom_mark, updated_at
        FROM conversation AS old
        WHERE NOT EXISTS (
            SELECT 1 FROM pending_conversation AS new
            WHERE new.user = old.user AND new.type = old.type AND new.peer = old.peer)
        UNION ALL
        SELECT user, type, peer, group_ids, standard_mark, custom_mark, updated_at
        FROM pending_conversation WHERE NOT gone
        """
}
