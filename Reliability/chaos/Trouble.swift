import ChatEmulator

/// What happens to the daemon, its disk, its cloud and its clock.
enum Trouble: Equatable {
    /// SIGKILL at random, in its work or in its start.
    case kill
    /// `resync` is killed while it waits for the daemon.
    case killResyncBesideTheDaemon
    /// `resync` is killed while it calls the cloud itself.
    case killResyncAlone
    /// SIGSTOP for longer than the watchdog allows; what systemd does then.
    case freeze
    /// The same on a machine that was suspended itself: the daemon goes on.
    case suspend
    case fullDisk
    /// Another program holds the database.
    case lock(seconds: Int)
    case moveCalendar
    case secondDaemon
    case stop
    case reload
    /// The cloud answers nothing for a while.
    case silentCloud
    /// The cloud is killed and begins again with what it had in the beginning.
    case restartCloud

    /// So many rounds of trouble in a random order; in each twenty, half are kills.
    static func deck(rounds: Int, _ random: inout SplitMix) -> [Trouble] {
        let deck = (0..<(rounds + 19) / 20).flatMap { number in
            [Trouble](repeating: .kill, count: 10) + [
                .killResyncBesideTheDaemon, .killResyncAlone, .freeze, .suspend, .fullDisk,
                .lock(seconds: number % 5 == 0 ? 60 : 3), .moveCalendar, .secondDaemon,
                number.isMultiple(of: 2) ? .stop : .reload, .silentCloud,
            ]
        }
        return Array(deck.prefix(rounds)).shuffled(using: &random)
    }

    /// Half of it the cloud's own.
    static func deckOfTheCloud(rounds: Int, _ random: inout SplitMix) -> [Trouble] {
        let others: [Trouble] = [.kill, .killResyncBesideTheDaemon, .silentCloud, .stop]
        return (0..<rounds).map {
            $0.isMultiple(of: 2) ? .restartCloud : others.randomElement(using: &random) ?? .kill
        }
    }
}
