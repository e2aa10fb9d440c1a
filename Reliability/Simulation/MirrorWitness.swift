import ChatModel
import GRDB
import MirrorStore

// Looks at the mirror as an operator's script does: through the views, on a connection of its own.

/// What the mirror says, and whether its record of changes tells the same story.
package final class MirrorWitness {
    private let database: DatabaseQueue
    private let diary: WorldDiary
    private var replayed: [String: Replay] = [:]
    private var lastChange: Int64 = 0

    /// A user's mirror, made from nothing but the changes.
    fileprivate struct Replay: Equatable {
        var groups: [Int64: String] = [:]
        var members: [String: Set<Int64>] = [:]
        var standard: [String: String] = [:]
        var custom: [String: String] = [:]
    }

    /// - Parameter diary: is told what is wrong.
    package init(path: String, _ diary: WorldDiary) throws {
        self.diary = diary
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

    // MARK: The record of changes

    /// Replays what is new in the record and compares the users it speaks of, all in one moment.
    package func checkChanges() throws {
        try database.read { database in
            let news = try Row.fetchAll(
                database.cachedStatement(sql: "SELECT * FROM changes WHERE seq > ? ORDER BY seq"),
                arguments: [lastChange])
            guard !news.isEmpty else { return }
            var users: Set<String> = []
            for row in news {
                let seq: Int64 = row["seq"]
                if seq != lastChange + 1 {
                    diary.problem("after change \(lastChange) comes \(seq)")
                }
                lastChange = seq
                let user: String = row["user"]
                users.insert(user)
                if let fault = replayed[user, default: Replay()].apply(row) {
                    diary.problem("change \(seq) of \(user): \(fault)")
                }
            }
            diary.count("changes replayed", news.count)
            for user in users.sorted() where try mirror(of: user, database) != replayed[user] {
                diary.problem(
                    "\(user): the mirror is not what its changes up to \(lastChange) give")
            }
        }
    }

    private func mirror(of user: String, _ database: Database) throws -> Replay {
        var mirror = Replay()
        let groups = try database.cachedStatement(
            sql: "SELECT group_id, group_name FROM conversation_groups WHERE user = ?")
        for row in try Row.fetchAll(groups, arguments: [user]) { mirror.groups[row[0]] = row[1] }
        let members = try database.cachedStatement(
            sql: "SELECT group_id, type, peer FROM memberships WHERE user = ?")
        for row in try Row.fetchAll(members, arguments: [user]) {
            mirror.members["\(row[1] as Int) \(row[2] as String)", default: []].insert(row[0])
        }
        let marks = try database.cachedStatement(
            sql: "SELECT type, peer, standard_mark, custom_mark FROM conversations WHERE user = ?")
        for row in try Row.fetchAll(marks, arguments: [user]) {
            let key = "\(row[0] as Int) \(row[1] as String)"
            let bits = UInt64(bitPattern: row[2])
            if bits != 0 { mirror.standard[key] = StandardMark(bits: bits).description }
            if let custom = row[3] as String?, !custom.isEmpty { mirror.custom[key] = custom }
        }
        return mirror
    }
}

extension MirrorWitness.Replay {
    /// Does what a change says; what is wrong with it, if it does not fit.
    mutating func apply(_ row: Row) -> String? {
        let kind: String = row["kind"]
        let group: Int64 = row["group_id"] ?? 0
        let key = "\(row["type"] as Int? ?? 0) \(row["peer"] as String? ?? "")"
        let (before, after): (String, String) = (row["before"] ?? "", row["after"] ?? "")
        switch kind {
        case "group_created":
            if groups[group] != nil { return "group \(group) is created twice" }
            groups[group] = row["group_name"]
        case "group_renamed":
            if groups[group] != before { return "group \(group) was not called '\(before)'" }
            groups[group] = row["group_name"]
        case "group_deleted":
            if groups.removeValue(forKey: group) == nil { return "group \(group) is not there" }
        case "conversation_added":
            if !members[key, default: []].insert(group).inserted { return "\(key) is in already" }
        case "conversation_removed":
            if members[key]?.remove(group) == nil { return "\(key) is not in \(group)" }
            if members[key]?.isEmpty == true { members[key] = nil }
        case "standard_mark_changed":
            if standard[key] ?? StandardMark.none.description != before {
                return "\(key) had not the standard mark \(before)"
            }
            standard[key] = after == StandardMark.none.description ? nil : after
        case "custom_mark_changed":
            if custom[key] ?? "" != before { return "\(key) had not the custom mark '\(before)'" }
            custom[key] = after.isEmpty ? nil : after
        default: return "its kind is '\(kind)'"
        }
        return nil
    }
}
