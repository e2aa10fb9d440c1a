import ChatEmulator
import ChatModel
import GRDB
import MirrorStore
import SyncEngine
import SyncRules
import TestSupport

// The end of a world: how long the backlog may last, and what must be true then.

extension World {
    /// A back-off is never longer than four times what it has waited before; the rest is for a
    /// probe of a cloud that had refused us, and for what was in doubt.
    private var patience: Duration {
        plan.trouble * 4 + .seconds(180) + plan.slowestRound * 10
    }

    func letBacklogMelt() async {
        let began = clock.time
        let beganWall = clock.wallTime()
        var left = "nothing was looked at"
        while clock.time - began < patience {
            await pause(.seconds(1))
            operators.decide(.approved)
            askForParked()
            do {
                left = try backlog(since: beganWall) ?? ""
            } catch {
                left = "the database cannot be read: \(error)"
            }
            if left.isEmpty { break }
        }
        diary.count("virtual milliseconds of melting", Int((clock.time - began).milliseconds))
        if !left.isEmpty { diary.problem("after \(patience) of quiet there is left: \(left)") }
        await seeThatNobodyStarves()
    }

    /// A user that seemed not to be imported is looked at once a day, or when somebody asks.
    private func askForParked() {
        guard !hasAskedForParked, operators.open(), let witness = operators.witness,
            let parked = try? witness.rows(
                """
                SELECT user.id FROM user JOIN users ON users.user = user.name
                WHERE users.state = 'parked'
                """), !parked.isEmpty
        else { return }
        hasAskedForParked = operators.ask(
            .resync, users: parked.map { UserNumber($0[0] as Int64) })
    }

    /// What is still to be done, in words; nil when nothing is.
    private func backlog(since: WallTime) throws -> String? {
        guard process != nil else { return "no daemon" }
        guard operators.open(), let witness = operators.witness else { return "no database" }
        try witness.checkChanges()
        let open = try witness.number(
            "SELECT count(*) FROM edit WHERE state IN ('queued', 'sending') AND behind IS NULL")
        if open > 0 { return "\(open) open edits" }
        let old = try witness.rows(
            """
            SELECT users.user, users.state, coalesce(pull.at, 0) FROM users JOIN user ON user.name = users.user
            LEFT JOIN pull ON pull.user = user.id
            WHERE users.state <> 'unlisted'
            """
        ).filter { row in
            // What we wrote ourselves shows its times in the listing after it.
            let written = network.watch.lastWritten[row[0]].map { clock.wallTime(at: $0) }
            let pulled = WallTime(milliseconds: row[2])
            return !["fresh", "stale"].contains(row[1] as String)
                || pulled <= since + .seconds(2) || pulled <= (written ?? since) + .seconds(1)
        }
        if let first = old.first {
            return "\(old.count) users, first \(first[0] as String): \(first[1] as String)"
        }
        let asked = try witness.rows(
            "SELECT id, kind, total, done FROM request WHERE NOT finished")
        return asked.isEmpty ? nil : "requests \(asked)"
    }

    /// Everybody has a turn, as often as the limit allows.
    private func seeThatNobodyStarves() async {
        let span = Duration.seconds(6) + plan.slowestRound
        let began = clock.time
        await pause(span)
        for user in plan.userNames where (network.watch.lastListed[user] ?? .zero) < began {
            diary.problem("\(user) was not pulled within \(span)")
        }
    }

    // MARK: The truth

    func compareWithTruth() async {
        do {
            guard operators.open(), let witness = operators.witness else {
                return diary.problem("there is no database in the end")
            }
            try witness.checkChanges()
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

    /// Every accepted edit stands settled or rejected; what users without phones have is what their
    /// edits make of what they had.
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
        var unsure: Set<String> = []
        for row in rows {
            let (key, user, state): (String, String, String) = (row[0], row[1], row[2])
            diary.count("edits \(state)")
            diary.line("edit \(row[7] as Int64) of \(user): \(state) \(row[3] as String? ?? "")")
            guard let order = operators.orders[key] else {
                diary.problem("edit \(row[7] as Int64) was never ordered")
                continue
            }
            guard !plan.hasPhone(user) else { continue }
            switch state {
            case "applied", "satisfied":
                models[user, default: begin(user)].obey(order.operation)
            case "rejected"
            where !operators.meddled.contains(user) && row["behind"] as Int64? == nil:
                let reason: String = row["reason"] ?? "-"
                if reason != "gave_up" {
                    diary.problem("edit \(row[7] as Int64) of \(user) was rejected: \(reason)")
                }
                if row["attempts"] as Int > 0 { unsure.insert(user) }
            default:
                if row["attempts"] as Int > 0 { unsure.insert(user) }
            }
            // Later edits mean its group, whatever that is called without it; the model goes by names.
            if state == "cancelled" || state == "rejected" {
                switch order.operation {
                case .create, .rename, .delete: unsure.insert(user)
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
        for (once, times) in network.watch.entered.sorted(by: { $0.key < $1.key })
        where times > 1 && !plan.hasPhone(String(once.prefix { $0 != " " })) {
            diary.problem("\(once) entered its group \(times) times")
        }
    }

    private func begin(_ user: String) -> NaiveCloud {
        let cloud = CloudCore(plan.cloud)
        return NaiveCloud(cloud.state(of: user, now: network.now))
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

    /// Each fact in words, for a person to compare.
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
