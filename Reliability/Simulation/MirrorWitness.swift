import ChatModel
import GRDB
import MirrorStore
import SyncRules

// Looks at the mirror as an operator's script does: through the views, on a connection of its own.

/// What the mirror says, whether its record of changes tells the same story, and whether it takes
/// back what it has once said.
package final class MirrorWitness {
    private let database: DatabaseQueue
    private let diary: WorldDiary
    /// Each user, made from nothing but the changes.
    private var replayed: [String: UserFacts] = [:]
    private var lastChange: Int64 = 0
    /// A hash of all changes up to the last; good for as long as the process lives.
    private var story = 0
    /// Users whose changes were replayed and not yet compared.
    private var touched: Set<String> = []
    private var memory = Memory()

    /// What has been read, by this witness or by one before it: no kill and no power cut may take
    /// it back.
    private struct Memory {
        var lastChange: Int64 = 0
        var story = 0
        /// Edits that stood as done.
        var settled: [Int64: String] = [:]
    }

    /// - Parameters:
    ///   - diary: is told what is wrong.
    ///   - earlier: whoever looked at the same database before a power cut.
    package init(path: String, _ diary: WorldDiary, after earlier: MirrorWitness? = nil) throws {
        self.diary = diary
        if let earlier { memory = earlier.memory }
        var configuration = Configuration()
        configuration.readonly = true
        database = try DatabaseQueue(path: path, configuration: configuration)
    }

    /// Fetches the rows of a query.
    typealias Fetch = (_ sql: String, _ arguments: StatementArguments) throws -> [Row]

    /// Several queries at one moment.
    func read<Value>(_ body: (Fetch) throws -> Value) throws -> Value {
        try database.read { database in
            try body { sql, arguments in
                try Row.fetchAll(database.cachedStatement(sql: sql), arguments: arguments)
            }
        }
    }

    func rows(_ sql: String, _ arguments: StatementArguments = []) throws -> [Row] {
        try read { try $0(sql, arguments) }
    }

    func number(_ sql: String) throws -> Int {
        try database.read { try Int.fetchOne($0.cachedStatement(sql: sql)) ?? 0 }
    }

    /// The name of a user, and what the views show of it; nil when there is none.
    func facts(of user: UserNumber) throws -> (name: String, facts: UserFacts)? {
        try read { rows in
            guard
                let name = try rows("SELECT name FROM user WHERE id = ?", [user]).first?[0]
                    as String?
            else { return nil }
            return (name, try UserFacts(of: name, rows))
        }
    }

    // MARK: The record of changes

    /// Replays what is new in the record and compares the users it speaks of, all in one moment; and
    /// looks whether everything that was there before is there still.
    package func checkChanges() throws {
        try read { rows in
            try replay(rows)
            for user in touched.sorted() { try compare(user, rows) }
            touched = []
            try checkSettled(rows)
            memory.lastChange = lastChange
            memory.story = story
        }
    }

    /// Compares every user with its changes, also those of whom nothing new was recorded.
    package func checkEveryone() throws {
        try checkChanges()
        try read { rows in
            for row in try rows("SELECT user FROM users", []) { try compare(row[0], rows) }
        }
    }

    private func replay(_ rows: Fetch) throws {
        let news = try rows("SELECT * FROM changes WHERE seq > ? ORDER BY seq", [lastChange])
        for row in news {
            let seq: Int64 = row["seq"]
            if seq != lastChange + 1 { diary.problem("after change \(lastChange) comes \(seq)") }
            lastChange = seq
            story = MirrorWitness.story(story, and: row)
            if seq == memory.lastChange, story != memory.story {
                diary.problem("the changes up to \(seq) are not those that were read before")
            }
            let user: String = row["user"]
            touched.insert(user)
            if let fault = replayed[user, default: UserFacts()].apply(row) {
                diary.problem("change \(seq) of \(user): \(fault)")
            }
        }
        if lastChange < memory.lastChange {
            diary.problem("changes up to \(memory.lastChange) were read, \(lastChange) are left")
        }
        diary.count("changes replayed", news.count)
    }

    private static func story(_ earlier: Int, and change: Row) -> Int {
        var hasher = Hasher()
        hasher.combine(earlier)
        for value in change.databaseValues { hasher.combine(value) }
        return hasher.finalize()
    }

    private func compare(_ user: String, _ rows: Fetch) throws {
        if try UserFacts(of: user, rows) != replayed[user, default: UserFacts()] {
            diary.problem("\(user): the mirror is not what its changes up to \(lastChange) give")
        }
    }

    /// What is done stays done.
    private func checkSettled(_ rows: Fetch) throws {
        var settled: [Int64: String] = [:]
        for row in try rows(
            "SELECT id, state FROM edit WHERE state IN ('applied', 'satisfied')", [])
        { settled[row[0]] = row[1] }
        for (edit, state) in memory.settled.sorted(by: { $0.key < $1.key })
        where settled[edit] != state {
            diary.problem("edit \(edit) was \(state), and is \(settled[edit] ?? "not any more")")
        }
        memory.settled = settled
    }
}
