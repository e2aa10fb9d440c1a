import ChatModel
import GRDB
import SyncRules

// One pull at a time: reading what the mirror holds of a user, and writing what a pass found.

extension SQLiteMirror {
    package func snapshot(of user: UserNumber) async throws(StoreFailure) -> Snapshot {
        try await read { database in try Snapshot.stored(of: Int64(user), in: database) }
    }

    @discardableResult
    package func commit(_ entries: [StoreEntry]) async throws(StoreFailure) -> CommitReport {
        try await write { database in
            var report = CommitReport()
            // By user: whether the mirror with open edits applied has become another one, beyond
            // what its own edits have made of it.
            var touched: [UserNumber: Bool] = [:]
            for entry in entries {
                try entry.write(to: database, &report)
                guard let (user, isOther) = entry.pendingChange else { continue }
                touched[user] = touched[user] ?? false || isOther
            }
            for (user, isOther) in touched.sorted(by: { $0.key < $1.key }) {
                if try isOther || !Edit.exist(openOf: Int64(user), in: database) {
                    try PendingRows.refresh(of: Int64(user), in: database)
                }
            }
            return report
        }
    }
}

extension StoreEntry {
    /// The user whose mirror or edits it changes, and whether that changes the mirror with open
    /// edits applied: an edit that has taken effect is in it already.
    fileprivate var pendingChange: (user: UserNumber, isOther: Bool)? {
        switch self {
        case .pulled(let pulled): pulled.diff.isEmpty ? nil : (pulled.user, true)
        case .pushed(let pushed): (pushed.user, false)
        case .outbox(let update): (update.user, update.changesPending)
        case .unchanged, .pulls, .presence, .failed, .progress, .result, .daemon: nil
        }
    }

    fileprivate func write(to database: Database, _ report: inout CommitReport) throws {
        switch self {
        case .unchanged(let user, let time):
            try notePull(of: user, at: time, in: database)
            try forgetTrouble(of: user, in: database)
        case .pulled(let pulled): try pulled.write(to: database)
        case .pulls(let batch): try batch.write(to: database)
        case .presence(let record): try record.write(to: database)
        case .pushed(let pushed): try pushed.write(to: database)
        case .outbox(let update): try update.write(to: database, &report)
        case .failed(let user, let trouble): try trouble.write(of: user, to: database)
        case .progress(let progress): try progress.write(to: database)
        case .result(let request, let user, let result):
            try result.write(of: user, request: request, to: database)
        case .daemon(let state): try state.write(to: database)
        }
    }
}

extension PulledUser {
    func write(to database: Database) throws {
        let isFirst = try notePull(of: user, at: at, in: database)
        try forgetTrouble(of: user, in: database)
        try writeListing(to: database)
        try writeHeld(to: database)
        try writeTrip(to: database)
        try diff.write(of: user, at: at, origins, to: database)
        guard try isFirst && Edit.exist(openOf: Int64(user), in: database) else { return }
        let found = Draft(try Snapshot.stored(of: Int64(user), in: database))
        try Edit.update(unsettledOf: Int64(user), in: database) { $0.based(on: found) }
    }
}

extension PushedUser {
    func write(to database: Database) throws {
        try forgetListing(of: user, in: database)
        try diff.write(of: user, at: at, origins, to: database)
    }
}

extension SnapshotDiff {
    fileprivate func write(
        of user: UserNumber, at time: WallTime, _ origins: [Change: EditID], to database: Database
    ) throws {
        try writeMirror(of: user, to: database)
        try record(of: user, at: time, origins, to: database)
        let ours = changes.filter { $0.movesBases && origins[$0] != nil }
        guard !ours.isEmpty else { return }
        try Edit.update(unsettledOf: Int64(user), in: database) { edit in
            ours.reduce(edit) { $0.moved(by: $1) }
        }
    }
}

extension OutboxUpdate {
    fileprivate func write(to database: Database, _ report: inout CommitReport) throws {
        let before = try Edit.unsettled(of: Int64(user), in: database)
        guard let after = applied(to: before) else {
            report.outdated.insert(user)
            return
        }
        for push in ended {
            for edit in push.call.edits {
                try database.recordCall(
                    of: edit.number, at: push.at, push.call.action.command.rawValue,
                    push.outcome(for: edit))
            }
        }
        for (old, new) in zip(before, after) { try new.save(over: old, in: database) }
    }
}
