import ChatModel

// From pages to one listing of a user. The cloud pages over live data by index (Cloud.md §2), so
// what arrives may skip, repeat or contradict itself; here is decided what counts as a whole
// listing and what as an odd one.

/// One page as the cloud sent it, in our words: nothing sorted, folded or left out.
package struct ListingPage: Sendable {
    package let groups: [ConversationGroup]
    package let conversations: [Conversation]
    /// Conversations of an unknown type, which are left out.
    package let skipped: Int
    package let isLast: Bool
    /// The cursor of the next page; the cloud may leave it out on the last.
    package let next: Int64?

    package init(
        groups: [ConversationGroup], conversations: [Conversation], skipped: Int = 0,
        isLast: Bool, next: Int64?
    ) {
        self.groups = groups
        self.conversations = conversations
        self.skipped = skipped
        self.isLast = isLast
        self.next = next
    }
}

/// Why a listing is not a snapshot.
package enum ListingFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// More was promised, but the cursor is the one just used, or is missing.
    case cursorStuck(at: Int64)
    case conversationContradicted(ConversationID)
    case groupContradicted(GroupID)
    /// The plan returns no more than this many, so what lies beyond is unknown.
    case atPlanCap(Int)
    case tooLong(Int)
    case tooMuch(bytes: Int, pages: Int)
    /// No two pulls in a row agreed.
    case keptChanging(pulls: Int)
    /// The listing lacks a conversation that a look-up still finds.
    case incomplete(missing: ConversationID)

    package var description: String {
        switch self {
        case .cursorStuck(let cursor):
            "the cursor stays at \(cursor) though more pages are promised"
        case .conversationContradicted(let id): "\(id) is listed twice with different content"
        case .groupContradicted(let id): "group \(id) is listed twice with different names"
        case .atPlanCap(let count): "\(count) conversations are what the plan returns at most"
        case .tooLong(let count): "it has over \(count) conversations, more than the cloud can hold"
        case .tooMuch(let bytes, let pages):
            "it does not end: there were \(pages) pages with \(bytes) bytes, more than the cloud can hold"
        case .keptChanging(let pulls): "it was different in each of \(pulls) pulls"
        case .incomplete(let id): "it lacks \(id), which a look-up finds"
        }
    }
}

/// A whole listing that does not contradict itself.
package struct Listing: Hashable, Sendable {
    package let snapshot: Snapshot
    package let pages: Int
    /// Ids that conversations refer to and no page names. They are left out of the snapshot.
    package let dangling: [GroupID]
    /// Conversations of an unknown type; they are left out of the snapshot.
    package let skipped: Int

    /// One page without loose ends is one moment of the cloud. Anything else is believed once two
    /// pulls in a row give the same: what changed while the first was under way shows in the
    /// second.
    package var isOneMoment: Bool { pages == 1 && dangling.isEmpty }
}

/// Takes pages in their order and gives a listing.
package struct ListingAssembly: Sendable {
    private var groups: [GroupID: ConversationGroup] = [:]
    private var conversations: [ConversationID: Conversation] = [:]
    private var skipped = 0
    private var pages = 0
    private var cursor: Int64 = 0

    /// A user can have 1000 conversations in each of 20 groups and 1000 marked ones (Cloud.md §2);
    /// this is a round number above, which only a server that never ends reaches.
    package static let longest = 25_000

    package init() {}

    /// The cursor to ask for next, nil when the listing is whole.
    package mutating func add(_ page: ListingPage) throws(ListingFault) -> Int64? {
        pages += 1
        for group in page.groups {
            if let known = groups.updateValue(group, forKey: group.id), known != group {
                throw .groupContradicted(group.id)
            }
        }
        for conversation in page.conversations {
            if let known = conversations.updateValue(conversation, forKey: conversation.id),
                known != conversation
            {
                throw .conversationContradicted(conversation.id)
            }
        }
        skipped += page.skipped
        if conversations.count + skipped > Self.longest { throw .tooLong(Self.longest) }
        if page.isLast { return nil }
        cursor = try Self.cursor(after: cursor, promised: page.next)
        return cursor
    }

    /// The cursor of the page after the one at `cursor`, which was not the last: it must move.
    package static func cursor(after cursor: Int64, promised next: Int64?) throws(ListingFault)
        -> Int64
    {
        guard let next, next != cursor, next != 0 else { throw .cursorStuck(at: cursor) }
        return next
    }

    /// The listing, once `add` has given nil. `cap`: how many conversations the app's plan lets a
    /// listing return, 0 when that is not known (Cloud.md §2, last row).
    package func listing(cap: Int) throws(ListingFault) -> Listing {
        let listed = conversations.count + skipped
        if cap > 0, listed >= cap { throw .atPlanCap(listed) }
        let referenced = Set(conversations.values.flatMap(\.groups))
        return Listing(
            snapshot: Snapshot(
                groups: Array(groups.values), conversations: Array(conversations.values)),
            pages: pages,
            dangling: referenced.filter { groups[$0] == nil }.sorted(), skipped: skipped)
    }
}
