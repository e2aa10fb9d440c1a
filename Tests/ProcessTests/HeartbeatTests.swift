import ChatModel
import Daemon
import Foundation
import SyncEngine
import SyncRules
import TestSupport
import Testing

@Suite struct TheHeartbeat {
    private let directory: TemporaryDirectory
    private let database: String
    private let clock = TestClock()

    init() throws {
        directory = try TemporaryDirectory()
        database = directory.file("mirror.db")
    }

    private func heartbeat(of process: Int32 = getpid()) -> Heartbeat? {
        Heartbeat(database: database, of: process, now: clock.now())
    }

    @Test func theHeartbeatIsReadAsItWasWritten() throws {
        let file = try PulseFile(database: database)
        let pulse = Pulse(
            cloud: "refused", cloudProblem: "another key\n<forged>",
            storeProblem: "disk is full", clockOffset: .seconds(-600))
        file.write(pulse, time: clock)
        let read = try #require(heartbeat())
        #expect(read.pulse.cloudProblem == "another key <forged>")
        #expect(read.pulse.storeProblem == "disk is full")
        #expect(read.pulse.clockOffset == .seconds(-600))
        #expect(read.at == clock.wallTime())
        file.write(Pulse(cloud: "accepting"), time: clock)
        #expect(heartbeat()?.pulse == Pulse(cloud: "accepting"))
    }

    @Test func theHeartbeatThatIsOlderThanFifteenSeconds_isSilence() throws {
        let file = try PulseFile(database: database)
        file.write(Pulse(cloud: "accepting"), time: clock)
        clock.advance(by: .seconds(15))
        #expect(heartbeat()?.isSilent == false)
        clock.advance(by: .milliseconds(1))
        #expect(heartbeat()?.isSilent == true)
    }

    @Test func theHeartbeatOfADaemonThatIsStarting_mayBeAsOldAsAStartMayTake() throws {
        let file = try PulseFile(database: database)
        file.write(.starting, time: clock)
        clock.advance(by: .seconds(120))
        #expect(heartbeat()?.isSilent == false)
        clock.advance(by: .milliseconds(1))
        #expect(heartbeat()?.isSilent == true)
    }

    @Test func theHeartbeatOfAnotherProcess_isNone() throws {
        let file = try PulseFile(database: database)
        file.write(Pulse(cloud: "accepting"), time: clock)
        #expect(heartbeat(of: 1) == nil)
        file.remove()
        #expect(heartbeat() == nil)
    }
}

@Suite struct ACommandThatWaitsForADaemon {
    private let directory: TemporaryDirectory
    private let clock = TestClock()

    init() throws { directory = try TemporaryDirectory() }

    private func heartbeat(_ pulse: Pulse, age: Duration) throws -> Heartbeat? {
        let file = try PulseFile(database: directory.file("mirror.db"))
        file.write(pulse, time: clock)
        return Heartbeat(
            database: directory.file("mirror.db"), of: getpid(), now: clock.now() + age)
    }

    @Test func whileItGoesOn_saysNothing() throws {
        var patience = DaemonPatience(since: .zero)
        for second in 0..<100 {
            let verdict = patience.look(
                try heartbeat(Pulse(cloud: "accepting"), age: .zero), done: second,
                now: .zero + .seconds(second))
            #expect(verdict == .wait)
        }
    }

    @Test func aCommandThatWaitsForADaemonSaysOnceWhatItWaitsFor() throws {
        var patience = DaemonPatience(since: .zero)
        let pulse = Pulse(cloud: "accepting", storeProblem: "disk is full")
        let heartbeat = try heartbeat(pulse, age: .zero)
        #expect(patience.look(heartbeat, done: 0, now: .zero) == .wait)
        let words = "the database cannot be written: disk is full; the cloud accepts calls"
        #expect(patience.look(heartbeat, done: 0, now: .zero + .seconds(10)) == .say(words))
        #expect(patience.look(heartbeat, done: 0, now: .zero + .seconds(90)) == .wait)
    }

    @Test func aCommandThatWaitsForADaemonSaysThatItDoesNotRespond_andGivesUpAfterAMinute() throws {
        var patience = DaemonPatience(since: .zero)
        let frozen = try heartbeat(Pulse(cloud: "accepting"), age: .seconds(16))
        #expect(patience.look(frozen, done: 0, now: .zero) == .wait)
        #expect(
            patience.look(frozen, done: 0, now: .zero + .seconds(10))
                == .say("it does not respond"))
        let longer = try heartbeat(Pulse(cloud: "accepting"), age: .seconds(60))
        #expect(
            patience.look(longer, done: 0, now: .zero + .seconds(50))
                == .giveUp("has not responded for 60 s"))
    }

    @Test func aCommandThatWaitsForADaemonOfADaemonThatNeverBeats_givesUpAfterAMinuteToo() {
        var patience = DaemonPatience(since: .zero)
        _ = patience.look(nil, done: 0, now: .zero)
        #expect(patience.look(nil, done: 0, now: .zero + .seconds(59)) == .say("it is starting"))
        #expect(
            patience.look(nil, done: 0, now: .zero + .seconds(60))
                == .giveUp("has not responded for 60 s"))
    }
}
