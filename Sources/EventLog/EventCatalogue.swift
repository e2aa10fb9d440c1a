// The closed list of events: what Documentation/Events.md is generated from and what the golden
// lines of the tests hold. A new event is a case here, a maker in Event.swift and a golden line.

/// What can be logged.
package enum EventKind: String, CaseIterable, Sendable {
    case daemonStarted = "daemon_started"
    case daemonReady = "daemon_ready"
    case daemonStopping = "daemon_stopping"
    case daemonStopped = "daemon_stopped"
    case configurationReloaded = "configuration_reloaded"
    case configurationChanged = "configuration_changed"
    case configurationRejected = "configuration_rejected"
    case usersListed = "users_listed"
    case storeFailed = "store_failed"
    case storeRecovered = "store_recovered"
    case cloudAccepting = "cloud_accepting"
    case cloudRefusing = "cloud_refusing"
    case cloudUnreachable = "cloud_unreachable"
    case signatureRenewed = "signature_renewed"
    case windowNarrowed = "window_narrowed"
    case windowRestored = "window_restored"
    case callFailed = "call_failed"
    case callSlow = "call_slow"
    case callDone = "call_done"
    case passChanged = "pass_changed"
    case passFailed = "pass_failed"
    case userRecovered = "user_recovered"
    case userParked = "user_parked"
    case referenceDangling = "reference_dangling"
    case deletionsHeld = "deletions_held"
    case guardTripped = "guard_tripped"
    case guardReset = "guard_reset"
    case resyncAsked = "resync_asked"
    case resyncWithdrawn = "resync_withdrawn"
    case resyncDone = "resync_done"
    case outboxOpened = "outbox_opened"
    case pushDone = "push_done"
    case pushFailed = "push_failed"
    case editsInDoubt = "edits_in_doubt"
    case editRejected = "edit_rejected"
    case historyPruned = "history_pruned"
    case calls = "calls"
    case stats = "stats"
}

/// A key of an event and what its value is, with the unit.
package struct EventField: Sendable {
    package let key: String
    package let meaning: String
}

extension EventKind {
    package var level: LogLevel { entry.level }
    package var fields: [EventField] { entry.fields }
    package var meaning: String { entry.meaning }
    /// What the person who reads it should do.
    package var advice: String { entry.advice }

    private struct Entry {
        let level: LogLevel
        let meaning: String
        let advice: String
        let fields: [EventField]

        init(
            _ level: LogLevel, _ meaning: String, do advice: String = "nothing",
            _ fields: KeyValuePairs<String, String>
        ) {
            self.level = level
            self.meaning = meaning
            self.advice = advice
            self.fields = fields.map { EventField(key: $0.key, meaning: $0.value) }
        }
    }

