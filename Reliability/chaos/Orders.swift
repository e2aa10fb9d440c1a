import ChatEmulator
import ChatModel
import Foundation
import MirrorStore
import SyncRules
import TestSupport

/// What quiet users should end with, and edits for everybody.
struct Orders {
    private var clouds: [String: NaiveCloud] = [:]
    private let quietAbove: Int
    private var random: SplitMix
    private var peers = 0
    /// How many edits were made; each has a peer of its own.
    var ordered: Int { peers }
    private(set) var accepted = 0

    init(_ export: String, quietAbove: Int, seed: UInt64) throws {
        self.quietAbove = quietAbove
        random = SplitMix(seed: seed)
        clouds = try Orders.read(export)
    }

    static func number(_ user: String) -> Int { Int(user.dropFirst(4)) ?? 0 }

    static func name(_ number: Int) -> String { String(format: "user%08d", number) }

    /// A sensible edit, by what the user should have.
    mutating func next(of users: Int) -> EditOrder {
        let name = Orders.name(Int.random(in: 1...users, using: &random))
        let cloud = clouds[name] ?? NaiveCloud()
        peers += 1
        let new = ConversationID.user(ExactText("p\(peers)"))
        let group = cloud.names.values.sorted().randomElement(using: &random) ?? "none"
        let reference = GroupReference(id: nil, name: ExactText(group))
        let member = cloud.number(group).flatMap {
            cloud.members[$0]?.filter { !$0.hasPrefix("@") }.sorted()
                .randomElement(using: &random)
        }
        let operation: EditOperation
        switch Int.random(in: 0..<10, using: &random) {
        case 0: operation = .create(name: ExactText("g\(peers)"), [new])
        case 1: operation = .rename(reference, to: ExactText("r\(peers)"))
        case 2 where peers.isMultiple(of: 3): operation = .delete(reference)
        case 2, 3, 4, 5: operation = .add([new], to: reference)
        case 6:
            operation = .remove([.user(ExactText(member ?? "nobody"))], from: reference)
        case 7: operation = .mark(new, MarkEdit(set: StandardMark(bits: 1 << 33)))
        default:
            operation = .mark(
                .user(ExactText(member ?? "somebody")),
                MarkEdit(custom: ExactText("m\(peers)")))
        }
        return EditOrder(
            user: UserID(checkedBytes: name.utf8), key: "key \(peers)", operation: operation)
    }

    mutating func apply(_ order: EditOrder) {
        accepted += 1
        clouds[order.user.string]?.obey(order.operation)
    }

    /// Quiet users that have something else than they should.
    func differences(from export: String) -> [String] {
        guard let real = try? Orders.read(export) else { return ["the export cannot be read"] }
        return clouds.keys.sorted().filter { Orders.number($0) > quietAbove }.compactMap { user in
            let (wanted, found) = (clouds[user], real[user])
            guard wanted?.essence != found?.essence || wanted?.marks != found?.marks else {
                return nil
            }
            return
                "\(user): wanted \(String(describing: wanted)), found \(String(describing: found))"
        }
    }

    /// Conversations are named by their peers alone: chat groups begin with @ and are left alone.
    private static func read(_ export: String) throws -> [String: NaiveCloud] {
        var clouds: [String: NaiveCloud] = [:]
        for line in export.split(separator: "\n") {
            let json = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            guard let user = json?["user"] as? String else { continue }
            var cloud = NaiveCloud()
            for group in json?["groups"] as? [[String: Any]] ?? [] {
                guard let id = group["id"] as? Int, let name = group["name"] as? String else {
                    continue
                }
                cloud.names[Int64(id)] = name
            }
            for item in json?["conversations"] as? [[String: Any]] ?? [] {
                guard let peer = item["peer"] as? String else { continue }
                for group in item["groups"] as? [Int] ?? [] {
                    cloud.members[Int64(group), default: []].insert(peer)
                }
                let marks = NaiveCloud.Marks(
                    bits: UInt64(item["standard_mark"] as? String ?? "") ?? 0,
                    custom: item["custom_mark"] as? String ?? "")
                if marks != NaiveCloud.Marks() { cloud.marks[peer] = marks }
            }
            clouds[user] = cloud
        }
        return clouds
    }

    /// How often each conversation of a quiet user, which one edit alone names, has entered its group
    /// by the cloud's own journal; by user and conversation.
    static func entries(inJournal journal: String, quietAbove: Int) throws -> [String: Int] {
        var members: Set<String> = []
        var entered: [String: Int] = [:]
        for line in journal.split(separator: "\n") {
            guard
                let entry = try JSONSerialization.jsonObject(with: Data(line.utf8))
                    as? [String: Any],
                entry["code"] as? Int == 0, let user = entry["user"] as? String,
                number(user) > quietAbove, let request = entry["request"] as? [String: Any]
            else { continue }
            for (peer, isIn) in Orders.members(of: request) {
                let key = user + " " + peer
                if isIn, members.insert(key).inserted { entered[key, default: 0] += 1 }
                if !isIn { members.remove(key) }
            }
        }
        return entered
    }

    /// The conversations that a journalled request puts into a group or takes out, by group-less
    /// name: the model gives each to one group only.
    private static func members(of request: [String: Any]) -> [(peer: String, isIn: Bool)] {
        func peer(_ item: Any?) -> String? { (item as? [String: Any])?["To_Account"] as? String }
        if let groups = request["GroupContactItem"] as? [[String: Any]] {
            return (groups.first?["ContactItem"] as? [Any] ?? []).compactMap(peer).map {
                ($0, true)
            }
        }
        let update = request["UpdateGroup"] as? [String: Any]
        return (update?["ContactUpdateItem"] as? [[String: Any]] ?? []).compactMap { item in
            peer(item["ContactItem"]).map { ($0, item["ContactOptType"] as? Int == 1) }
        }.filter { $0.0.hasPrefix("p") && !$0.0.hasPrefix("peer") }
    }
}
