// Everything that can be set. Where the vendor's documentation leaves a question open there is a
// knob (Cloud.md §11); the first value of each is the default. The names of cases are the values on
// the command line.

/// How the emulated cloud behaves.
package struct EmulatorOptions: Sendable {
    package var sdkAppID: Int64 = 1_400_000_000
    package var admin = "administrator"
    /// Made up, as the name says; the emulator guards nothing.
    package var key = "made-up-key-of-the-chat-emulator-0123456789abcdef0123456789abcdef"
    package var users = 100
    package var seed: UInt64 = 1
    /// Conversations of each user; nil for a mix of none to some hundreds.
    package var conversations: Int?
    /// Changes a second that phones make, over all users.
    package var churn = 0.0
    /// After so many seconds the phones fall silent; nil: never.
    package var churnSeconds: Double?
    /// Only the first so many users have phones that change anything; nil: all.
    package var churnUsers: Int?

    /// Where the phones' logins and logouts are reported; nil: phones just change things.
    package var webhook: Webhook?
    /// Of an average visit of a phone.
    package var visitSeconds = 20.0
    /// Visits without a change, for each with one.
    package var idleVisits = 5.0

    package var pageSize = 100
    package var groupItems = GroupItems.every
    package var emptyArrays = EmptyArrays.present
    package var lastCursor = LastCursor.zero
    package var overflow = Overflow.refuse
    package var limitScope = LimitScope.user
    package var duplicateCreate = DuplicateCreate.merge
    package var nameBytes = 64
    package var emptyCreate = EmptyCreate.accept
    package var emptyMarks = EmptyMarks.absent
    package var bare = Bare.dropped
    package var lastMember = LastMember.kept
    package var groupIDs = GroupIDs.next
    package var numbers = Numbers.numbers
    package var errorDisplay = ErrorDisplay.some

    /// Calls a second for each command.
    package var rate = 200
    /// The code of a call too many.
    package var rateCode = 60007
    /// Milliseconds a call takes on its way, there and back together, and how much that varies up
    /// and down.
    package var latency = 0.0
    package var jitter = 0.0
    /// Seconds that the emulator's clock is ahead of the machine's.
    package var clockSkew: Int64 = 0
    /// False: the app's edition has no conversation groups.
    package var hasEdition = true

    package init() {}

    /// Where callbacks go, and how badly.
    package struct Webhook: Sendable {
        /// To which the query is added.
        package let url: String
        /// The share that never arrives.
        package var loss = 0.0
        /// Seconds that a callback may take, at most.
        package var delay = 0.0
        /// The share that arrives twice.
        package var doubles = 0.0

        package init(url: String) { self.url = url }
    }

    /// Which pages name the groups.
    package enum GroupItems: String, CaseIterable, Sendable {
        case every, first, referenced
    }

    /// Whether a list without elements is sent.
    package enum EmptyArrays: String, CaseIterable, Sendable {
        case present, absent
    }

    /// What the last page has as its cursor.
    package enum LastCursor: String, CaseIterable, Sendable {
        case zero, absent
    }

    /// What becomes of the conversation beyond the limit of 1000: code 51008, or the oldest leaves
    /// silently.
    package enum Overflow: String, CaseIterable, Sendable {
        case refuse, evict
    }

    /// What the limit of 1000 counts.
    package enum LimitScope: String, CaseIterable, Sendable {
        case user, group
    }

    /// Creating a group whose name exists: its conversations are added, or code 50002.
    package enum DuplicateCreate: String, CaseIterable, Sendable {
        case merge, refuse
    }

    /// Creating a group without conversations: it is made, or one of two codes.
    package enum EmptyCreate: String, CaseIterable, Sendable {
        case accept
        case wrongCount = "51006"
        case wrongParameter = "50002"
    }

    /// How the listing writes a conversation without standard marks: not at all, or as an empty text.
    package enum EmptyMarks: String, CaseIterable, Sendable {
        case absent, empty
    }

    /// Whether a conversation with neither group nor mark is still listed.
    package enum Bare: String, CaseIterable, Sendable {
        case dropped, kept
    }

    /// What becomes of a group whose last conversation leaves.
    package enum LastMember: String, CaseIterable, Sendable {
        case kept, deleted
    }

    /// The id of a new group: above all earlier ones, or the lowest free.
    package enum GroupIDs: String, CaseIterable, Sendable {
        case next, lowest
    }

    /// How numbers are written.
    package enum Numbers: String, CaseIterable, Sendable {
        case numbers, strings
    }

    /// Which replies have an `ErrorDisplay`: those of create, mark and search, all, or none.
    package enum ErrorDisplay: String, CaseIterable, Sendable {
        case some, all, none
    }
}