    private var entry: Entry {
        switch self {
        case .daemonStarted:
            Entry(
                .info, "the configuration and the database are open",
                [
                    "version": "of the program", "database": "path",
                    "users": "users in the list", "pid": "process id",
                ])
        case .daemonReady:
            Entry(
                .info,
                "the first call has an outcome, none is to be made, or half a minute has passed; systemd is told",
                [
                    "cloud":
                        "`accepting`, `refused`, `unreachable`, `not answering`, `unknown`, or that no call is needed",
                    "after": "seconds since the start",
                ])
        case .daemonStopping:
            Entry(
                .info, "a signal came: calls in flight get their reply, nothing new starts",
                ["signal": "name", "in_flight": "passes still running"])
        case .daemonStopped:
            Entry(
                .info, "everything is stored and closed", ["after": "seconds since the start"])
        case .configurationReloaded:
            Entry(
                .info, "SIGHUP: the new configuration holds",
                ["changes": "settings that differ, each in a line of its own"])
        case .configurationChanged:
            Entry(
                .info, "a setting has another value since the reload",
                do: "restart when the line says `restart=true`: the setting holds from then on",
                [
                    "key":
                        "path of the setting: `app.endpoint` for a region; `secret_key` for the key",
                    "from": "value in the file before; never that of a key",
                    "to": "value in the file now; never that of a key",
                    "restart": "whether it takes a restart to hold",
                ])
        case .configurationRejected:
            Entry(
                .error,
                "SIGHUP: the new configuration has a fault, or the database failed; the old one still holds",
                do: "mend the file (`groupmirror check`) or the disk, and reload again",
                ["problem": "file, line and fault, or what the database said"])
        case .usersListed:
            Entry(
                .info, "the list of users was read",
                [
                    "users": "in the list", "added": "new to the mirror or back in the list",
                    "removed": "no longer in the list; kept and marked",
                    "repeated": "lines that repeat an earlier one",
                    "unusual": "ids with other characters than letters, digits, `_` and `-`",
                ])
        case .storeFailed:
            Entry(
                .error, "the database could not be written; nothing is lost but time",
                do: "look at the disk: full, read-only, or locked by another program",
                ["problem": "what SQLite says", "retry_in": "seconds"])
        case .storeRecovered:
            Entry(
                .info, "the database takes writes again",
                ["after": "seconds since the first failure"])
        case .cloudAccepting:
            Entry(
                .info, "the cloud takes calls (again)",
                ["before": "`unknown`, `refused` or `unreachable`"])
        case .cloudRefusing:
            Entry(
                .error, "the cloud refuses the app; one probe a minute goes on",
                do: "what `advice` says; `groupmirror check --online` tells when it is mended",
                [
                    "code": "the cloud's code", "problem": "the cloud's words",
                    "advice": "what usually helps",
                ])
        case .cloudUnreachable:
            Entry(
                .error,
                "no call has an answer that can be read; one probe every five seconds goes on",
                do:
                    "look at DNS, network, a proxy in between (its 502 is no answer) and the region's status",
                ["problem": "of the last call", "retry_in": "seconds"])
        case .signatureRenewed:
            Entry(
                .info, "a new usersig is in use",
                ["reason": "`age`, or the cloud's code that asked for it"])
        case .windowNarrowed:
            Entry(
                .warning, "the cloud said \"too often\": fewer calls a second for a while",
                do: "find out who else calls the cloud for this app, or lower `calls_per_second`",
                [
                    "command": "of the API", "code": "the cloud's code",
                    "allowed": "calls a second now", "limit": "calls a second configured",
                ])
        case .windowRestored:
            Entry(
                .info, "the full limit is in use again",
                ["command": "of the API", "limit": "calls a second"])
        case .callFailed:
            Entry(
                .info, "a call failed; what follows from it has a line of its own",
                [
                    "command": "of the API", "user": "whose data",
                    "kind": "the kind of failure (Documentation/Failures.md)",
                    "code": "the cloud's code; `-` (in JSON `null`) without one",
                    "problem": "in words",
                    "took": "milliseconds",
                ])
        case .callSlow:
            Entry(
                .info, "a call took over a second",
                ["command": "of the API", "user": "whose data", "took": "milliseconds"])
        case .callDone:
            Entry(
                .debug, "a call was answered",
                ["command": "of the API", "user": "whose data", "took": "milliseconds"])
        case .passChanged:
            Entry(
                .info, "a user's mirror was brought up to date and differs from before",
                [
                    "user": "id", "changes": "rows added to `changes`",
                    "conversations": "in the listing that the pass began with",
                    "groups": "the same",
                    "calls": "made", "took": "milliseconds",
                    "first": "whether it is the user's first pull",
                ])
        case .passFailed:
            Entry(
                .warning, "a user could not be pulled; its mirror stays as it was",
                do: "nothing for a single user; if it goes on, `groupmirror show USER` says why",
                [
                    "user": "id", "reason": "kind of failure",
                    "code": "the cloud's code; `-` (in JSON `null`) without one",
                    "problem": "in words", "failures": "in a row", "retry_in": "seconds",
                ])
        case .userRecovered:
            Entry(
                .info, "a user that failed was pulled",
                ["user": "id", "failures": "there had been in a row"])
        case .userParked:
            Entry(
                .warning, "the cloud does not know the user; it is looked at once a day",
                do: "import the account, or take it from the list",
                ["user": "id", "code": "the cloud's code", "retry_in": "seconds"])
        case .referenceDangling:
            Entry(
                .warning,
                "conversations refer to groups that the cloud does not name, twice in a row",
                do: "nothing; the references are left out, as the vendor's own client does",
                ["user": "id", "groups": "their numbers"])
        case .deletionsHeld:
            Entry(
                .warning, "a user would lose everything while the guard is tripped; its rows stay",
                do: "`groupmirror held list`, then approve or reject",
                ["user": "id", "groups": "held", "conversations": "held"])
        case .guardTripped:
            Entry(
                .error, "too many users lost everything: further such deletions wait for a person",
                do: "find out whether the cloud is right; `groupmirror held approve` or `reject`",
                [
                    "emptied": "users that lost everything within the window",
                    "pulled": "users with something to lose pulled within the window",
                ])
        case .guardReset:
            Entry(
                .info, "no deletion is held that nobody has approved; counting starts anew",
                ["approved": "users whose rows go at their next pull"])
        case .resyncAsked:
            Entry(
                .info, "somebody asked for users to be pulled now",
                [
                    "request": "number", "users": "asked for",
                    "writes": "false for `verify` and `resync --dry-run`",
                ])
        case .resyncWithdrawn:
            Entry(
                .info,
                "nobody waits for a request any more: who was to be compared is not, who was to be pulled is pulled all the same",
                ["request": "number", "left": "users that were still to come"])
        case .resyncDone:
            Entry(
                .info, "every user of the request was tried",
                [
                    "request": "number", "pulled": "users", "failed": "users, parked ones included",
                    "took": "seconds",
                ])
        case .outboxOpened:
            Entry(
                .info, "an earlier process left open edits",
                [
                    "users": "with open edits",
                    "in_doubt": "of them, with edits that may have been sent",
                ])
        case .pushDone:
            Entry(
                .info, "edits of a user were worked off",
                [
                    "user": "user id", "calls": "writes made",
                    "applied": "edits that the cloud took",
                    "satisfied": "edits that needed no call",
                    "cancelled": "edits that gave way to the cloud (`push.conflicts: cloud_wins`)",
                    "rejected": "edits that a person must look at",
                    "left": "edits still open: behind a rejected one, or after trouble",
                    "took_ms": "milliseconds since the pass began",
                ])
        case .pushFailed:
            Entry(
                .warning, "a write was not done; its edits wait",
                do: "nothing for a while; at many failures look at the code in Failures.md",
                [
                    "user": "user id", "edits": "edits of the call", "reason": "kind of failure",
                    "code": "the cloud's code; `-` (in JSON `null`) without one",
                    "problem": "in words",
                    "failures": "pushes of this user that failed in a row",
                    "retry_in": "seconds",
                ])
        case .editsInDoubt:
            Entry(
                .warning,
                "a write got no clear answer: the cloud is looked at before it is repeated",
                [
                    "user": "user id", "edits": "edits of the call",
                    "code": "the cloud's code; `-` (in JSON `null`) without one",
                    "problem": "in words",
                    "look_in": "seconds",
                ])
        case .editRejected:
            Entry(
                .warning,
                "an edit will not be tried again without a person; later edits of its group wait",
                do: "`groupmirror outbox show EDIT`, then `outbox retry` or `outbox cancel`",
                [
                    "user": "user id", "edit": "number", "op": "what it asks for",
                    "reason": "`refused`, `conflict`, `name_taken`, `group_missing` or `gave_up`",
                    "code": "the cloud's code; empty (`-`, `null`) when the cloud was not asked",
                    "problem": "in words",
                ])
        case .historyPruned:
            Entry(
                .info, "settled edits and changes older than `mirror.history` were removed",
                ["removed": "rows"])
        case .calls:
            Entry(
                .info, "calls since the start, one line for each command and code, every 15 s",
                [
                    "command": "of the API", "code": "`0`, the cloud's code, or `network`",
                    "total": "calls",
                ])
        case .stats:
            Entry(
                .info, "absolute counters and gauges, every 15 s",
                do:
                    "alert on `stale`, and on `lag_max`, `outbox_oldest` or `outbox_rejected` growing",
                [
                    "calls": "since the start",
                    "widest_second": "most calls of one command sent in any second",
                    "throttled": "calls that the cloud found too many",
                    "users": "in the list", "fresh": "pulled within `max_staleness`",
                    "stale": "not, parked ones apart", "new": "never pulled yet",
                    "failing": "last pass failed", "held": "deletions wait for a person",
                    "parked": "not imported in the cloud",
                    "lag_p50": "seconds since the last pull, median",
                    "lag_p99": "99th percentile", "lag_max": "of the user waiting longest",
                    "passes": "since the start", "unchanged": "of them without any difference",
                    "changes": "found since the start",
                    "queue":
                        "users asked for, to be compared, new or due again after a failure, not started",
                    "in_flight": "passes running", "allowed": "get calls a second allowed now",
                    "outbox_open": "edits queued or being sent",
                    "outbox_oldest": "seconds since the oldest of them was queued",
                    "outbox_rejected": "edits that wait for a person",
                ])
        }
    }
}

/// Documentation/Events.md, generated: a test compares the file with this text.
package enum EventTable {
    package static var markdown: String {
        let head = """
            # Events

            Generated from `Sources/EventLog/EventCatalogue.swift`; a test holds both together. Every line begins with \
            `ts=` (UTC, milliseconds), `level=`, `event=` and `app=` (the SDKAppID); the keys of an event follow in \
            exactly the order given here. With `format: json` the same keys stand in the same order in one object. \
            Totals count from the start of the process.


            """
        return head
            + EventKind.allCases.map { kind in
                let fields = kind.fields.map { "- `\($0.key)`: \($0.meaning)" }
                return """
                    ## `\(kind.rawValue)` (\(kind.level.rawValue))

                    \(kind.meaning.capitalizedFirst). To do: \(kind.advice).

                    \(fields.joined(separator: "\n"))
                    """
            }.joined(separator: "\n\n") + "\n"
    }
}

extension String {
    fileprivate var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
