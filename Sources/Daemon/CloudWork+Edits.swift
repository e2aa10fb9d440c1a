import ChatModel
import MirrorConfiguration
import MirrorStore
import SyncEngine
import SyncRules
import HostSystem

// Waiting until edits are settled. A running daemon sends them; without one this process does, as `resync`
// would.

extension CloudWork {
    /// How a wait for edits ended.
    package enum WaitEnd: Sendable {
        /// Nothing happens to any of them any more, unless an operator acts.
        case settled
        case timeUp
        /// No daemon runs, and this process could not send all of them.
        case notSent
        case interrupted
    }

    /// Waits until the edits are settled or rejected, or wait behind a rejected one.
    /// - Parameters:
    ///   - selections: together, all edits that are meant.
    ///   - limit: how long at most; nil for as long as it takes.
    ///   - show: called now and then with how far it is.
    ///   - note: called with what a daemon that does not go on is waiting for.
    package func wait(
        for selections: [EditSelection], atMost limit: Duration?,
        show: @escaping @Sendable (EditCounts) -> Void,
        note: @escaping @Sendable (String) -> Void
    ) async throws -> (counts: EditCounts, end: WaitEnd) {
        let end = limit.map { time.now() + $0 }
        var reader = try MirrorReader(path: settings.database, sdkAppID: settings.sdkAppID)
        var counts = try Self.count(selections, reader)
        guard counts.open > 0 else { return (counts, .settled) }
        if LockFile.holder(database: settings.database) == nil {
            let users = try selections.flatMap { try reader.owners(of: $0.onlyOpen).map(\.user) }
            let report = try await perform(
                .resync, users: Set(users).sorted(), until: end, show: { _ in }, note: note)
            reader = try MirrorReader(path: settings.database, sdkAppID: settings.sdkAppID)
            counts = try Self.count(selections, reader)
            if counts.open == 0 { return (counts, .settled) }
            if isOver(end) { return (counts, .timeUp) }
            return (counts, report.isComplete ? .notSent : .interrupted)
        }
        let followed = try await untilInterrupted { [reader] in
            try await follow(selections, reader, until: end, show, note)
        }
        return try followed ?? (Self.count(selections, reader), .interrupted)
    }

    private func follow(
        _ selections: [EditSelection], _ reader: MirrorReader, until end: MonotonicTime?,
        _ show: @Sendable (EditCounts) -> Void, _ note: @Sendable (String) -> Void
    ) async throws -> (EditCounts, WaitEnd) {
        var patience = DaemonPatience(since: time.now())
        var seen = time.now()
        while true {
            let counts = try Self.count(selections, reader)
            show(counts)
            if counts.open == 0 { return (counts, .settled) }
            if isOver(end) { return (counts, .timeUp) }
            guard let holder = LockFile.holder(database: settings.database) else {
                if time.now() - seen > Self.restart { return (counts, .notSent) }
                try await time.sleep(for: Self.pollInterval)
                continue
            }
            seen = time.now()
            try look(at: holder, done: counts.total - counts.open, &patience, note)
            try await time.sleep(for: Self.pollInterval)
        }
    }

    /// A daemon that is restarted is back within so long.
    private static let restart = Duration.seconds(10)

    private func isOver(_ end: MonotonicTime?) -> Bool { end.map { time.now() >= $0 } ?? false }

    private static func count(_ selections: [EditSelection], _ reader: MirrorReader)
        throws(StoreFailure) -> EditCounts
    {
        var all = EditCounts()
        for selection in selections {
            let counts = try reader.count(selection)
            all.byState.merge(counts.byState, uniquingKeysWith: +)
            all.waiting += counts.waiting
        }
        return all
    }
}
