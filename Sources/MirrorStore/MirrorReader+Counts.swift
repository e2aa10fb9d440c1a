import GRDB

// What a report of a fault tells of a mirror: how many there are of what, and the schema. No name of anybody.

extension MirrorReader {
    /// Lines of text.
    package func countsForReport() throws(StoreFailure) -> [String] {
        try read { database in
            var lines: [String] = []
            func count(_ title: String, _ sql: String) throws {
                let rows = try Row.fetchAll(database, sql: sql)
                lines.append("# " + title)
                for row in rows {
                    let values = row.databaseValues.map {
                        $0.isNull ? "-" : "\($0.storage.value ?? "-")"
                    }
                    lines.append(values.joined(separator: "  "))
                }
            }
            try count("SQLite", "SELECT sqlite_version()")
            try count(
                "users by state, failure and code",
                "SELECT state, failure, failure_code, count(*) FROM users GROUP BY 1, 2, 3")
            try count(
                "edits by operation, state, reason and code",
                "SELECT op, state, reason, code, count(*) FROM edit GROUP BY 1, 2, 3, 4")
            try count("changes by kind", "SELECT kind, count(*) FROM changes GROUP BY 1")
            try count("deletions held", "SELECT decision, count(*) FROM held_deletions GROUP BY 1")
            try count(
                "settings of the mirror", "SELECT name, value FROM setting WHERE name <> 'admin'")
            try count(
                "schema", "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name")
            return lines
        }
    }
}
