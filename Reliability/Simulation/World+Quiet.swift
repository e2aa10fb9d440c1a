import ChatEmulator
import ChatModel
import GRDB
import MirrorStore
import SyncEngine
import SyncRules
import TestSupport

// The end of a world: how long the backlog may last.

extension World {
    /// A back-off is never longer than four times what it has waited before; the rest is for a
    /// probe of a cloud that had refused us, and for what was in doubt.
    private var patience: Duration {
        plan.trouble * 4 + .seconds(180) + slowestRound * 10 + longestWait
    }

    /// How long it may take to pull everybody once, as the cloud is now: phones and edits make
    /// listings longer than they were. Each page is read twice.
    private var slowestRound: Duration {
        plan.slowestRound(
            plan.userNames.map { name in
                let contacts = network.core.state(of: name, now: network.now).contacts.count
                return 2 * (2 + contacts / plan.cloud.pageSize)
            })
    }

    /// No user goes unpulled for longer: the limit of the schedule, and the pulls that are ahead then.
    private var longestWait: Duration {
        max(plan.maxStaleness, slowestRound * 5 / 4) + slowestRound
    }

    func letBacklogMelt() async {
        let began = clock.time
        let beganWall = clock.wallTime()
        let patience = patience
        var left = "nothing was looked at"
        while clock.time - began < patience {
            await pause(.seconds(1))
            operators.decide(.approved)
            askForParked()
            do {
                left = try backlog(since: beganWall, began) ?? ""
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
        guard operators.open(), let witness = operators.witness,
            let parked = try? witness.rows(
                """
                SELECT user.id FROM user JOIN users ON users.user = user.name
                WHERE users.state = 'parked'
                """)
        else { return }
        let new = Set(parked.map { UserNumber($0[0] as Int64) }).subtracting(askedFor)
        guard !new.isEmpty, operators.ask(.resync, users: new.sorted()) else { return }
        askedFor.formUnion(new)
    }

    /// What is still to be done, in words; nil when nothing is.
    private func backlog(since: WallTime, _ began: MonotonicTime) throws -> String? {
        guard process != nil else { return "no daemon" }
        guard operators.open(), let witness = operators.witness else { return "no database" }
        try witness.checkChanges()
        let open = try witness.number(
            """
            SELECT count(*) FROM edit WHERE state IN ('queued', 'sending') AND NOT EXISTS (
                SELECT 1 FROM edit AS first WHERE first.id = edit.behind AND first.state = 'rejected')
            """)
        if open > 0 { return "\(open) open edits" }
        let old = try witness.rows(
            """
            SELECT users.user, users.state, coalesce(
                (SELECT max(at) FROM (
                    SELECT at FROM pull WHERE pull.user = user.id
                    UNION ALL SELECT at FROM recent_pull WHERE recent_pull.user = user.id)), 0)
            FROM users JOIN user ON user.name = users.user
            """
        ).filter { row in
            // What we wrote ourselves shows its times in the listing after it.
            let written = network.watch.lastWritten[row[0]].map { clock.wallTime(at: $0) }
            let pulled = WallTime(milliseconds: row[2])
            return !["fresh", "stale"].contains(row[1] as String)
                || pulled <= since + .seconds(2) || pulled <= (written ?? since) + .seconds(1)
                // What a process wrote while the calendar was ahead looks newer than it is.
                || network.watch.lastListed[row[0]] ?? .zero <= began + .seconds(2)
        }
        if let first = old.first {
            return "\(old.count) users, first \(first[0] as String): \(first[1] as String)"
        }
        let asked = try witness.rows(
            "SELECT id, kind, total, done FROM request WHERE NOT finished")
        return asked.isEmpty ? nil : "requests \(asked)"
    }

    /// Every user has a turn within the limit, however seldom it changes.
    private func seeThatNobodyStarves() async {
        let span = Duration.seconds(6) + longestWait
        let began = clock.time
        await pause(span)
        for user in plan.userNames where (network.watch.lastListed[user] ?? .zero) < began {
            diary.problem("\(user) was not pulled within \(span)")
        }
    }
}
