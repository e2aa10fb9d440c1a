import ChatModel
import MirrorStore
import SyncRules

// What can change while the engine runs.

extension MirrorEngine {
    /// Whether the user is in the list, as it was read last.
    package func isListed(_ user: UserNumber) -> Bool {
        settings.mode.schedulesEverybody
            ? schedule.contains(user) : users.listedAtStart.contains(user)
    }

    /// Takes over a new list and new settings; passes under way go on.
    package func reload(
        _ book: KnownUsers, maxStaleness: Duration,
        minInterval: Duration = Schedule.shortestInterval, guardLimits: DeletionGuard.Limits,
        pushPolicy: PushPolicy, history: Duration?
    ) async {
        let listedBefore = schedule.count
        var gone: [UserNumber] = []
        for user in 1...max(1, users.highest)
        where schedule.contains(user) && !book.listed.contains(user) {
            schedule.remove(user)
            failing.remove(user)
            gone.append(user)
        }
        users.reload(book)
        failuresInStore.formUnion(book.troubles.keys)
        schedule.remember(book, wall: parts.time.wallTime(), now: parts.time.now())
        await deletionHolds.know(book.holds.filter { book.listed.contains($0.key) })
        for user in 1...max(1, users.highest) where book.listed.contains(user) {
            schedule.add(user)
        }
        if !gone.isEmpty || schedule.count != listedBefore {
            round.begin(now: parts.time.now())
        }
        schedule.maxStaleness = maxStaleness
        schedule.minInterval = minInterval
        await commits.set(maxStaleness: maxStaleness)
        settings.maxStaleness = maxStaleness
        settings.minInterval = minInterval
        settings.pushPolicy = pushPolicy
        settings.history = history
        await deletionHolds.set(guardLimits)
        // Whose deletions are held depends on who is in the list.
        watch.mustLook = true
        reconsiderCloud()
        wakeDispatcher()
        await leave(gone)
    }
}
