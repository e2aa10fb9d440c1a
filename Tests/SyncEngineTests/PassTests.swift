import ChatEmulator
import ChatModel
import MirrorStore
import SyncEngine
import SyncRules
import TestSupport
import Testing

@Suite struct APass {
    @Test func overAnUnchangedUser_makesOneCallAndWritesNoChange() async throws {
        let fixture = try MirrorFixture()
        try await fixture.resync()
        let (calls, changes) = (fixture.cloud.callCount, try fixture.reader.lastChange())
        let (_, progress) = try await fixture.resync()
        #expect(progress?.changed == 0)
        // One call for each of the twenty, for they have one page.
        #expect(fixture.cloud.callCount - calls == 20)
        #expect(try fixture.reader.lastChange() == changes)
    }

    @Test func overAnUnchangedUserOfManyPages_readsEachPageOnce() async throws {
        var options = EmulatorOptions.small
        options.users = 3
        options.conversations = 10
        options.pageSize = 4
        let fixture = try MirrorFixture(options)
        try await fixture.resync()
        let before = fixture.cloud.callCount
        try await fixture.resync()
        #expect(fixture.cloud.callCount - before == 9)
    }

    @Test func overAChangedUserOfManyPages_believesWhatItSawTwice() async throws {
        var options = EmulatorOptions.small
        options.users = 1
        options.conversations = 10
        options.pageSize = 4
        let fixture = try MirrorFixture(options)
        try await fixture.resync()
        #expect(fixture.cloud.callCount == 6)
    }

    @Test func whileThePhoneIsBusy_neverStoresAMixtureOfTwoMoments() async throws {
        var options = EmulatorOptions.small
        options.users = 4
        options.conversations = 30
        options.pageSize = 5
        let fixture = try MirrorFixture(options)
        try await fixture.resync()
        let before = try fixture.mirror
        fixture.cloud.setFaults([Fault(.drift)])
        let (_, progress) = try await fixture.resync()
        #expect(progress?.failed == 4)
        #expect(try fixture.mirror == before)
        fixture.cloud.setFaults([])
        try await fixture.resync()
        #expect(try fixture.mirror == fixture.cloud.truth)
    }

    @Test func aPassWithADriftNowAndThen_comesToTheTruthInTheEnd() async throws {
        var options = EmulatorOptions.small
        options.pageSize = 3
        let fixture = try MirrorFixture(options, faults: [Fault(.drift, rate: 0.02)])
        try await fixture.resync()
        fixture.cloud.setFaults([])
        try await fixture.resync()
        #expect(try fixture.mirror == fixture.cloud.truth)
    }

    @Test(arguments: [Fault.Kind.stuckCursor, .noCompleteFlag, .truncated, .garbage])
    func overAnIncompleteListing_keepsTheOldMirrorAndMarksTheUser(kind: Fault.Kind) async throws {
        var options = EmulatorOptions.small
        options.users = 3
        options.conversations = 10
        options.pageSize = 4
        let fixture = try MirrorFixture(options)
        try await fixture.resync()
        let before = try fixture.mirror
        fixture.cloud.churn(30)
        fixture.cloud.setFaults([Fault(kind)])
        let (_, progress) = try await fixture.resync()
        #expect(progress?.failed == 3)
        #expect(try fixture.mirror == before)
        #expect(try fixture.reader.states() == ["failing": 3])
        fixture.cloud.setFaults([])
        try await fixture.resync()
        #expect(try fixture.mirror == fixture.cloud.truth)
        #expect(fixture.recorder.lines(of: "user_recovered").count == 3)
    }

    @Test func aReferenceThatDanglesTwice_isLeftOut() async throws {
        var options = EmulatorOptions.small
        options.users = 1
        options.conversations = 5
        let fixture = try MirrorFixture(options, faults: [Fault(.dangling)])
        let (_, progress) = try await fixture.resync()
        #expect(progress?.failed == 0)
        #expect(try fixture.mirror == fixture.cloud.truth)
        #expect(fixture.recorder.lines(of: "reference_dangling").first?.contains("999999") == true)
    }

    @Test func aReferenceThatDanglesOnce_wasARace() async throws {
        var options = EmulatorOptions.small
        options.users = 1
        options.conversations = 5
        let fixture = try MirrorFixture(options, faults: [Fault(.dangling, times: 1)])
        try await fixture.resync()
        #expect(try fixture.mirror == fixture.cloud.truth)
        #expect(fixture.recorder.lines(of: "reference_dangling").isEmpty)
    }

    @Test func atThePlansCap_theUserIsNotMirrored() async throws {
        var options = EmulatorOptions.small
        options.users = 2
        options.conversations = 10
        let fixture = try MirrorFixture(options)
        var settings = MirrorFixture.settings()
        settings.listingCap = 10
        let (_, progress) = try await fixture.resync(settings: settings)
        #expect(progress?.failed == 2)
        #expect(try fixture.mirror.values.allSatisfy(\.isEmpty))
        #expect(
            fixture.recorder.lines(of: "pass_failed").first?.contains("what the plan returns")
                == true)
    }

    /// What was believed before the operator knew of the cap is not believed any more.
    @Test func aCapThatBecomesKnownLater_isOneOfEarlierListingsToo() async throws {
        var options = EmulatorOptions.small
        options.users = 2
        options.conversations = 10
        let fixture = try MirrorFixture(options)
        try await fixture.resync()
        var settings = MirrorFixture.settings()
        settings.listingCap = 10
        for _ in 1...2 {
            let (_, progress) = try await fixture.resync(settings: settings)
            #expect(progress?.failed == 2)
        }
    }

    /// A listing of several pages that lacks conversations which a look-up still finds: the cloud
    /// cut it, for whatever reason.
    @Test func whatAListingOfManyPagesLacks_isLookedUpBeforeItGoes() async throws {
        var options = EmulatorOptions.small
        options.users = 1
        options.conversations = 12
        options.pageSize = 5
        let fixture = try MirrorFixture(options)
        try await fixture.resync()
        let before = try fixture.mirror
        fixture.cloud.setFaults([Fault(.omission, command: "get_contact_group")])
        let (_, progress) = try await fixture.resync()
        #expect(progress?.failed == 1)
        #expect(try fixture.mirror == before)
        #expect(
            fixture.recorder.lines(of: "pass_failed").contains { $0.contains("a look-up finds") })
    }

    @Test func compared_saysWhatDiffersAndWritesNothing() async throws {
        let fixture = try MirrorFixture()
        try await fixture.resync()
        let before = try fixture.mirror
        fixture.cloud.churn(30)
        let (_, progress) = try await fixture.resync(.compare)
        #expect((progress?.changed ?? 0) > 0)
        #expect(try fixture.mirror == before)
        let results = try fixture.store.results(of: 2)
        #expect(results.count == progress?.changed)
        #expect(results.allSatisfy { $0.result.outcome == .drifted && !$0.result.detail.isEmpty })
        try await fixture.resync()
        let (_, again) = try await fixture.resync(.compare)
        #expect(again?.changed == 0)
    }
}
