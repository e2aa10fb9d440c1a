import ChatEmulator
import ChatModel
import GRDB
import MirrorStore
import SyncEngine
import SyncRules
import TestSupport

// What must be true when everything is quiet.

extension World {
    func compareWithTruth() async {
        do {
            guard operators.open(), let witness = operators.witness else {
                return diary.problem("there is no database in the end")
            }
            try witness.checkEveryone()
            try await compareMirror()
            try compareEdits(witness)
            let integrity = try witness.rows("PRAGMA integrity_check")
            if integrity.count != 1 || integrity[0][0] as String != "ok" {
                diary.problem("integrity_check: \(integrity)")
            }
        } catch {
            diary.problem("the end cannot be looked at: \(error)")
        }
    }

    private func compareMirror() async throws {
        guard let store = operators.store else { return }
        var numbers: [String: UserNumber] = [:]
        try store.readUsers { numbers[$0.id.string] = $0.number }
        for (user, truth) in EmulatedCloud.truth(of: network.core, now: network.now) {
            guard let number = numbers[user.string] else {
                diary.problem("\(user) is not in the mirror")
                continue
            }
            let mirror = try await store.snapshot(of: number)
            if mirror != truth {
                let times = zip(mirror.conversations, truth.conversations)
                    .filter { $0.id == $1.id && $0.updatedAt != $1.updatedAt }
                    .map { "\($0.id) changed at \($1.updatedAt), not at \($0.updatedAt)" }
                let difference = SnapshotDiff(from: mirror, to: truth).changes.map(\.sentence)
                diary.problem(
                    "\(user): the mirror is not the truth: "
                        + (difference + times).joined(separator: "; "))
            }
        }
    }

    /// Every accepted edit stands settled or rejected, for a reason that is true; what users without
    /// phones have is what their edits make of what they had.
    private func compareEdits(_ witness: MirrorWitness) throws {
        let rows = try witness.rows(
            """
            SELECT edits.key, edits.user, edits.state, edits.reason, edits.code, edits.behind,
                edits.attempts, edits.id
            FROM edits ORDER BY edits.id
            """)
        let found = Set(rows.map { $0["key"] as String })
        for key in operators.accepted.subtracting(found).sorted() {
            diary.problem("the edit with \(key) was accepted and is gone")
        }
        var models: [String: NaiveCloud] = [:]
        for user in plan.userNames where !plan.hasPhone(user) { models[user] = begin(user) }
        // By a listing that lacks everything an edit may have been found needless.
        var unsure = network.watch.liedTo
        for row in rows {
            let (key, user, state): (String, String, String) = (row[0], row[1], row[2])
            diary.count("edits \(state)")
            diary.line("edit \(row[7] as Int64) of \(user): \(state) \(row[3] as String? ?? "")")
            guard let order = operators.orders[key] else {
                diary.problem("edit \(row[7] as Int64) was never ordered")
                continue
            }
            if !operators.meddled.contains(user) { compareEdit(row, order) }
            switch state {
            case "applied", "satisfied": models[user]?.obey(order.operation)
            default:
                if row["attempts"] as Int > 0 { unsure.insert(user) }
                // Later edits mean its group, whatever that is called without it; the model goes by
                // names.
                switch order.operation {
                case .create, .ensure, .rename, .delete: unsure.insert(user)
                case .add, .remove, .mark: break
                }
            }
        }
        for (user, model) in models.sorted(by: { $0.key < $1.key }) where !unsure.contains(user) {
            diary.count("quiet users compared")
            let real = NaiveCloud(network.core.state(of: user, now: network.now))
            if real.essence != model.essence || real.marks != model.marks {
                let (wanted, found) = (model.told, real.told)
                diary.problem(
                    "\(user) should have \(wanted.subtracting(found).sorted()), "
                        + "and has \(found.subtracting(wanted).sorted())")
            }
        }
        for (once, times) in network.watch.entered.sorted(by: { $0.key < $1.key }) where times > 1 {
            let user = String(once.prefix { $0 != " " })
            // By a listing that lacks it its group is made again, and is there twice afterwards.
            if plan.hasPhone(user) || network.watch.liedTo.contains(user) { continue }
            diary.problem("\(once) entered its group \(times) times")
        }
    }

    /// One edit of a user whose outbox no person has meddled with: what is said of it is so.
    private func compareEdit(_ row: Row, _ order: EditOrder) {
        let (user, state): (String, String) = (row["user"], row["state"])
        let what = "edit \(row["id"] as Int64) of \(user), \(order.operation),"
        let attempts: Int = row["attempts"]
        func hasCause(_ reason: String) -> Bool {
            network.watch.liedTo.contains(user)
                || plan.hasPhone(user)
                    && network.watch.isCause(of: reason, user, order.operation)
        }
        if state == "rejected", row["behind"] as Int64? == nil {
            let reason: String = row["reason"] ?? "-"
            diary.count("reasons looked into")
            let isTrue =
                reason == "gave_up"
                ? attempts >= Edit.mostFailures
                : hasCause(reason)
            let isPolicy = reason != "conflict" || plan.policy.conflicts == .reject
            if !isTrue || !isPolicy {
                diary.problem("\(what) was rejected: \(reason), \(attempts) attempts")
            }
        }
        if state == "cancelled" {
            let reason: String = row["reason"] ?? "-"
            let isTrue =
                reason == "conflict" && plan.policy.conflicts == .cloudWins
                && hasCause(reason)
            if !isTrue { diary.problem("\(what) was cancelled by nobody: \(reason)") }
        }
        // What only this edit adds is in its group, or was.
        guard let once = order.operation.onlyHere else { return }
        let hasEntered = network.watch.entered[user + " " + once, default: 0] > 0
        switch state {
        case "applied", "satisfied":
            guard !operators.mayHaveUndone(order) else { return }
            diary.count("additions looked for")
            if !hasEntered { diary.problem("\(what) is \(state), and \(once) never entered") }
        default:
            if attempts == 0, hasEntered {
                diary.problem("\(what) is \(state) without an attempt, and \(once) has entered")
            }
        }
    }

    private func begin(_ user: String) -> NaiveCloud {
        let cloud = CloudCore(plan.cloud)
        return NaiveCloud(cloud.state(of: user, now: network.now))
    }
}

extension EditOperation {
    /// The conversation that no other edit names, if it adds one.
    fileprivate var onlyHere: String? {
        switch self {
        case .create, .ensure, .add: conversations.map(\.peer.string).first { $0.hasPrefix("once") }
        case .rename, .delete, .remove, .mark: nil
        }
    }
}

extension NaiveCloud {
    /// What the emulator has, in the words of the naive model.
    init(_ user: CloudUser) {
        self.init()
        for group in user.groups { names[group.id] = group.name }
        for (id, contact) in user.contacts {
            for group in contact.groups { members[group, default: []].insert(id.peer) }
            let mark = Marks(bits: contact.bits, custom: contact.custom)
            if mark != Marks() { marks[id.peer] = mark }
        }
    }

    /// Each fact in words, for an operator to compare.
    var told: Set<String> {
        var facts: Set<String> = []
        for (name, peers) in essence {
            facts.insert("group '\(name)'")
            for peer in peers { facts.insert("\(peer) in '\(name)'") }
        }
        for (peer, mark) in marks { facts.insert("\(peer)=\(mark.bits)/'\(mark.custom)'") }
        return facts
    }
}
