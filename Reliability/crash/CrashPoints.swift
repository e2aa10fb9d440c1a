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
        var powerCuts = 0
        /// Power cuts that left something else than was there before.
        var losses = 0
        var failures: [String] = []

        mutating func add(_ other: Tally) {
            steps += other.steps
            points += other.points
            powerCuts += other.powerCuts
            losses += other.losses
            failures += other.failures
        }
    }

    init(_ scenario: Scenario, damages: Int) {
        self.scenario = scenario
        self.damages = damages
    }

    /// The disk and its content before each step, and after the last; step 0 is the opening.
    private var disks: [SimulatedDisk] = []
    private var contents: [UInt64] = []

    mutating func run() async throws {
        try await live()
        tally.steps = scenario.steps.count
        // Every world begins with the same opening.
        for step in (scenario.isFirst ? 0 : 1)...scenario.steps.count {
            let writes = try await operations(of: step, countingReads: false)
            for at in 0..<writes { try await stop(step, at) }
            let all = try await operations(of: step, countingReads: true)
            for at in 0..<all { try await fail(step, at, .once) }
            for at in 0..<writes {
                try await fail(step, at, .withoutEnd)
                try await fail(step, at, .full)
            }
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

    /// What step `number` needs of the disk.
    private func operations(of number: Int, countingReads: Bool) async throws -> Int {
        let disk = disks[number].copy(seed: 1)
        SimulatedDisk.current = disk
        let store = number == 0 ? nil : try Store.open()
        let before = disk.operations
        disk.countsReads = countingReads
        try await perform(number, store)
        disk.countsReads = false
        return disk.operations - before
    }

    private func perform(_ number: Int, _ store: SQLiteMirror?) async throws {
        guard let store else {
            _ = try Store.open()
            return
        }
        try await scenario.steps[number - 1].perform(on: store)
    }

    // MARK: Accidents

    /// The process dies at an operation; then, on copies of what it leaves, the power goes too.
    private mutating func stop(_ number: Int, _ at: Int) async throws {
        let disk = disks[number].copy(seed: UInt64(at) &* 31 &+ UInt64(number))
        SimulatedDisk.current = disk
        let store = number == 0 ? nil : try Store.open()
        disk.trouble = .stop(at: disk.operations + at)
        let isDone = await succeeds { try await perform(number, store) }
        disk.trouble = nil
        tally.points += 1
        await check(disk.copy(seed: 1), number, isDone, "killed at operation \(at)", steps: 6)
        // Making the database anew after each cut takes long, and is not what a step is about.
        for damage in 0..<(number == 0 ? min(damages, 10) : damages) {
            let copy = disk.copy(seed: UInt64(damage) &* 7919 &+ UInt64(at) &+ 1)
            if copy.hasUnsynced { tally.losses += 1 }
            copy.cutPower()
            tally.powerCuts += 1
            let what = "power cut \(damage) at operation \(at)"
            // The opening mends nothing that SQLite does not; it is tried with every first cut, and
            // where it has to make the database.
            if damage == 0 || number == 0 {
                await check(copy, number, isDone, what, steps: damage == 0 ? 4 : 0)
            } else {
                look(at: copy, number, isDone, what, isThorough: damage % 5 == 1)
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

    /// Something fails, and then nothing any more; the same connection goes on.
    private mutating func fail(_ number: Int, _ at: Int, _ failure: Failure) async throws {
        let disk = disks[number].copy(seed: 1)
        SimulatedDisk.current = disk
        var store = number == 0 ? nil : try Store.open()
        disk.countsReads = failure == .once
        disk.trouble = failure.trouble(at: disk.operations + at)
        let isDone = await succeeds { try await perform(number, store) }
        disk.trouble = nil
        disk.countsReads = false
        // A sync needs no room, and nothing may be written after it.
        guard disk.failures > 0 else { return }
        tally.points += 1
        let name = "\(failure.rawValue) at operation \(at)"
        do {
            if number == 0 { store = try Store.open() }
            if !isDone, number > 0 { try await perform(number, store) }
            let next = min(number + 1, scenario.steps.count)
            if next > number { try await perform(next, store) }
            try compare([contents[next + 1]], number, "\(name), after the step that follows")
        } catch {
            fault(number, name, "\(error)")
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
        _ disk: SimulatedDisk, _ number: Int, _ isDone: Bool, _ what: String, steps: Int
    ) async {
        SimulatedDisk.current = disk
        do {
            let store = try Store.open()
            let (old, new) = (contents[number], contents[number + 1])
            let found = try compare(isDone || number == 0 ? [new] : [old, new], number, what)
            guard steps > 0, number > 0 else { return }
            let next = found == new ? number + 1 : number
            let end = min(scenario.steps.count, next + steps - 1)
            guard next <= end else { return }
            for step in next...end { try await perform(step, store) }
            try compare([contents[end + 1]], end, "after \(what), and going on")
        } catch let error as Different {
            fault(number, what, error.description)
        } catch {
            fault(number, what, "\(error)")
        }
    }

    /// Only looks, with SQLite alone.
    private mutating func look(
        at disk: SimulatedDisk, _ number: Int, _ isDone: Bool, _ what: String, isThorough: Bool
    ) {
        SimulatedDisk.current = disk
        let (old, new) = (contents[number], contents[number + 1])
        do {
            try compare(isDone ? [new] : [old, new], number, what, isThorough: isThorough)
        } catch {
            fault(number, what, "\(error)")
        }
    }

    private struct Different: Error, CustomStringConvertible {
        let description: String
    }

    @discardableResult
    private func compare(
        _ allowed: [UInt64], _ number: Int, _ what: String, isThorough: Bool = true
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

    private mutating func fault(_ number: Int, _ what: String, _ words: String) {
        let word = number == 0 ? "open" : scenario.steps[number - 1].word
        tally.failures.append("\(scenario.name), step \(number) (\(word)), \(what): \(words)")
    }
}
