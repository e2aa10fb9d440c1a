// Events of groupmirror-webhook, a process of its own. No user and no part of a request is in any of them.

/// What groupmirror-webhook has received since its start.
package struct WebhookTotals: Hashable, Sendable {
    package var hints = 0
    package var alarms = 0
    package var others = 0
    /// With the token, of the app, and readable.
    package var callbacks: Int { hints + alarms + others }
    package var faulty = 0
    package var refused = 0
    package var undelivered = 0

    package init() {}
}

extension Event {
    package static func webhookReady(listen: String, socket: String) -> Event {
        Event(
            "webhook_ready", .info, "the cloud's callbacks are taken and passed on as hints",
            .text("listen", listen, "where"),
            .text("socket", socket, "of the daemon (`hints.socket`)"))
    }

    package static func webhookStopped(after: Duration) -> Event {
        Event(
            "webhook_stopped", .info, "no callback is taken any more",
            .seconds("after", after, "seconds since the start"))
    }

    package static func webhookFailed(exit: Int32, problem: String, advice: String) -> Event {
        Event(
            "webhook_failed", .error,
            "groupmirror-webhook could not start, or cannot go on; it exits",
            do: "what `advice` says; the README lists the exit codes",
            .number("exit", Int64(exit), "exit code of the process"), .problem(problem),
            .text("advice", advice, "what usually helps"))
    }

    package static func callbackUnusable(problem: String) -> Event {
        Event(
            "callback_unusable", .warning,
            "a callback with the right token could not be used; at most one line a minute for each problem",
            do: "look at the address that the console calls, and at `app.sdk_app_id`",
            .problem(problem))
    }

    package static func callLimitNear(command: String, calls: Int64, limit: Int64) -> Event {
        Event(
            "call_limit_near", .warning,
            "the cloud says that a command has passed four fifths of the calls that it allows in a second; at most one line a minute for each command",
            do:
                "nothing if the daemon alone calls this command; else lower `limits.calls_per_second`, or calm the other program",
            .command(command), .number("calls", calls, "in that second"),
            .number("limit", limit, "calls a second"))
    }

    package static func hintsUndelivered(socket: String, problem: String) -> Event {
        Event(
            "hints_undelivered", .warning,
            "the daemon does not take hints; they are dropped and counted until it does",
            do: "start the daemon: `groupmirror status`", .text("socket", socket, "path"),
            .problem(problem))
    }

    package static func hintsDelivered(after: Duration) -> Event {
        Event(
            "hints_delivered", .info, "the daemon takes hints again",
            .seconds("after", after, "seconds since `hints_undelivered`"))
    }

    package static func webhookStats(_ totals: WebhookTotals) -> Event {
        Event(
            "webhook_stats", .info, "what has come since the start, each minute and at the end",
            .count("callbacks", totals.callbacks, "with the token, of the app"),
            .count("hints", totals.hints, "of them, who came or went"),
            .count("alarms", totals.alarms, "of them, commands near their limit"),
            .count("others", totals.others, "of them, what is of no use here"),
            .count("faulty", totals.faulty, "with the token, but unreadable or of another app"),
            .count("refused", totals.refused, "without the token; they got status 404"),
            .count("undelivered", totals.undelivered, "hints that the daemon did not take"))
    }
}
