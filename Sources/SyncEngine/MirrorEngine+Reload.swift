import ChatModel
import MirrorStore
import SyncRules

// What can change while the engine runs.

extension MirrorEngine {
    package func isListed(_ user: UserNumber) -> Bool {
        settings.onlyRequest == nil ? schedule.contains(user) : listedOnly.contains(user)
    }

    /// Takes over a new list and new settings; passes under way go on.
    package func reload(
        _ book: KnownUsers, maxStaleness: Duration, guardLimits: DeletionGuard.Limits,
        pushPolicy: PushPolicy, history: Duration?
    ) async {
        let listedBefore = schedule.count
        var gone: [UserNumber] = []
        for user in 1...max(1, roster.highest)
        where schedule.contains(user) && !book.listed.contains(user) {
            schedule.remove(user)
            troubles[user] = nil
            gone.append(user)
        }
        roster = book.roster
        while digests.count <= Int(roster.highest) { digests.append(.none) }
        mirrored = Self.mirrored(digests, book.listed)
        await deletionHolds.know(book.holds.filter { book.listed.contains($0.key) })
        for user in 1...max(1, roster.highest) where book.listed.contains(user) {
            schedule.add(user)
        }
        if !gone.isEmpty || schedule.count != listedBefore {
            round.begin(now: parts.time.now())
        }
        schedule.maxStaleness = maxStaleness
        settings.maxStaleness = maxStaleness
        settings.pushPolicy = pushPolicy
        settings.history = history
        await deletionHolds.set(guardLimits)
        // Whose deletions are held depends on who is in the list.
        mustLook = true
        reconsiderCloud()
        wakeDispatcher()
        for active in requests {
            await leave(gone.filter(active.remaining.contains), active.request.id)
        }
        await finishRequests()
    }
}
