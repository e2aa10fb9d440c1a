import ChatEmulator
import ChatModel
import Disk
import MirrorStore
import Simulation

// Every operation on the disk of every step of a scenario, and every accident at each: the process
// is killed, the power goes (with many different losses), the operation fails once, or from then on,
// the disk is full. Afterwards the database opens, is sound, holds everything that was acknowledged
// and nothing by halves, and the steps that follow lead where they led without the accident.

/// Tries all accidents of one scenario.
struct CrashPoints {
    let scenario: Scenario
    /// Power cuts at each operation.
    let damages: Int
    private(set) var tally = Tally()

    struct Tally {
        var steps = 0
        var points = 0
        /// Those that had something to take.
        var powerCuts = 0
        var failures: [String] = []

        mutating func add(_ other: Tally) {
            steps += other.steps
            points += other.points
            powerCuts += other.powerCuts
            failures += other.failures
        }
    }

    init(_ scenario: Scenario, damages: Int) {
        self.scenario = scenario
        self.damages = damages
    }

    /// The disk and its content before each step, and after the last; step 0 is the first opening.
    private var disks: [SimulatedDisk] = []
    private var contents: [UInt64] = []

    /// Something that meets accidents.
    private enum Act {
        /// A process opens the database as it is before a step. But for the first time there is a
        /// log, which the opening moves into the database.
        case opening(before: Int)
        case step(Int)

        /// The step that comes with it or after it.
        var number: Int {
            switch self {
            case .opening(let number), .step(let number): number
            }
        }

        /// The database is made.
        var isFirst: Bool {
            if case .opening(0) = self { true } else { false }
        }
    }

    mutating func run() async throws {
        try await live()
        tally.steps = scenario.steps.count
        // Every world begins with the same opening.
        if scenario.isFirst { try await tryAccidents(with: .opening(before: 0)) }
        for number in 1...scenario.steps.count {
            if number % 6 == 3 { try await tryAccidents(with: .opening(before: number)) }
            try await tryAccidents(with: .step(number))
        }
    }

    private mutating func tryAccidents(with act: Act) async throws {
        let writes = try await operations(of: act, countingReads: false)
        for at in 0..<writes { try await stop(act, at) }
        let all = try await operations(of: act, countingReads: true)
        for at in 0..<all { try await fail(act, at, .once) }
        for at in 0..<writes {
            try await fail(act, at, .withoutEnd)
            try await fail(act, at, .full)
        }
    }

    // MARK: Without accidents

    /// Does every step once, and keeps what the disk was before each.
    private mutating func live() async throws {
        disks = [scenario.start.copy(seed: 1)]
        SimulatedDisk.current = scenario.start.copy(seed: 1)
        contents = [0]
        var store = try Store.open()
        for step in scenario.steps {
            disks.append(SimulatedDisk.current.copy(seed: 1))
            contents.append(try Store.digest(isThorough: false).content)
            // Now and then a process ends and another begins.
            if disks.count.isMultiple(of: 40) {
                try store.close()
                store = try Store.open()
            }
            try await step.perform(on: store)
        }
        contents.append(try Store.digest(isThorough: false).content)
    }

    /// The disk as the act finds it, and the store that does it. Every other step comes in a log that
    /// holds the one before it.
    private func prepare(_ act: Act, seed: UInt64 = 1) async throws -> (
        SimulatedDisk, SQLiteMirror?
    ) {
        let number = act.number
        guard case .step = act else {
            let disk = disks[number].copy(seed: seed)
            SimulatedDisk.current = disk
            return (disk, nil)
        }
        let isBehind = number > 1 && !number.isMultiple(of: 2)
        let disk = disks[isBehind ? number - 1 : number].copy(seed: seed)
        SimulatedDisk.current = disk
        let store = try Store.open()
        if isBehind { try await scenario.steps[number - 2].perform(on: store) }
        return (disk, store)
    }

    /// What the act needs of the disk.
    private func operations(of act: Act, countingReads: Bool) async throws -> Int {
        let (disk, store) = try await prepare(act)
        let before = disk.operations
        disk.countsReads = countingReads
        try await perform(act, store)
        disk.countsReads = false
        return disk.operations - before
    }

    private func perform(_ act: Act, _ store: SQLiteMirror?) async throws {
        guard let store else {
            _ = try Store.open()
            return
        }
        try await scenario.steps[act.number - 1].perform(on: store)
    }

    /// What the database holds before the act, and after it.
    private func content(_ act: Act) -> (old: UInt64, new: UInt64) {
        switch act {
        case .opening(let number): (contents[max(1, number)], contents[max(1, number)])
        case .step(let number): (contents[number], contents[number + 1])
        }
    }

    // MARK: Accidents

