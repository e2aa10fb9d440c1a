// Everything the program logs. The catalogue beside this file says what each event means; here is
// how one is made. The values stand in the order of the catalogue's keys, which is an interface:
// log-to-metrics tools match it with regular expressions.

/// One thing that happened, ready to be written.
package struct Event: Sendable {
    package let kind: EventKind
    package let values: [LogValue]

    init(_ kind: EventKind, _ values: LogValue...) {
        self.kind = kind
        self.values = values
    }
}

// MARK: The process

extension Event {
    package static func daemonStarted(version: String, database: String, users: Int, pid: Int32)
        -> Event
    {
        Event(
            .daemonStarted, .text(version), .text(database), .count(users), .number(Int64(pid)))
    }

    package static func daemonReady(cloud: String, after: Duration) -> Event {
        Event(.daemonReady, .text(cloud), .seconds(after))
    }

    package static func daemonStopping(signal: String, inFlight: Int) -> Event {
        Event(.daemonStopping, .text(signal), .count(inFlight))
    }

    package static func daemonStopped(after: Duration) -> Event {
        Event(.daemonStopped, .seconds(after))
    }

    package static func configurationReloaded(changes: Int) -> Event {
        Event(.configurationReloaded, .count(changes))
    }

    package static func configurationChanged(
        key: String, from: String, to: String, restart: Bool
    ) -> Event {
        Event(.configurationChanged, .text(key), .text(from), .text(to), .yes(restart))
    }

    package static func configurationRejected(problem: String) -> Event {
        Event(.configurationRejected, .text(problem))
    }

    package static func usersListed(
        count: Int, added: Int, removed: Int, repeated: Int, unusual: Int
    )
        -> Event
    {
        Event(
            .usersListed, .count(count), .count(added), .count(removed), .count(repeated),
            .count(unusual))
    }

    package static func storeFailed(problem: String, retryIn: Duration) -> Event {
        Event(.storeFailed, .text(problem), .seconds(retryIn))
    }

    package static func storeRecovered(after: Duration) -> Event {
        Event(.storeRecovered, .seconds(after))
    }

}

// MARK: The cloud

extension Event {
    package static func callFailed(
        command: String, user: String, kind: String, code: Int?, problem: String, took: Duration
    ) -> Event {
        Event(
            .callFailed, .text(command), .text(user), .text(kind),
            code.map(LogValue.count) ?? .absent, .text(problem), .milliseconds(took))
    }

    package static func callDone(command: String, user: String, took: Duration) -> Event {
        Event(.callDone, .text(command), .text(user), .milliseconds(took))
    }

    package static func callSlow(command: String, user: String, took: Duration) -> Event {
        Event(.callSlow, .text(command), .text(user), .milliseconds(took))
    }

    package static func windowNarrowed(command: String, code: Int, allowed: Int, limit: Int)
        -> Event
    {
        Event(.windowNarrowed, .text(command), .count(code), .count(allowed), .count(limit))
    }

    package static func windowRestored(command: String, limit: Int) -> Event {
        Event(.windowRestored, .text(command), .count(limit))
    }

    package static func signatureRenewed(reason: String) -> Event {
        Event(.signatureRenewed, .text(reason))
    }

    package static func cloudAccepting(before: String) -> Event {
        Event(.cloudAccepting, .text(before))
    }

    package static func cloudRefusing(code: Int, problem: String, advice: String) -> Event {
        Event(.cloudRefusing, .count(code), .text(problem), .text(advice))
    }

    package static func cloudUnreachable(problem: String, retryIn: Duration) -> Event {
        Event(.cloudUnreachable, .text(problem), .seconds(retryIn))
    }
}

// MARK: Passes

extension Event {
    package static func passChanged(
        user: String, changes: Int, conversations: Int, groups: Int, calls: Int, took: Duration,
        first: Bool
    ) -> Event {
        Event(
            .passChanged, .text(user), .count(changes), .count(conversations), .count(groups),
            .count(calls), .milliseconds(took), .yes(first))
    }

    package static func passFailed(
        user: String, reason: String, code: Int?, problem: String, failures: Int, retryIn: Duration
    ) -> Event {
        Event(
            .passFailed, .text(user), .text(reason), code.map(LogValue.count) ?? .absent,
            .text(problem), .count(failures), .seconds(retryIn))
    }

    package static func userRecovered(user: String, failures: Int) -> Event {
        Event(.userRecovered, .text(user), .count(failures))
    }

    package static func userParked(user: String, code: Int, retryIn: Duration) -> Event {
        Event(.userParked, .text(user), .count(code), .seconds(retryIn))
    }

