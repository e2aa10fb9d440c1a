import ChatAPI
import ChatModel
import SyncRules

// Hints that other programs give. They move pulls; no program waits for them, and no user's presence is logged or
// stored, but totals.

extension MirrorEngine {
    /// Takes in hints.
    /// - Parameter dropped: of the same moment, how many were too many.
    package func take(_ lines: [HintLine], dropped: Int = 0, faulty: Int = 0) {
        hints.dropped += dropped
        hints.faulty += faulty
        guard settings.mode.schedulesEverybody, !isStopping else { return }
        let now = parts.time.now()
        let cloudNow = parts.cloud.cloudTime(at: parts.time.wallTime())
        for line in lines {
            guard let user = users.number(of: line.user), schedule.contains(user) else {
                hints.unknown += 1
                continue
            }
            let event = line.at.map { now - (cloudNow - $0) } ?? now
            if schedule.hint(user, line.kind, at: event, now: now) {
                hints.taken += 1
            } else {
                hints.useless += 1
            }
        }
        wakeDispatcher()
    }
}

/// Hints since the start.
package struct HintTotals: Sendable {
    /// That moved a pull, or may.
    package var taken = 0
    /// Doubled, overtaken, or older than the last pull.
    package var useless = 0
    /// About users who are not in the list.
    package var unknown = 0
    /// Above what is taken in a second.
    package var dropped = 0
    /// Lines that are none.
    package var faulty = 0
}