    /// The process dies at an operation; then, on copies of what it leaves, the power goes too.
    private mutating func stop(_ act: Act, _ at: Int) async throws {
        let (disk, store) = try await prepare(
            act, seed: UInt64(at) &* 31 &+ UInt64(act.number))
        disk.trouble = .stop(at: disk.operations + at)
        let isDone = await succeeds { try await perform(act, store) }
        disk.trouble = nil
        tally.points += 1
        await check(disk.copy(seed: 1), act, isDone, "killed at operation \(at)", steps: 6)
        guard disk.hasUnsynced else { return }
        let (old, new) = content(act)
        // Making the database again after each cut takes long, and is not what a step is about.
        for damage in 0..<(act.isFirst ? min(damages, 20) : damages) {
            let copy = disk.copy(seed: UInt64(damage) &* 7919 &+ UInt64(at) &+ 1)
            copy.cutPower()
            tally.powerCuts += 1
            let what = "power cut \(damage) at operation \(at)"
            // The opening mends nothing that SQLite does not; it is tried with every first cut, and
            // where it has to make the database.
            if damage == 0 || act.isFirst {
                await check(copy, act, isDone, what, steps: damage == 0 ? 4 : 0)
            } else {
                look(
                    at: copy, act, isDone ? [new] : [old, new], what,
                    isThorough: damage % 5 == 1)
            }
        }
    }

    /// How the disk fails.
    private enum Failure: String {
        /// Any operation, reads included.
        case once = "one error"
        /// From some write on.
        case withoutEnd = "errors without end"
        case full = "a full disk"

        func trouble(at: Int) -> DiskTrouble {
            switch self {
            case .once: .fail(at: at, times: 1)
            case .withoutEnd: .fail(at: at, times: .max - at)
            case .full: .full(at: at, times: .max - at)
            }
        }
    }

    /// Something fails, and then nothing any more; the same connection goes on. Then the power goes.
    private mutating func fail(_ act: Act, _ at: Int, _ failure: Failure) async throws {
        var (disk, store) = try await prepare(act)
        disk.countsReads = failure == .once
        disk.trouble = failure.trouble(at: disk.operations + at)
        let isDone = await succeeds { try await perform(act, store) }
        disk.trouble = nil
        disk.countsReads = false
        // A sync needs no room, and nothing may be written after it.
        guard disk.failures > 0 else { return }
        tally.points += 1
        let name = "\(failure.rawValue) at operation \(at)"
        do {
            var next = act.number + 1
            if let store {
                if !isDone { try await perform(act, store) }
            } else {
                store = try Store.open()
                next = max(1, act.number)
            }
            if next <= scenario.steps.count { try await perform(.step(next), store) }
            let end = [contents[min(next, scenario.steps.count) + 1]]
            try compare(end, "\(name), after the step that follows")
            let copy = disk.copy(seed: UInt64(at) &+ 1)
            copy.cutPower()
            look(
                at: copy, act, end, "\(name), the step that follows and a power cut",
                isThorough: at % 5 == 1)
        } catch {
            fault(act, name, "\(error)")
        }
    }

    private func succeeds(_ body: () async throws -> Void) async -> Bool {
        do {
            try await body()
            return true
        } catch {
            return false
        }
    }

    // MARK: Afterwards

    /// Opens what is left, looks at it, and goes on with some steps.
    private mutating func check(
        _ disk: SimulatedDisk, _ act: Act, _ isDone: Bool, _ what: String, steps: Int
    ) async {
        SimulatedDisk.current = disk
        do {
            let store = try Store.open()
            let (old, new) = content(act)
            let found = try compare(isDone ? [new] : [old, new], what)
            guard steps > 0, !act.isFirst else { return }
            var next = act.number
            if case .step = act, found == new { next += 1 }
            let end = min(scenario.steps.count, next + steps - 1)
            guard next <= end else { return }
            for step in next...end { try await perform(.step(step), store) }
            try compare([contents[end + 1]], "after \(what), and going on")
        } catch let error as Different {
            fault(act, what, error.description)
        } catch {
            fault(act, what, "\(error)")
        }
    }

    /// Only looks, with SQLite alone.
    private mutating func look(
        at disk: SimulatedDisk, _ act: Act, _ allowed: [UInt64], _ what: String, isThorough: Bool
    ) {
        SimulatedDisk.current = disk
        do {
            try compare(allowed, what, isThorough: isThorough)
        } catch {
            fault(act, what, "\(error)")
        }
    }

    private struct Different: Error, CustomStringConvertible {
        let description: String
    }

    @discardableResult
    private func compare(
        _ allowed: [UInt64], _ what: String, isThorough: Bool = true
    ) throws -> UInt64 {
        let (content, integrity) = try Store.digest(isThorough: isThorough)
        guard integrity == "ok" else { throw Different(description: integrity) }
        guard allowed.contains(content) else {
            let place = contents.firstIndex(of: content).map { "that before step \($0)" }
            throw Different(
                description: "the content is \(place ?? "none that ever was") (\(what))")
        }
        return content
    }

    private mutating func fault(_ act: Act, _ what: String, _ words: String) {
        let word =
            switch act {
            case .opening: "open"
            case .step(let number): scenario.steps[number - 1].word
            }
        tally.failures.append(
            "\(scenario.name), step \(act.number) (\(word)), \(what): \(words)")
    }
}
