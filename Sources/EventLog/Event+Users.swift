// Events of users: passes, deletions that are held, requests.

extension Event {
    package static func passChanged(
        user: String, changes: Int, conversations: Int, groups: Int, calls: Int, took: Duration,
        first: Bool
    ) -> Event {
        Event(
            "pass_changed", .info, "a user's mirror was brought up to date and differs from before",
            .user(user), .count("changes", changes, "rows added to `changes`"),
            .count("conversations", conversations, "in the listing that the pass began with"),
            .count("groups", groups, "the same"), .count("calls", calls, "made"),
            .milliseconds("took", took, "milliseconds"),
            .flag("first", first, "whether it is the user's first pull"))
    }

    package static func passFailed(
        user: String, reason: String, code: Int?, problem: String, failures: Int, retryIn: Duration
    ) -> Event {
        Event(
            "pass_failed", .warning, "a user could not be pulled; its mirror stays as it was",
            do: "nothing for a single user; if it continues, `groupmirror show USER` says why",
            .user(user), .text("reason", reason, "kind of failure"), .code(code),
            .problem(problem), .count("failures", failures, "in a row"),
            .seconds("retry_in", retryIn, "seconds"))
    }

    package static func userRecovered(user: String, failures: Int) -> Event {
        Event(
            "user_recovered", .info, "a user that had failed was pulled", .user(user),
            .count("failures", failures, "that there had been in a row"))
    }

    package static func userParked(user: String, code: Int, retryIn: Duration) -> Event {
        Event(
            "user_parked", .warning, "the cloud does not know the user; it is tried once a day",
            do: "import the account, or remove it from the list", .user(user),
            .count("code", code, "the cloud's code"), .seconds("retry_in", retryIn, "seconds"))
    }

    package static func conversationsSkipped(user: String, conversations: Int) -> Event {
        Event(
            "conversations_skipped", .warning,
            "a listing has conversations of a type that this version does not know; they are left out",
            do: "look for a newer version; the view `users` counts them (`skipped`)",
            .user(user), .count("conversations", conversations, "left out"))
    }

    package static func referenceDangling(user: String, groups: String) -> Event {
        Event(
            "reference_dangling", .warning,
            "conversations refer to groups that the cloud does not name, twice in a row",
            do: "nothing; the references are left out, as in the vendor's own client",
            .user(user), .text("groups", groups, "their numbers"))
    }

    package static func stalenessOutOfReach(
        maxStaleness: Duration, limit: Duration, sweep: Duration
    ) -> Event {
        Event(
            "staleness_out_of_reach", .warning,
            "there are too many users for `schedule.max_staleness`: it is less than 1.25 sweeps",
            do: "raise `schedule.max_staleness`, shorten the list of users, or allow more calls",
            .seconds("max_staleness", maxStaleness, "as configured"),
            .seconds("staleness_limit", limit, "what holds instead: 1.25 sweeps"),
            .seconds("sweep", sweep, "one pull of every user, with all the calls that are allowed"))
    }

    package static func stalenessInReach(maxStaleness: Duration) -> Event {
        Event(
            "staleness_in_reach", .info, "`schedule.max_staleness` can be kept again",
            .seconds("max_staleness", maxStaleness, "as configured"))
    }

    package static func roundDone(users: Int, took: Duration) -> Event {
        Event(
            "round_done", .info, "every user was pulled at least once since the last such line",
            .count("users", users, "in the list"), .seconds("took", took, "seconds"))
    }

    package static func deletionsHeld(user: String, groups: Int, conversations: Int) -> Event {
        Event(
            "deletions_held", .warning,
            "a user would lose everything while the guard is tripped; its rows stay",
            do: "`groupmirror held list`, then approve or reject", .user(user),
            .count("groups", groups, "held"), .count("conversations", conversations, "held"))
    }

    package static func guardTripped(emptied: Int, pulled: Int) -> Event {
        Event(
            "guard_tripped", .error,
            "too many users lost everything: further such deletions wait for a decision",
            do: "find out whether the cloud is right; `groupmirror held approve` or `reject`",
            .count("emptied", emptied, "users that lost everything within the window"),
            .count("pulled", pulled, "users with something to lose pulled within the window"))
    }

    package static func guardReset(approved: Int) -> Event {
        Event(
            "guard_reset", .info,
            "no deletion waits for a decision any more; the guard counts from zero",
            .count("approved", approved, "users whose rows are deleted at their next pull"))
    }

    package static func resyncAsked(request: Int64, users: Int, writes: Bool) -> Event {
        Event(
            "resync_asked", .info, "a command asked for users to be pulled now",
            .number("request", request, "number"), .count("users", users, "asked for"),
            .flag("writes", writes, "false for `verify` and `resync --dry-run`"))
    }

    package static func resyncWithdrawn(request: Int64, left: Int) -> Event {
        Event(
            "resync_withdrawn", .info,
            "the command that made a request was interrupted: users to be compared are dropped, users to be pulled are still pulled",
            .number("request", request, "number"),
            .count("left", left, "users that had not been reached"))
    }

    package static func resyncDone(request: Int64, pulled: Int, failed: Int, took: Duration)
        -> Event
    {
        Event(
            "resync_done", .info, "every user of the request was tried",
            .number("request", request, "number"), .count("pulled", pulled, "users"),
            .count("failed", failed, "users, parked ones included"),
            .seconds("took", took, "seconds"))
    }
}
