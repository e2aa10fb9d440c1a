import ChatEmulator
import ChatModel
import GRDB
import MirrorStore

/// A user's groups, members and marks, without their times: as the views show them, as the record of
/// changes makes them from nothing, or as the cloud has them. Equal when they say the same.
struct UserFacts: Hashable {
    private var groups: [Int64: String] = [:]
    private var members: [String: Set<Int64>] = [:]
    private var standard: [String: String] = [:]
    private var custom: [String: String] = [:]

    /// Nothing.
    init() {}

    /// What the cloud has.
    init(_ user: CloudUser) {
        for group in user.groups { groups[group.id] = group.name }
        for (id, contact) in user.contacts {
            let key = "\(id.type) \(id.peer)"
            if !contact.groups.isEmpty { members[key] = contact.groups }
            setMarks(of: key, contact.bits, contact.custom)
        }
    }

    /// What the views show.
    init(of user: String, _ rows: MirrorWitness.Fetch) throws {
        let named = try rows(
            "SELECT group_id, group_name FROM conversation_groups WHERE user = ?", [user])
        for row in named { groups[row[0]] = row[1] }
        for row in try rows("SELECT group_id, type, peer FROM memberships WHERE user = ?", [user]) {
            members["\(row[1] as Int) \(row[2] as String)", default: []].insert(row[0])
        }
        let marked = try rows(
            "SELECT type, peer, standard_mark, custom_mark FROM conversations WHERE user = ?",
            [user])
        for row in marked {
            setMarks(
                of: "\(row[0] as Int) \(row[1] as String)", UInt64(bitPattern: row[2]),
                row[3] ?? "")
        }
    }

    private mutating func setMarks(of key: String, _ bits: UInt64, _ text: String) {
        if bits != 0 { standard[key] = StandardMark(bits: bits).description }
        if !text.isEmpty { custom[key] = text }
    }

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
        case GuardTrip.kind: break
        default: return "its kind is '\(kind)'"
        }
        return nil
    }
}
