import ChatModel
import GRDB
import SyncRules

// What passes decide and learn about edits, written into the tables edit, edit_item and edit_call.

extension OutboxUpdate {
    func write(to database: Database, _ report: inout CommitReport) throws {
        if let premise, try !premise.holds(for: user, in: database) {
            report.outdated.insert(user)
            return
        }
        for push in ended { try push.write(to: database) }
        // A rename that was queued while its group was being made stands on the name that it got.
        for (old, new) in renumbered.sorted(by: { $0.key < $1.key }) {
            try database.cachedStatement(
                sql: """
                    UPDATE edit SET group_id = ?1, base = CASE WHEN op = 'rename'
                        THEN coalesce(base, (SELECT name FROM conversation_group
                            WHERE user = ?2 AND id = ?1))
                        ELSE base END
                    WHERE user = ?2 AND settled = 0 AND group_id = ?3
                    """
            ).execute(arguments: [new.number, Int64(user), old.number])
        }
        for decision in decisions { try write(decision, to: database) }
        for edit in unsent {
            try database.cachedStatement(
                sql: """
                    UPDATE edit SET state = 'queued', updated_at = ?1,
                        attempts = (SELECT count(*) FROM edit_call WHERE edit = ?2)
                    WHERE id = ?2 AND state = 'sending'
                    """
            ).execute(arguments: [at.milliseconds, edit.number])
        }
        for edit in sending {
            try database.cachedStatement(
                sql: """
                    UPDATE edit SET state = 'sending', attempts = attempts + 1, updated_at = ?
                    WHERE id = ? AND state IN ('queued', 'sending')
                    """
            ).execute(arguments: [at.milliseconds, edit.number])
        }
    }

    private func write(_ decision: EditDecision, to database: Database) throws {
        var (state, reason, code): (EditState, EditReason?, Int?) = (.queued, nil, nil)
        var (words, behind): (String?, EditID?) = (nil, nil)
        switch decision.course {
        case .push: return try noteStanding(decision, in: database)
        // Of a moment: the next pass decides again.
        case .later: return
        case .wait(let before): behind = before
        case .settle(let settled, let why): (state, reason) = (settled, why)
        case .reject(let why, let refusal, let problem):
            (state, reason, code, words) = (.rejected, why, refusal?.code, problem)
        }
        let isSettled = !state.isOpen && state != .rejected
        try database.cachedStatement(
            sql: """
                UPDATE edit SET state = ?, settled = ?, reason = ?,
                    code = coalesce(?, CASE WHEN ? THEN code END), problem = ?,
                    behind = ?, base = coalesce(?, base),
                    conflict_base = coalesce(?, conflict_base),
                    conflict_theirs = coalesce(?, conflict_theirs),
                    group_id = CASE WHEN op = 'create' THEN group_id ELSE coalesce(group_id, ?) END,
                    made = CASE WHEN op = 'create' THEN coalesce(made, ?) ELSE made END,
                    updated_at = ?
                WHERE id = ? AND settled = 0 AND state <> 'rejected'
                """
        ).execute(arguments: [
            state.rawValue, isSettled, reason?.rawValue, code, reason == .gaveUp, words,
            behind?.number,
            isSettled ? nil : decision.base?.string, decision.conflict?.base.string,
            decision.conflict?.theirs.string, decision.group?.number, decision.group?.number,
            at.milliseconds, decision.edit.number,
        ])
    }

    /// An edit that will be sent: what it stands on now.
    private func noteStanding(_ decision: EditDecision, in database: Database) throws {
        try database.cachedStatement(
            sql: """
                UPDATE edit SET behind = NULL, base = ?,
                    conflict_base = coalesce(?, conflict_base),
                    conflict_theirs = coalesce(?, conflict_theirs),
                    group_id = CASE WHEN op = 'create' THEN group_id ELSE coalesce(group_id, ?) END,
                    made = CASE WHEN op = 'create' THEN coalesce(made, ?) ELSE made END
                WHERE id = ? AND settled = 0
                """
        ).execute(arguments: [
            decision.base?.string, decision.conflict?.base.string,
            decision.conflict?.theirs.string, decision.group?.number, decision.group?.number,
            decision.edit.number,
        ])
    }
}

