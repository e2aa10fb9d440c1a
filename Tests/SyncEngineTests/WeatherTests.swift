import ChatEmulator
import ChatModel
import MirrorStore
import SyncEngine
import SyncRules
import TestSupport
import Testing

private let first = "user00000001"

/// Failures that pass, clocks that are off, conversations of a kind that is yet to come.
@Suite struct RealWeather {
    @Test(arguments: [
        Fault.Kind.badGateway, .resetBefore, .code(50004, applied: false), .truncated, .garbage,
    ])
    func aPageThatFailsThreeTimes_isRepeatedInPlace(kind: Fault.Kind) async throws {
        var options = EmulatorOptions.small
        (options.users, options.conversations, options.pageSize) = (1, 30, 10)
        let fixture = try MirrorFixture(options)
        fixture.cloud.setFaults([Fault(kind, times: 3)])
        let (_, progress) = try await fixture.resync()
        #expect(progress?.changed == 1 && progress?.failed == 0)
        #expect(fixture.recorder.lines(of: "call_failed").count == 3)
        #expect(fixture.recorder.lines(of: "pass_failed").isEmpty)
        #expect(try fixture.mirror == fixture.cloud.truth)
    }

    @Test func aPageThatFailsFourTimes_costsThePass() async throws {
        var options = EmulatorOptions.small
        options.users = 1
        let fixture = try MirrorFixture(options, faults: [Fault(.badGateway, times: 4)])
        let (_, progress) = try await fixture.resync()
        #expect(progress?.failed == 0)
        #expect(fixture.recorder.lines(of: "pass_failed").count == 1)
    }

    @Test func aWriteThatFailsInPassing_isNotRepeatedInPlace() async throws {
        let fixture = try MirrorFixture()
        try await fixture.resync()
        try fixture.queue(.mark(.user("bob"), MarkEdit(custom: "x")))
        fixture.cloud.setFaults([Fault(.badGateway, times: 1, command: "mark_contact")])
        try await fixture.resync()
        #expect(fixture.recorder.lines(of: "call_failed").count == 1)
        #expect(fixture.recorder.lines(of: "edits_in_doubt").count == 1)
    }

    @Test func aProbeOfASilentCloud_isOneCall() async throws {
        let fixture = try MirrorFixture(faults: [Fault(.resetBefore)])
        _ = try await fixture.running(try fixture.engine()) {
            try await fixture.wait(for: "the cloud to be unreachable") {
                !fixture.recorder.lines(of: "cloud_unreachable").isEmpty
            }
            try await fixture.clock.sleep(for: .seconds(20))
            let before = fixture.cloud.callCount
            try await fixture.clock.sleep(for: .seconds(50))
            #expect((9...11).contains(fixture.cloud.callCount - before))
        }
    }

    @Test func aClockThatIsBehind_keepsTheDaemonProbing_untilItIsSet() async throws {
        var options = EmulatorOptions.small
        options.clockSkew = 40 * 86_400
        let fixture = try MirrorFixture(options)
        var settings = MirrorFixture.settings()
        settings.endsWhenRefused = true
        let engine = try fixture.engine(settings: settings)
        let end = try await fixture.running(engine) {
            try await fixture.wait(for: "words about the clock") {
                !fixture.recorder.lines(of: "clock_off").isEmpty
            }
            #expect(await engine.pulse().cloud == "clock_off")
            #expect(await engine.pulse().sentence.contains("39 days behind"))
            fixture.cloud.with { $0.options.clockSkew = 0 }
            try await fixture.waitForTheFirstRound()
            try await fixture.wait(for: "the clock to be right") {
                !fixture.recorder.lines(of: "clock_right").isEmpty
            }
        }
        guard case .drained = end else {
            Issue.record("the engine ended by itself")
            return
        }
    }

    @Test func aConversationOfAnUnknownType_isLeftOutCountedAndToldOnce() async throws {
        var options = EmulatorOptions.small
        (options.users, options.conversations) = (1, 5)
        let fixture = try MirrorFixture(options, faults: [Fault(.unknownType)])
        _ = try await fixture.running(try fixture.engine()) {
            try await fixture.waitForTheFirstRound()
            try await fixture.clock.sleep(for: .seconds(30))
        }
        #expect(fixture.recorder.lines(of: "conversations_skipped").count == 1)
        var skipped: [Int] = []
        try fixture.reader.users { skipped.append($0.skipped) }
        #expect(skipped == [1])
        #expect(try fixture.mirror[try UserID(first)]?.conversations.count == 4)
        fixture.cloud.setFaults([])
        try await fixture.resync()
        try fixture.reader.users { #expect($0.skipped == 0 && $0.state == "fresh") }
    }

    @Test func aRound_isReportedWithItsTime() async throws {
        let fixture = try MirrorFixture()
        _ = try await fixture.running(try fixture.engine(users: [first, "nobody"])) {
            try await fixture.wait(for: "two rounds") {
                fixture.recorder.lines(of: "round_done").count >= 2
            }
        }
        #expect(fixture.recorder.lines(of: "round_done")[0].contains("users=2"))
    }

    @Test func whatAnotherClientChangesWhileUsersAreCompared_isNoDrift() async throws {
        let fixture = try MirrorFixture()
        _ = try await fixture.running(try fixture.engine()) {
            try await fixture.waitForTheFirstRound()
            let other = try fixture.asAnotherProcess()
            fixture.cloud.churn(40)
            let request = try other.ask(.compare, users: nil, at: fixture.clock.wallTime())
            try await fixture.wait(for: "the comparison") {
                try other.progress(of: request)?.isFinished == true
            }
            #expect(try other.progress(of: request)?.changed == 0)
        }
    }

    @Test
    func realWeatherWithoutADaemon_whatHasChangedSinceTheLastPull_isADifference() async throws {
        let fixture = try MirrorFixture()
        try await fixture.resync()
        fixture.cloud.churn(40)
        let (_, progress) = try await fixture.resync(.compare)
        #expect(progress?.changed ?? 0 > 0)
    }
}

/// One edit that cannot be done, or one mistake of the cloud, is not everybody's.
@Suite struct EditsInRealWeather {
    private let bob = ConversationID.user("bob")
    private let bad = ConversationID.user("bad")

