import ChatModel
import Foundation
import MirrorStore
import SyncRules
import TestSupport
import Testing

/// Real programs, a bad network, busy phones, and a daemon that is killed again and again: no edit
/// is lost, none has its effect twice.
@Suite struct TheProofOfThePush {
    private static let users = 1000
    /// The phones of the first half are busy; what the others end with is known to the letter.
    private static let busy = 500
    private static let edits = 10_000
    private static let kills = 100

    @Test func killedAHundredTimes_everyEditIsSettledOnceInEffect() throws {
        let emulator = try EmulatorProcess(
            "--users", "\(Self.users)", "--conversations", "10", "--churn", "10",
            "--churn-users", "\(Self.busy)", "--churn-seconds", "200", "--rate", "1000")
        try emulator.configure("limits: {calls_per_second: 1000}")
        #expect(try emulator.groupmirror("resync", "--all").status == 0)
        var model = try Model(emulator.get("export"), quietAbove: Self.busy, seed: 7)
        try spoil(emulator)

        let store = try SQLiteMirror(
            path: emulator.directory.file("mirror.db"), sdkAppID: 1_400_000_000)
        var random = SystemRandomNumberGenerator()
        for round in 1...Self.kills {
            let daemon = try emulator.daemon()
            try queue(Self.edits / Self.kills, &model, store)
            try daemon.wait(for: "its life in round \(round)") {
                daemon.stderr.contains("daemon_ready")
            }
            usleep(UInt32.random(in: 0...1_000_000, using: &random))
            daemon.signal(SIGKILL)
            daemon.wait()
        }
        #expect(model.accepted > Self.edits * 8 / 10)

        // The last daemon lives.
        let daemon = try emulator.daemon()
        let reader = try MirrorReader(
            path: emulator.directory.file("mirror.db"), sdkAppID: 1_400_000_000)
        try daemon.wait(for: "the outbox", seconds: 900) {
            try reader.outboxTotals().open == reader.waitingEdits()
        }
        try emulator.post("faults", "[]")
        try daemon.wait(for: "the phones to fall silent", seconds: 900) {
            try isSilent(emulator)
        }
        #expect(try emulator.groupmirror("resync", "--all").status != 3)
        #expect(try emulator.isEqual())
        try expectSettled(reader)
        let differences = model.differences(from: try emulator.get("export"))
        #expect(differences.isEmpty, "\(differences.count): \(differences.prefix(2))")
        try expectOnce(emulator, model)
        daemon.signal(SIGTERM)
        #expect(daemon.wait() == 0)
    }

    /// 20 % of the answers to writes are lost, 10 % are codes, half of them though it was done.
    private func spoil(_ emulator: EmulatorProcess) throws {
        let faults = [
            "create_contact_group", "update_contact_group", "del_contact_group", "mark_contact",
        ]
        .flatMap { command in
            [("reset-after", 0.2), ("code:50004", 0.05), ("code:50005:applied", 0.05)].map {
                #"{"kind":"\#($0.0)","rate":"\#($0.1)","command":"\#(command)"}"#
            }
        }
        try emulator.post("faults", "[\(faults.joined(separator: ","))]")
    }

    /// Queues edits as a script would that goes on when one is refused.
    private func queue(_ count: Int, _ model: inout Model, _ store: SQLiteMirror) throws {
        let orders = (0..<count).map { _ in model.next(of: Self.users) }
        let accepted = try store.queue(at: SystemTime.now) { queue in
            try orders.map { order in
                do {
                    return try queue.add(order).isNew
                } catch is EditFault {
                    return false
                }
            }
        }
        for (order, isAccepted) in zip(orders, accepted) where isAccepted { model.apply(order) }
    }

    private func isSilent(_ emulator: EmulatorProcess) throws -> Bool {
        let before = try emulator.get("export")
        usleep(1_500_000)
        return try emulator.get("export") == before
    }

    /// Nothing is open but what waits behind a rejected edit, and only busy phones give reasons to
    /// reject one.
    private func expectSettled(_ reader: MirrorReader) throws {
        var strange: [String] = []
        try reader.edits(EditSelection(states: [.queued, .sending, .rejected])) { row in
            let isBusy = Model.number(row.user) <= Self.busy
            let isOfThePhones =
                row.behind != nil || row.reason == "conflict" || row.reason == "group_missing"
            if !isBusy || !isOfThePhones { strange.append("\(row)") }
        }
        #expect(strange == [])
    }

    /// What an addition of a quiet user did is in the cloud's own journal: each conversation, which
    /// one edit alone names, enters its group once.
    private func expectOnce(_ emulator: EmulatorProcess, _ model: Model) throws {
        var members: Set<String> = []
        var entered: [String: Int] = [:]
        for line in try emulator.get("journal").split(separator: "\n") {
            guard
                let entry = try JSONSerialization.jsonObject(with: Data(line.utf8))
                    as? [String: Any],
                entry["code"] as? Int == 0, let user = entry["user"] as? String,
                Model.number(user) > Self.busy, let request = entry["request"] as? [String: Any]
            else { continue }
            for (peer, isIn) in Model.members(of: request) {
                let key = user + " " + peer
                if isIn, members.insert(key).inserted { entered[key, default: 0] += 1 }
                if !isIn { members.remove(key) }
            }
        }
        #expect(entered.count > 500)
        #expect(entered.filter { $0.value > 1 } == [:])
    }
}

/// The clock of this machine, as the store wants it.
private enum SystemTime {
    static var now: WallTime {
        WallTime(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
    }
}

/// What quiet users should end with, and edits for everybody.
private struct Model {
    private var clouds: [String: NaiveCloud] = [:]
    private let quietAbove: Int
    private var random: Seeded
    private var peers = 0
    private(set) var accepted = 0

    private struct Seeded: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ state >> 29
        }
    }

    init(_ export: String, quietAbove: Int, seed: UInt64) throws {
        self.quietAbove = quietAbove
        random = Seeded(state: seed)
        clouds = try Model.read(export)
    }

    static func number(_ user: String) -> Int { Int(user.dropFirst(4)) ?? 0 }

    static func name(_ number: Int) -> String { String(format: "user%08d", number) }

    /// A sensible edit, by what the user should have.
    mutating func next(of users: Int) -> EditOrder {
        let name = Model.name(Int.random(in: 1...users, using: &random))
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
        guard let real = try? Model.read(export) else { return ["the export cannot be read"] }
        return clouds.keys.sorted().filter { Model.number($0) > quietAbove }.compactMap { user in
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

    /// The conversations that a journalled request puts into a group or takes out, by group-less
    /// name: the model gives each to one group only.
    static func members(of request: [String: Any]) -> [(peer: String, isIn: Bool)] {
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