extension OutboxUpdate.Premise {
    fileprivate func holds(for user: UserNumber, in database: Database) throws -> Bool {
        try Int.fetchOne(
            database.cachedStatement(
                sql: "SELECT count(*) FROM edit WHERE user = ? AND settled = 0 AND id <= ?"),
            arguments: [Int64(user), through.number]) == unsettled
    }
}

extension Database {
    /// Adds a call that has ended to the story of an edit.
    func recordCall(
        of edit: Int64, at time: WallTime, _ command: String,
        _ end: (outcome: String, code: Int?, problem: String?)
    ) throws {
        try cachedStatement(
            sql: """
                INSERT INTO edit_call (edit, number, at, command, outcome, code, problem)
                SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3, ?4, ?5, ?6
                FROM edit_call WHERE edit = ?1
                """
        ).execute(arguments: [
            edit, time.milliseconds, command, end.outcome, end.code, end.problem,
        ])
    }
}

extension EndedPush {
    func write(to database: Database) throws {
        let (_, code, problem) = words
        for edit in call.edits {
            try database.recordCall(of: edit.number, at: at, call.action.command.rawValue, words)
        }
        if case .done(let reply) = outcome { try write(reply, to: database) }
        let update = try database.cachedStatement(
            sql: """
                UPDATE edit SET failures = ?, alone = ?, made = coalesce(?, made), code = ?,
                    problem = ?, updated_at = ?
                WHERE id = ? AND settled = 0
                """)
        for edit in edits {
            try update.execute(arguments: [
                edit.failures, edit.sentSeparately, edit.createdGroup?.number, code, problem,
                at.milliseconds,
                edit.id.number,
            ])
        }
    }

    /// What was refused with a code that passes stays open.
    private func write(_ reply: PushReply, to database: Database) throws {
        let after = Dictionary(uniqueKeysWithValues: edits.map { ($0.id, $0) })
        let update = try database.cachedStatement(
            sql: """
                UPDATE edit_item SET code = ?, problem = ? WHERE edit = ? AND type = ? AND peer = ?
                """)
        for (id, edits) in call.wanted {
            guard let result = reply.results[id] else { continue }
            for edit in edits {
                let isFinal = result.map { after[edit]?.refused[id] == $0 } ?? true
                try update.execute(arguments: [
                    isFinal ? result?.code ?? 0 : nil,
                    result.map { isFinal ? $0.words : "\($0.words) (code \($0.code))" },
                    edit.number, id.kind.rawValue, id.peer.string,
                ])
            }
        }
    }

    private var words: (outcome: String, code: Int?, problem: String?) {
        switch outcome {
        case .done: ("done", nil, nil)
        case .refused(let code, let problem): ("refused", code, problem)
        case .inDoubt(let code, let problem): ("in_doubt", code, problem)
        }
    }
}

extension Change {
    /// A change of our own moves what later edits stand on: one that was queued while the call was
    /// under way stands on what the mirror had then, and would take our own write for another
    /// else's.
    func moveBases(of user: UserNumber, in database: Database) throws {
        switch self {
        case .groupRenamed(let group, let before):
            try database.cachedStatement(
                sql: """
                    UPDATE edit SET base = ? WHERE user = ? AND settled = 0 AND op = 'rename'
                        AND group_id = ? AND base = ?
                    """
            ).execute(arguments: [
                group.name.string, Int64(user), group.id.number, before.string,
            ])
        case .customMarkChanged(let id, let before, let after):
            try database.cachedStatement(
                sql: """
                    UPDATE edit SET base = ? WHERE user = ? AND settled = 0 AND op = 'mark'
                        AND custom IS NOT NULL AND base = ? AND EXISTS (
                            SELECT 1 FROM edit_item AS item
                            WHERE item.edit = edit.id AND item.type = ? AND item.peer = ?)
                    """
            ).execute(arguments: [
                after.string, Int64(user), before.string, id.kind.rawValue, id.peer.string,
            ])
        case .groupCreated, .groupDeleted, .conversationAdded, .conversationRemoved,
            .standardMarkChanged:
            break
        }
    }
}
