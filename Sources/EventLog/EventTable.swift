// The list of all events, each with invented values: the documentation and the golden lines of the
// tests are made from it. A new event is a function in one of the files beside this one, a sample here
// and a golden line.

/// Documentation/Events.md, generated: a test compares the file with this text.
package enum EventTable {
    /// What only the file in the sources says of itself.
    package static let origin =
        "Generated from the declarations in `Sources/EventLog/Event+*.swift`; a test compares them. "

    package static let samples: [Event] =
        process + cloud + users + edits
        + [
            .calls(command: "get_contact_group", code: "0", total: 9),
            .latency(of: "calls", histogram), .stats(stats),
        ] + webhook

    private static let process: [Event] = [
        .daemonStarted(version: "1.2.3", database: "/var/lib/m.db", new: false, users: 7, pid: 42),
        .daemonReady(cloud: "accepting", after: .milliseconds(1050)),
        .hintsUnavailable(socket: "/var/lib/m.db.hints", problem: "it is no socket"),
        .daemonStopping(signal: "SIGTERM", inFlight: 3), .daemonStopped(after: .seconds(60)),
        .daemonFailed(exit: 78, problem: "a.yaml:3: no", advice: "look"),
        .configurationReloaded(changes: 2),
        .configurationChanged(key: "log.level", from: "info", to: "debug", restart: false),
        .configurationRejected(problem: "a.yaml:3: no"),
        .usersListed(count: 5, added: 4, removed: 3, repeated: 2, unusual: 1),
        .listDoubtful(problem: "most users are gone", advice: "look"),
        .loopBlocked(took: .milliseconds(60)),
        .storeFailed(problem: "disk is full", retryIn: .seconds(4)),
        .storeRecovered(after: .seconds(5)), .historyPruned(removed: 9),
    ]

    private static let webhook: [Event] = [
        .webhookReady(listen: "127.0.0.1:8400", socket: "/var/lib/m.db.hints"),
        .callbackUnusable(problem: "it is no JSON"),
        .callLimitNear(command: "get_contact_group", calls: 160, limit: 200),
        .hintsUndelivered(socket: "/var/lib/m.db.hints", problem: "no daemon"),
        .hintsDelivered(after: .seconds(61)), .webhookStats(webhookTotals),
        .webhookStopped(after: .seconds(60)),
        .webhookFailed(exit: 78, problem: "a.yaml:3: no", advice: "look"),
    ]

    private static let webhookTotals: WebhookTotals = {
        var totals = WebhookTotals()
        totals.hints = 1
        totals.alarms = 2
        totals.others = 3
        totals.faulty = 4
        totals.refused = 5
        totals.undelivered = 7
        return totals
    }()

    private static let cloud: [Event] = [
        .cloudAccepting(before: "refused"),
        .cloudRefusing(code: 70009, problem: "another key", advice: "look"),
        .cloudUnreachable(problem: "no connection", retryIn: .seconds(5)),
        .clockOff(offset: .seconds(-600)), .clockRight(before: .seconds(-600)),
        .signatureRenewed(reason: "age"),
        .windowNarrowed(command: "get_contact_group", code: 60007, allowed: 140, limit: 200),
        .windowRestored(command: "get_contact_group", limit: 200),
        .callFailed(
            command: "get_contact_group", user: "u1", kind: "transient", code: nil,
            problem: "HTTP status 502", took: .milliseconds(12)),
        .callSlow(command: "get_contact_group", user: "u1", took: .milliseconds(1200)),
        .callDone(command: "get_contact_group", user: "u1", took: .milliseconds(12)),
    ]

    private static let users: [Event] = [
        .passChanged(
            user: "u1", changes: 1, conversations: 2, groups: 3, calls: 4,
            took: .milliseconds(5), first: true),
        .passFailed(
            user: "u1", reason: "rejected", code: 50002, problem: "no", failures: 2,
            retryIn: .milliseconds(2500)),
        .userRecovered(user: "u1", failures: 3),
        .userParked(user: "u1", code: 50001, retryIn: .seconds(86_400)),
        .conversationsSkipped(user: "u1", conversations: 2),
        .referenceDangling(user: "u1", groups: "8,9"),
        .stalenessOutOfReach(
            maxStaleness: .seconds(3600), limit: .seconds(6250), sweep: .seconds(5000)),
        .stalenessInReach(maxStaleness: .seconds(3600)),
        .roundDone(users: 1000, took: .seconds(5)),
        .deletionsHeld(user: "u1", groups: 2, conversations: 30),
        .guardTripped(emptied: 20, pulled: 21), .guardReset(approved: 1),
        .resyncAsked(request: 4, users: 5, writes: false),
        .resyncWithdrawn(request: 4, left: 3),
        .resyncDone(request: 4, pulled: 3, failed: 2, took: .milliseconds(10)),
    ]

    private static let edits: [Event] = [
        .outboxOpened(users: 3, inDoubt: 1),
        .pushDone(
            user: "u1", calls: 2, applied: 3, satisfied: 4, cancelled: 5, rejected: 6, left: 7,
            took: .milliseconds(80)),
        .pushFailed(
            user: "u1", edits: 2, reason: "transient", code: nil, problem: "no connection",
            failures: 3, retryIn: .seconds(4)),
        .editsInDoubt(
            user: "u1", edits: 2, code: 50005, problem: "time-out", lookIn: .seconds(4)),
        .editRejected(
            user: "u1", edit: 7, operation: "rename", reason: "conflict", code: nil,
            problem: "it was renamed to 'x'"),
    ]

    private static let histogram: Histogram = {
        var histogram = Histogram()
        for span in [5, 5, 50, 5000] { histogram.add(.milliseconds(span)) }
        return histogram
    }()

    private static let stats: Stats = {
        var stats = Stats()
        stats.cloud = "accepting"
        stats.calls = 1
        stats.widestSecond = 2
        stats.throttled = 3
        stats.limit = 200
        stats.allowed = 19
        stats.users = 4
        stats.fresh = 5
        stats.stale = 6
        stats.new = 7
        stats.failing = 8
        stats.held = 9
        stats.heldUndecided = 8
        stats.parked = 10
        stats.lag.p50 = .milliseconds(11_500)
        stats.lag.p99 = .seconds(12)
        stats.lag.longest = .seconds(13)
        stats.maxStaleness = .seconds(14_400)
        stats.limitOfStaleness = .seconds(14_400)
        stats.sweep = .milliseconds(500)
        stats.price = 12.5
        stats.expectedFresh = 0.984
        stats.hints = 33
        stats.hintsUseless = 34
        stats.hintsUnknown = 35
        stats.hintsDropped = 36
        stats.passes = 14
        stats.unchanged = 15
        stats.changes = 16
        stats.backlog = 17
        stats.inFlight = 18
        stats.outboxOpen = 20
        stats.outboxWaiting = 2
        stats.outboxOldest = .seconds(21)
        stats.outboxRejected = 22
        stats.editsApplied = 23
        stats.editsRejected = 24
        stats.process.uptime = .seconds(25)
        stats.process.residentBytes = 26
        stats.process.processorTime = .milliseconds(2700)
        stats.process.databaseBytes = 28
        stats.process.logBytes = 29
        stats.process.freeBytes = 30
        stats.process.signatureExpires = .seconds(31)
        stats.process.logDropped = 32
        stats.process.loopBlocked = 37
        return stats
    }()

    package static var markdown: String {
        let head = """
            # Events

            \(origin)Every line begins with `ts=` (UTC, milliseconds), `level=`, `event=` and `app=` (the SDKAppID); the keys of an event follow in \
            exactly the order given here. With `format: json` the same keys stand in the same order in one object. \
            The key of a duration ends in its unit, `_s` or `_ms`. Totals count from the start of the process. Under \
            systemd each line begins with its priority (`<3>` error, `<4>` warning, `<6>` info, `<7>` debug), which the \
            journal removes. The log never stops the daemon: when its reader stands still, lines are dropped, and \
            `log_dropped` in `stats` counts them.


            """
        return head
            + samples.map { event in
                let fields = event.fields.map { "- `\($0.key)`: \($0.meaning)" }
                return """
                    ## `\(event.name)` (\(event.level.rawValue))

                    \(event.meaning.capitalizedFirst). To do: \(event.advice).

                    \(fields.joined(separator: "\n"))
                    """
            }.joined(separator: "\n\n") + "\n"
    }
}

extension String {
    fileprivate var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
