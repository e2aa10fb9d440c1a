import ChatModel

/// Users by the time before which they are left alone: a binary heap. An entry whose user has gone
/// elsewhere in the meantime is recognised and skipped by the schedule when its time comes.
struct WaitingUsers: Sendable {
    /// A user and when its turn is.
    struct Entry: Sendable, Hashable {
        let time: MonotonicTime
        let user: UserNumber
    }

    private var heap: [Entry] = []
    private var times: [UserNumber: MonotonicTime] = [:]

    var first: Entry? { heap.first }

    /// Whether the entry still says when its user is due.
    func isCurrent(_ entry: Entry) -> Bool { times[entry.user] == entry.time }

    mutating func forget(_ user: UserNumber) { times[user] = nil }

    mutating func insert(_ time: MonotonicTime, _ user: UserNumber) {
        times[user] = time
        heap.append(Entry(time: time, user: user))
        var child = heap.count - 1
        while child > 0, heap[child].isBefore(heap[(child - 1) / 2]) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func removeFirst() {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < heap.count && heap[child].isBefore(heap[least]) {
                least = child
            }
            if least == parent { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}

extension WaitingUsers.Entry {
    /// By time, then by user, so that equal times have one order.
    fileprivate func isBefore(_ other: WaitingUsers.Entry) -> Bool {
        time == other.time ? user < other.user : time < other.time
    }
}
