import ChatModel
import GRDB

// What a shell offers while a command is typed.

extension MirrorReader {
    /// Users of the list whose names begin so, ascending.
    /// - Parameter most: no more than so many.
    package func users(beginningWith prefix: String, most: Int) throws(StoreFailure) -> [String] {
        try read { database in
            try String.fetchAll(
                database,
                sql: """
                    SELECT name FROM user WHERE name >= ? AND substr(name, 1, ?) = ? AND listed
                    ORDER BY name LIMIT ?
                    """, arguments: [prefix, prefix.unicodeScalars.count, prefix, most])
        }
    }

    /// The names of a user's groups, with open edits applied, ascending.
    package func groups(of user: String) throws(StoreFailure) -> [String] {
        try read { database in
            try String.fetchAll(
                database,
                sql: """
                    SELECT group_name FROM conversation_groups_pending WHERE user = ?
                    ORDER BY group_name
                    """, arguments: [user])
        }
    }
}
