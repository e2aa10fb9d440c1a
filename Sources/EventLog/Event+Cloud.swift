// Events of the cloud as a whole and of single calls.

extension Event {
    package static func cloudAccepting(before: String) -> Event {
        Event(
            "cloud_accepting", .info, "the cloud accepts calls (again)",
            .text("before", before, "`unknown`, `refused`, `unreachable` or `clock_off`"))
    }

    package static func cloudRefusing(code: Int, problem: String, advice: String) -> Event {
        Event(
            "cloud_refusing", .error,
            "the cloud refuses the app, or the clock of this machine; only probes are sent",
            do: "what `advice` says; `groupmirror check --online` shows when it is fixed",
            .count("code", code, "the cloud's code"),
            .text("problem", problem, "the cloud's words"),
            .text("advice", advice, "what usually helps"))
    }

    package static func cloudUnreachable(problem: String, retryIn: Duration) -> Event {
        Event(
            "cloud_unreachable", .error,
            "no call gets a readable answer; one probe every five seconds is sent",
            do:
                "look at DNS, the network, a proxy in between (its 502 is no answer) and the region's status",
            .text("problem", problem, "of the last call"),
            .seconds("retry_in", retryIn, "seconds"))
    }

    package static func clockOff(offset: Duration) -> Event {
        Event(
            "clock_off", .warning,
            "this machine's clock differs from the cloud's by more than five minutes",
            do: "set the clock; the cloud refuses signatures that lie in its future or past",
            .seconds(
                "offset", offset, "seconds that this machine is ahead; negative when behind"))
    }

    package static func clockRight(before: Duration) -> Event {
        Event(
            "clock_right", .info, "this machine's clock agrees with the cloud's again",
            .seconds("before", before, "the last difference, in seconds"))
    }

    package static func signatureRenewed(reason: String) -> Event {
        Event(
            "signature_renewed", .info, "a new usersig is in use",
            .text("reason", reason, "`age`, or the cloud's code that asked for it"))
    }

    package static func windowNarrowed(command: String, code: Int, allowed: Int, limit: Int)
        -> Event
    {
        Event(
            "window_narrowed", .warning,
            "the cloud reported too many calls: fewer are sent for a while",
            do: "find out who else calls the cloud for this app, or lower `calls_per_second`",
            .command(command), .count("code", code, "the cloud's code, or 429 for HTTP 429"),
            .count("allowed", allowed, "calls a second now"),
            .count("limit", limit, "calls a second configured"))
    }

    package static func windowRestored(command: String, limit: Int) -> Event {
        Event(
            "window_restored", .info, "the full limit is in use again", .command(command),
            .count("limit", limit, "calls a second"))
    }

    package static func callFailed(
        command: String, user: String, kind: String, code: Int?, problem: String, took: Duration
    ) -> Event {
        Event(
            "call_failed", .info,
            "a call failed; a read is repeated at once, and what follows has a line of its own",
            .command(command), .user(user),
            .text("kind", kind, "the kind of failure (Documentation/Failures.md)"), .code(code),
            .problem(problem), .milliseconds("took", took, "milliseconds"))
    }

    package static func callSlow(command: String, user: String, took: Duration) -> Event {
        Event(
            "call_slow", .info, "a call took over a second", .command(command), .user(user),
            .milliseconds("took", took, "milliseconds"))
    }

    package static func callDone(command: String, user: String, took: Duration) -> Event {
        Event(
            "call_done", .debug, "a call was answered", .command(command), .user(user),
            .milliseconds("took", took, "milliseconds"))
    }
}
