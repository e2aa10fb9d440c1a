import ChatModel
import HeapModule

/// Users by the time before which they are left alone. An entry whose user has gone elsewhere in the
/// meantime is recognised and skipped by the schedule when its time comes.
struct WaitingUsers: Sendable {
    /// A user and when its turn is; equal times have one order.
    struct Entry: Sendable, Hashable, Comparable {
        let time: MonotonicTime
        let user: UserNumber

        static func < (left: Entry, right: Entry) -> Bool {
            (left.time, left.user) < (right.time, right.user)
        }
    }

    private var heap = Heap<Entry>()
    private var times: [UserNumber: MonotonicTime] = [:]

    var first: Entry? { heap.min }

    /// Whether the entry still says when its user is due.
    func isCurrent(_ entry: Entry) -> Bool { times[entry.user] == entry.time }

    mutating func forget(_ user: UserNumber) { times[user] = nil }

    mutating func insert(_ time: MonotonicTime, _ user: UserNumber) {
        times[user] = time
        heap.insert(Entry(time: time, user: user))
    }

    mutating func removeFirst() { heap.removeMin() }
}
