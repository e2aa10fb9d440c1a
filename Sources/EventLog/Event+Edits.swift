// Events of edits.

extension Event {
    package static func outboxOpened(users: Int, inDoubt: Int) -> Event {
        Event(
            "outbox_opened", .info, "an earlier process left open edits",
            .count("users", users, "with open edits"),
            .count("in_doubt", inDoubt, "of them, with edits that may have been sent"))
    }

    package static func pushDone(
        user: String, calls: Int, applied: Int, satisfied: Int, cancelled: Int, rejected: Int,
        left: Int, took: Duration
    ) -> Event {
        Event(
            "push_done", .info, "edits of a user were processed", .user(user),
            .count("calls", calls, "writes made"),
            .count("applied", applied, "edits that the cloud accepted"),
            .count("satisfied", satisfied, "edits that needed no call"),
            .count(
                "cancelled", cancelled,
                "edits that gave way to the cloud (`push.conflicts: cloud_wins`)"),
            .count("rejected", rejected, "edits that an operator must look at"),
            .count("left", left, "edits still open: behind a rejected one, or after a failure"),
            .milliseconds("took", took, "milliseconds since the pass began"))
    }

    package static func pushFailed(
        user: String, edits: Int, reason: String, code: Int?, problem: String, failures: Int,
        retryIn: Duration
    ) -> Event {
        Event(
            "push_failed", .warning, "a write was not done; its edits wait",
            do: "nothing for a while; after many failures look up the code in Failures.md",
            .user(user), .count("edits", edits, "edits of the call"),
            .text("reason", reason, "kind of failure"), .code(code), .problem(problem),
            .count("failures", failures, "pushes of this user that failed in a row"),
            .seconds("retry_in", retryIn, "seconds"))
    }

    package static func editsInDoubt(
        user: String, edits: Int, code: Int?, problem: String, lookIn: Duration
    ) -> Event {
        Event(
            "edits_in_doubt", .warning,
            "a write got no clear answer: the user is pulled before the write is repeated",
            .user(user), .count("edits", edits, "edits of the call"), .code(code),
            .problem(problem), .seconds("look_in", lookIn, "seconds"))
    }

    package static func editRejected(
        user: String, edit: Int64, operation: String, reason: String, code: Int?, problem: String
    ) -> Event {
        Event(
            "edit_rejected", .warning,
            "an edit will not be tried again without an operator; later edits of its group wait",
            do: "`groupmirror outbox show EDIT`, then `outbox retry` or `outbox cancel`",
            .user(user), .number("edit", edit, "number"),
            .text("op", operation, "what it asks for"),
            .text(
                "reason", reason,
                "`refused`, `conflict`, `name_taken`, `group_missing` or `gave_up`"),
            EventField(
                "code", code.map(LogValue.count) ?? .absent,
                "the cloud's code; empty (`-`, `null`) when the cloud was not asked"),
            .problem(problem))
    }
}
