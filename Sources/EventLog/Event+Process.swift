// Events of the process: start, stop, configuration, list of users, database.

extension Event {
    package static func daemonStarted(
        version: String, database: String, new: Bool, users: Int, pid: Int32
    ) -> Event {
        Event(
            "daemon_started", .info, "configuration and database are open",
            .text("version", version, "of the program"),
            .text("database", database, "path"),
            .flag("new", new, "whether there was no mirror before: no file, or an empty one"),
            .count("users", users, "users in the list"),
            .number("pid", Int64(pid), "process id"))
    }

    package static func daemonReady(cloud: String, after: Duration) -> Event {
        Event(
            "daemon_ready", .info,
            "the first call has an outcome, or no call is needed, or half a minute has passed; systemd is notified",
            .text(
                "cloud", cloud,
                "`accepting`, `refused`, `unreachable`, `clock_off`, `not answering`, `unknown`, or that no call is needed"
            ),
            .seconds("after", after, "seconds since the start"))
    }

    package static func hintsUnavailable(socket: String, problem: String) -> Event {
        Event(
            "hints_unavailable", .warning,
            "no hints of who is online or has changed something are taken; users are pulled without them",
            do: "correct `hints.socket`, or what stands in its place, and restart",
            .text("socket", socket, "path"), .problem(problem))
    }

    package static func daemonStopping(signal: String, inFlight: Int) -> Event {
        Event(
            "daemon_stopping", .info,
            "a signal arrived: calls in flight get their replies, nothing new starts",
            .text("signal", signal, "name"), .count("in_flight", inFlight, "passes still running"))
    }

    package static func daemonStopped(after: Duration) -> Event {
        Event(
            "daemon_stopped", .info, "everything is stored and closed",
            .seconds("after", after, "seconds since the start"))
    }

    package static func daemonFailed(exit: Int32, problem: String, advice: String) -> Event {
        Event(
            "daemon_failed", .error, "the daemon could not start, or cannot go on; it exits",
            do: "what `advice` says; the README lists the exit codes",
            .number("exit", Int64(exit), "exit code of the process"), .problem(problem),
            .text("advice", advice, "what usually helps"))
    }

    package static func configurationReloaded(changes: Int) -> Event {
        Event(
            "configuration_reloaded", .info, "SIGHUP: the new configuration is in use",
            .count("changes", changes, "settings that differ, each in a line of its own"))
    }

    package static func configurationChanged(
        key: String, from: String, to: String, restart: Bool
    ) -> Event {
        Event(
            "configuration_changed", .info, "the reload found a setting with another value",
            do: "restart when the line says `restart=true`: only then is the setting used",
            .text(
                "key", key,
                "path of the setting: `app.endpoint` for a region; `secret_key` for the key"),
            .text("from", from, "value in the file before; never that of a key"),
            .text("to", to, "value in the file now; never that of a key"),
            .flag("restart", restart, "whether it takes a restart"))
    }

    package static func configurationRejected(problem: String) -> Event {
        Event(
            "configuration_rejected", .error,
            "SIGHUP: the new configuration is wrong, or the database failed; the old one stays in use",
            do: "correct the file (`groupmirror check`) or the disk, and reload again",
            .text("problem", problem, "file, line and fault, or what the database reported"))
    }

    package static func usersListed(
        count: Int, added: Int, removed: Int, repeated: Int, unusual: Int
    ) -> Event {
        Event(
            "users_listed", .info, "the list of users was read",
            .count("users", count, "in the list"),
            .count("added", added, "new to the mirror or back in the list"),
            .count("removed", removed, "no longer in the list; kept and marked"),
            .count("repeated", repeated, "lines that repeat an earlier one"),
            .count(
                "unusual", unusual,
                "ids with other characters than letters, digits, `_` and `-`"))
    }

    package static func listDoubtful(problem: String, advice: String) -> Event {
        Event(
            "list_doubtful", .warning,
            "the list of users was taken over, but looks as if it had been written wrongly",
            do: "what `advice` says", .problem(problem),
            .text("advice", advice, "what to look at"))
    }

    package static func loopBlocked(took: Duration) -> Event {
        Event(
            "loop_blocked", .debug,
            "a job kept the daemon's thread from all others for over 50 ms: calls left and were read later",
            .milliseconds("took", took, "milliseconds"))
    }

    package static func storeFailed(problem: String, retryIn: Duration) -> Event {
        Event(
            "store_failed", .error, "the database could not be written; nothing is lost but time",
            do: "look at the disk: full, read-only, or locked by another program",
            .text("problem", problem, "what SQLite reports"),
            .seconds("retry_in", retryIn, "seconds"))
    }

    package static func storeRecovered(after: Duration) -> Event {
        Event(
            "store_recovered", .info, "the database can be written again",
            .seconds("after", after, "seconds since the first failure"))
    }

    package static func historyPruned(removed: Int) -> Event {
        Event(
            "history_pruned", .info,
            "settled edits and changes older than `mirror.history` were removed",
            .count("removed", removed, "rows"))
    }
}