    package static func referenceDangling(user: String, groups: String) -> Event {
        Event(.referenceDangling, .text(user), .text(groups))
    }

    package static func deletionsHeld(user: String, groups: Int, conversations: Int) -> Event {
        Event(.deletionsHeld, .text(user), .count(groups), .count(conversations))
    }

    package static func guardTripped(emptied: Int, pulled: Int) -> Event {
        Event(.guardTripped, .count(emptied), .count(pulled))
    }

    package static func guardReset(approved: Int) -> Event {
        Event(.guardReset, .count(approved))
    }

    package static func resyncAsked(request: Int64, users: Int, writes: Bool) -> Event {
        Event(.resyncAsked, .number(request), .count(users), .yes(writes))
    }

    package static func resyncWithdrawn(request: Int64, left: Int) -> Event {
        Event(.resyncWithdrawn, .number(request), .count(left))
    }

    package static func resyncDone(request: Int64, pulled: Int, failed: Int, took: Duration)
        -> Event
    {
        Event(.resyncDone, .number(request), .count(pulled), .count(failed), .seconds(took))
    }
}

// MARK: Edits

extension Event {
    package static func outboxOpened(users: Int, inDoubt: Int) -> Event {
        Event(.outboxOpened, .count(users), .count(inDoubt))
    }

    package static func pushDone(
        user: String, calls: Int, applied: Int, satisfied: Int, cancelled: Int, rejected: Int,
        left: Int, took: Duration
    ) -> Event {
        Event(
            .pushDone, .text(user), .count(calls), .count(applied), .count(satisfied),
            .count(cancelled), .count(rejected), .count(left), .milliseconds(took))
    }

    package static func pushFailed(
        user: String, edits: Int, reason: String, code: Int?, problem: String, failures: Int,
        retryIn: Duration
    ) -> Event {
        Event(
            .pushFailed, .text(user), .count(edits), .text(reason),
            code.map(LogValue.count) ?? .absent, .text(problem), .count(failures),
            .seconds(retryIn))
    }

    package static func editsInDoubt(
        user: String, edits: Int, code: Int?, problem: String, lookIn: Duration
    ) -> Event {
        Event(
            .editsInDoubt, .text(user), .count(edits), code.map(LogValue.count) ?? .absent,
            .text(problem), .seconds(lookIn))
    }

    package static func editRejected(
        user: String, edit: Int64, operation: String, reason: String, code: Int?, problem: String
    ) -> Event {
        Event(
            .editRejected, .text(user), .number(edit), .text(operation), .text(reason),
            code.map(LogValue.count) ?? .absent, .text(problem))
    }

    package static func historyPruned(removed: Int) -> Event {
        Event(.historyPruned, .count(removed))
    }
}

// MARK: Numbers

extension Event {
    /// The counters of one command and one of the cloud's codes, since the start.
    package static func calls(command: String, code: String, total: Int) -> Event {
        Event(.calls, .text(command), .text(code), .count(total))
    }

    package static func stats(_ stats: Stats) -> Event {
        Event(
            .stats, .count(stats.calls), .count(stats.widestSecond), .count(stats.throttled),
            .count(stats.users), .count(stats.fresh), .count(stats.stale), .count(stats.new),
            .count(stats.failing), .count(stats.held), .count(stats.parked),
            .seconds(stats.lag.p50), .seconds(stats.lag.p99), .seconds(stats.lag.longest),
            .count(stats.passes), .count(stats.unchanged), .count(stats.changes),
            .count(stats.backlog), .count(stats.inFlight), .count(stats.allowed),
            .count(stats.outboxOpen), .seconds(stats.outboxOldest ?? .zero),
            .count(stats.outboxRejected))
    }
}

/// The numbers of a `stats` line. Totals count from the start of the process; the others are of
/// this moment.
package struct Stats: Sendable {
    package var calls = 0
    package var widestSecond = 0
    package var throttled = 0
    package var users = 0
    package var fresh = 0
    package var stale = 0
    package var new = 0
    package var failing = 0
    package var held = 0
    package var parked = 0
    package var lag = Lag()
    package var passes = 0
    package var unchanged = 0
    package var changes = 0
    package var backlog = 0
    package var inFlight = 0
    package var allowed = 0
    package var outboxOpen = 0
    /// Since the oldest open edit was queued; nil when none is open.
    package var outboxOldest: Duration?
    package var outboxRejected = 0

    /// The age of the copies: now less the time each was last pulled.
    package struct Lag: Sendable {
        package var p50 = Duration.zero
        package var p99 = Duration.zero
        package var longest = Duration.zero

        package init() {}
    }

    package init() {}
}
