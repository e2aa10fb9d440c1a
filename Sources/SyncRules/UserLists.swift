// Lists of users that run through one array: a user goes from one to another in constant time, and however
// many lists there are, a user costs eight bytes.

/// A user's number in the mirror: positive, never given twice, dense enough to index arrays.
package typealias UserNumber = UInt32

/// Lists of users; a user is in one at most, and the caller knows in which.
struct UserLists: Sendable {
    /// A user's neighbours; 0 is no user.
    private struct Links: Sendable {
        var next: UserNumber = 0
        var previous: UserNumber = 0
    }

    /// First and last of a list.
    private struct Ends: Sendable {
        var head: UserNumber = 0
        var tail: UserNumber = 0
        var count = 0
    }

    private var links = [Links()]
    private var ends: [Ends]

    /// - Parameter count: of the lists.
    init(count: Int) { ends = Array(repeating: Ends(), count: count) }

    mutating func reserve(_ users: Int) { links.reserveCapacity(users + 1) }

    /// Makes room for a user.
    mutating func grow(to user: UserNumber) {
        while links.count <= Int(user) { links.append(Links()) }
    }

    /// 0 when the list is empty.
    func first(of list: Int) -> UserNumber { ends[list].head }

    func count(of list: Int) -> Int { ends[list].count }

    /// Puts a user who is in no list at the end of one.
    mutating func append(_ user: UserNumber, to list: Int) {
        link(user, after: ends[list].tail, in: list)
    }

    /// The same at the front.
    mutating func prepend(_ user: UserNumber, to list: Int) { link(user, after: 0, in: list) }

    /// Puts a user who is in no list into a sorted one. Looked for from both ends at once: nearly always it
    /// belongs near one of them.
    /// - Parameter isAfter: whether another user belongs behind this one.
    mutating func insert(_ user: UserNumber, into list: Int, isAfter: (UserNumber) -> Bool) {
        var fromTail = ends[list].tail
        var fromHead = ends[list].head
        while fromTail != 0, isAfter(fromTail) {
            if isAfter(fromHead) {
                return link(user, after: links[Int(fromHead)].previous, in: list)
            }
            fromHead = links[Int(fromHead)].next
            fromTail = links[Int(fromTail)].previous
        }
        link(user, after: fromTail, in: list)
    }

    private mutating func link(_ user: UserNumber, after before: UserNumber, in list: Int) {
        var ends = ends[list]
        let after = before == 0 ? ends.head : links[Int(before)].next
        links[Int(user)] = Links(next: after, previous: before)
        if before == 0 { ends.head = user } else { links[Int(before)].next = user }
        if after == 0 { ends.tail = user } else { links[Int(after)].previous = user }
        ends.count += 1
        self.ends[list] = ends
    }

    /// Takes a user out of its list.
    mutating func unlink(_ user: UserNumber, from list: Int) {
        let own = links[Int(user)]
        var ends = ends[list]
        if own.previous == 0 {
            ends.head = own.next
        } else {
            links[Int(own.previous)].next = own.next
        }
        if own.next == 0 {
            ends.tail = own.previous
        } else {
            links[Int(own.next)].previous = own.previous
        }
        ends.count -= 1
        self.ends[list] = ends
    }
}