    private func group(of fixture: MirrorFixture) throws -> GroupReference {
        let user = try UserID(first)
        let group = try #require(fixture.mirror[user]?.groups.first)
        return GroupReference(id: nil, name: group.name)
    }

    private func state(_ fixture: MirrorFixture, _ edit: EditID) throws -> EditState? {
        try fixture.edits().first { $0.id == edit.number }?.state
    }

    /// A user with at least one group, to be edited.
    private func fixture() async throws -> MirrorFixture {
        var options = EmulatorOptions.small
        (options.users, options.conversations) = (1, 12)
        let fixture = try MirrorFixture(options)
        try await fixture.resync()
        return fixture
    }

    @Test func aConversationThatFails_holdsUpItsOwnEditAlone() async throws {
        let fixture = try await fixture()
        let edits = try fixture.queue(
            .add([bad], to: try group(of: fixture)), .mark(bob, MarkEdit(custom: "x")))
        fixture.cloud.setFaults([
            Fault(.itemFails(51007, applied: false), command: "update_contact_group")
        ])
        // As without a daemon: one run, and everything else is sent.
        try await fixture.resync()
        #expect(try state(fixture, edits[1]) == .applied)
        #expect(try state(fixture, edits[0])?.isOpen == true)
    }

    @Test func anEmptyListingByMistake_rejectsNoEdit() async throws {
        let fixture = try await fixture()
        let edits = try fixture.queue(.add([bob], to: try group(of: fixture)))
        fixture.cloud.setFaults([Fault(.emptyListing, times: 1)])
        try await fixture.resync()
        #expect(try state(fixture, edits[0]) == .applied)
    }

    @Test func aDeletion_isNotTakenForDoneByAnEmptyListing() async throws {
        let fixture = try await fixture()
        let edits = try fixture.queue(.delete(try group(of: fixture)))
        fixture.cloud.setFaults([Fault(.emptyListing, times: 1)])
        try await fixture.resync()
        #expect(try state(fixture, edits[0]) == .applied)
        #expect(fixture.cloud.with { $0.journalLines.count } == 1)
    }

    @Test func aGroupThatIsReallyGone_rejectsTheEditAfterASecondLook() async throws {
        let fixture = try await fixture()
        let reference = try group(of: fixture)
        let edits = try fixture.queue(.add([bob], to: reference))
        try await fixture.pushByHand(.delete(1, name: reference.name), user: first)
        let before = fixture.cloud.callCount
        try await fixture.resync()
        #expect(try state(fixture, edits[0]) == .rejected)
        #expect(fixture.cloud.callCount - before == 2)
    }

    @Test func aWrongParameterForAGroup_isLookedIntoBeforeItIsARefusal() async throws {
        let fixture = try await fixture()
        let edits = try fixture.queue(.add([bob], to: try group(of: fixture)))
        fixture.cloud.setFaults([
            Fault(.code(50002, applied: false), times: 1, command: "update_contact_group")
        ])
        _ = try await fixture.running(try fixture.engine()) {
            try await fixture.wait(for: "the edit") {
                try !(self.state(fixture, edits[0])?.isOpen ?? false)
            }
        }
        #expect(try state(fixture, edits[0]) == .applied)
    }

    @Test func aWrongParameterTwice_isARefusal() async throws {
        let fixture = try await fixture()
        let edits = try fixture.queue(.add([bob], to: try group(of: fixture)))
        fixture.cloud.setFaults([
            Fault(.code(50002, applied: false), command: "update_contact_group")
        ])
        _ = try await fixture.running(try fixture.engine()) {
            try await fixture.wait(for: "the edit") {
                try !(self.state(fixture, edits[0])?.isOpen ?? false)
            }
        }
        #expect(try state(fixture, edits[0]) == .rejected)
    }

    @Test func anEditInDoubt_doesNotWaitBehindAResyncOfEverybody() async throws {
        var options = EmulatorOptions.small
        options.users = 1500
        let fixture = try MirrorFixture(options)
        try await fixture.resync()
        let edits = try fixture.queue(.mark(bob, MarkEdit(custom: "x")))
        fixture.cloud.setFaults([Fault(.badGateway, times: 1, command: "mark_contact")])
        _ = try await fixture.running(try fixture.engine()) {
            let other = try fixture.asAnotherProcess()
            _ = try other.ask(.resync, users: nil, at: fixture.clock.wallTime())
            let start = fixture.clock.now()
            try await fixture.wait(for: "the edit") {
                try self.state(fixture, edits[0]) == .applied
            }
            #expect(fixture.clock.now() - start < .seconds(9))
        }
    }
}
