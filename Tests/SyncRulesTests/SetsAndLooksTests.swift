import ChatModel
import SyncRules
import Testing

private func at(_ seconds: Int) -> MonotonicTime { .zero + .seconds(seconds) }

@Suite struct ASetOfUsers {
    @Test func holdsWhoWasPutInAndNobodyElse() {
        var set = UserSet()
        let users: [UserNumber] = [1, 2, 63, 64, 65, 127, 128, 300]
        for user in users {
            #expect(set.insert(user) == true)
            #expect(set.insert(user) == false)
        }
        #expect((0...400).filter { set.contains($0) } == users)
        #expect(set.count == users.count)
        for user in [64, 300] as [UserNumber] {
            #expect(set.remove(user) == true)
            #expect(set.remove(user) == false)
        }
        #expect((0...400).filter { set.contains($0) } == [1, 2, 63, 65, 127, 128])
        #expect(set.count == 6)
    }

    @Test func ofNobody_knowsNobody() {
        var set = UserSet()
        #expect(set.isEmpty)
        #expect(!set.contains(0))
        #expect(!set.contains(64))
        #expect(set.remove(5) == false)
        set.insert(63)
        #expect(!set.contains(64))
        #expect(!set.isEmpty)
    }
}

@Suite struct ASecondLook {
    private let difference = Change.groupCreated(ConversationGroup(id: 1, name: "family"))

    @Test func isNotNeeded_whereNothingDiffers() {
        var looks = SecondLooks()
        #expect(looks.take([], of: 1, now: at(0)) == [])
        #expect(looks.isEmpty)
    }

    @Test func isTakenOnceAndThreeSecondsLater() {
        var looks = SecondLooks()
        #expect(looks.take([difference], of: 1, now: at(0)) == nil)
        #expect(looks.takeDue(now: at(2)) == [])
        #expect(looks.takeDue(now: at(3)) == [1])
        #expect(looks.takeDue(now: at(3)) == [])
        #expect(looks.take([difference], of: 1, now: at(4)) == [difference])
        #expect(looks.isEmpty)
    }
}

@Suite struct WhatAComparisonFound {
    private let difference = Change.groupCreated(ConversationGroup(id: 1, name: "family"))

    @Test func isDrift_wherePartsDiffer() {
        #expect(RequestResult.compared([]) == RequestResult(.same))
        let drift = RequestResult.compared([difference])
        #expect(drift == RequestResult(.drifted, changes: 1, detail: difference.sentence))
    }

    @Test func isCountedInTheProgress() {
        var progress = RequestProgress(request: 7, total: 4)
        #expect(!progress.isFinished)
        progress.add(RequestResult(.changed, changes: 3))
        progress.add(.compared([difference]))
        progress.add(RequestResult(.same))
        progress.add(RequestResult(.failed))
        progress.add(RequestResult(.parked))
        #expect(progress.done == 5)
        #expect(progress.changed == 2)
        #expect(progress.changes == 4)
        #expect(progress.failed == 1)
        #expect(progress.parked == 1)
    }
}

@Suite struct RequestsForUsersOutsideTheList {
    @Test func countThemAsFailed_inTheRightRequest() {
        var board = RequestBoard()
        for id in [7, 8] as [Int64] {
            board.begin(
                ResyncRequest(id: id, kind: .resync, users: [1, 2]), total: 2, users: [1],
                after: 0, now: at(0))
        }
        _ = board.takeProgress()
        board.refuse(1, of: 8)
        let progress = board.takeProgress()
        #expect(progress.map(\.request) == [8])
        #expect(progress.map(\.failed) == [1])
        board.refuse(1, of: 99)
        #expect(board.takeProgress().isEmpty)
    }

    @Test func aUserThatHasNotFailed_hasNoTries() {
        var board = RequestBoard()
        board.begin(
            ResyncRequest(id: 7, kind: .resync, users: nil), total: 1, users: [1], after: 0,
            now: at(0))
        #expect(board.tries(of: 1) == 0)
    }
}

@Suite struct ACloudThatRefuses {
    @Test func isProbedOnceAMinute_andAClockThatIsOffEveryFiveSeconds() {
        for (seen, seconds) in [
            (CloudHealth.Observation.refused(code: 1), 60), (.clockOff(code: 2), 5),
        ] {
            var health = CloudHealth()
            _ = health.observe(seen, now: at(0))
            #expect(health.isRefused == (seconds == 60))
            #expect(health.mayStart(now: at(seconds - 1)) == false)
            #expect(health.mayStart(now: at(seconds)) == true)
            #expect(health.mayStart(now: at(2 * seconds - 1)) == false)
            #expect(health.mayStart(now: at(2 * seconds)) == true)
        }
    }

    @Test(arguments: [
        CloudHealth.Observation.accepted, .refused(code: 1), .clockOff(code: 2),
    ])
    func isNotInDoubtAnyMore_onceACallHasEnded(seen: CloudHealth.Observation) {
        var health = CloudHealth()
        _ = health.observe(.refused(code: 1), now: at(0))
        health.reconsider(now: at(1))
        #expect(health.isInDoubt)
        _ = health.observe(seen, began: at(2), now: at(3))
        #expect(!health.isInDoubt)
    }

    @Test func withoutACode_isRefusedWithNone() {
        let refused = CallFailure(kind: .refusedApp, problem: "no")
        #expect(refused.observation == .refused(code: 0))
        let off = CallFailure(kind: .clockOff, problem: "no")
        #expect(off.observation == .clockOff(code: 0))
    }

    @Test func sayingTheSameAgain_isNoNews() {
        var cloud = CloudStatus()
        _ = cloud.observe(.refused(code: 1), began: at(0), nil, now: at(1))
        #expect(cloud.takeNews() == true)
        _ = cloud.observe(.refused(code: 1), began: at(1), nil, now: at(2))
        #expect(cloud.takeNews() == false)
    }
}

@Suite struct TheWordsOfACode {
    @Test func areWhatItMeans_withWhatTheCloudSaid() {
        #expect(FailureTable.words(50001, nil) == "the user is not imported")
        #expect(FailureTable.words(50001, "") == "the user is not imported")
        #expect(FailureTable.words(50001, "the user is not imported") == "the user is not imported")
        #expect(FailureTable.words(50001, "error 50001") == "the user is not imported")
        #expect(
            FailureTable.words(50001, "error 7") == "the user is not imported: error 7")
        #expect(FailureTable.words(50001, "who?") == "the user is not imported: who?")
    }

    @Test func aWaitOfMoreThanFiveMinutes_isNotBelieved() {
        func wait(_ seconds: Int) -> Duration? {
            CallFailure(kind: .throttled, problem: "", retryAfter: .seconds(seconds)).retryAfter
        }
        #expect(wait(299) == .seconds(299))
        #expect(wait(10_000) == .seconds(300))
    }
}

@Suite struct ConversationsThatAreLeftOutOfAListing {
    private func page(_ count: Int, skipped: Int) -> ListingPage {
        let conversations = (0..<count).map {
            Conversation(
                id: .user(ExactText("c\($0)")), groups: [], standardMark: StandardMark(bits: 1))
        }
        return ListingPage(
            groups: [], conversations: conversations, skipped: skipped, isLast: true, next: nil)
    }

    @Test func countForTheLongestListing_andForThePlansCap() throws {
        var short = ListingAssembly()
        _ = try short.add(page(3, skipped: 2))
        #expect(try short.listing(cap: 6).skipped == 2)
        #expect(throws: ListingFault.atPlanCap(5)) { try short.listing(cap: 5) }
        var long = ListingAssembly()
        #expect(throws: ListingFault.tooLong(ListingAssembly.longest)) {
            try long.add(page(2, skipped: ListingAssembly.longest - 1))
        }
    }

    @Test func areAddedUpOverPages() throws {
        var assembly = ListingAssembly()
        let first = ListingPage(
            groups: [], conversations: [], skipped: 2, isLast: false, next: 5)
        #expect(try assembly.add(first) == 5)
        _ = try assembly.add(page(1, skipped: 3))
        #expect(try assembly.listing(cap: 0).skipped == 5)
    }
}

@Suite struct AUserThatIsPutOffUrgently {
    /// What is to be sent is remembered as long as that is so, and no longer.
    @Test func isUrgentOnceItsTimeComes_andNotAfterItHasFailed() {
        var schedule = Schedule(maxStaleness: .seconds(3600))
        for user in [1, 2] as [UserNumber] {
            schedule.add(user)
            #expect(schedule.take(now: at(0)) == .user(user))
            schedule.finish(user, at: at(0), outcome: .pulled(.unchanged), calls: 1)
        }
        schedule.postpone(2, until: at(5), urgently: true)
        #expect(schedule.take(now: at(5)) == .user(2))
        schedule.finish(2, at: at(5), outcome: .failed(retryAt: at(6)), calls: 1)
        schedule.nudge(1)
        // Back from its back-off it is an ordinary one: who was asked for goes first.
        #expect(schedule.take(now: at(6)) == .user(1))
        #expect(schedule.take(now: at(6)) == .user(2))
    }

    @Test func noUserIsPolledMoreOftenThanTheConfigurationSays() {
        var schedule = Schedule(maxStaleness: .seconds(3600), minInterval: .seconds(60))
        schedule.add(1)
        #expect(schedule.take(now: at(0)) == .user(1))
        schedule.finish(1, at: at(0), outcome: .pulled(.unchanged), calls: 1)
        #expect(schedule.take(now: at(59)) == .wait(until: at(60)))
        schedule.nudge(1)
        #expect(schedule.take(now: at(59)) == .user(1))
        schedule.finish(1, at: at(59), outcome: .pulled(.unchanged), calls: 1)
        schedule.minInterval = .seconds(10)
        #expect(schedule.take(now: at(69)) == .user(1))
    }
}

@Suite struct APreviewOfEdits {
    private let family = GroupReference(id: 1, name: "family")
    private let bob = ConversationID.user("bob")

    /// The push would hold the second edit up; a preview shows what is wanted.
    @Test func showsWhatComesAfterAnEditThatCannotBeDone() {
        let mirror = Draft(
            Snapshot(
                groups: [
                    ConversationGroup(id: 1, name: "family"),
                    ConversationGroup(id: 2, name: "work"),
                ], conversations: []))
        let edits = [
            Edit(id: 1, operation: .rename(family, to: "work")),
            Edit(id: 2, operation: .add([bob], to: family)),
        ]
        let draft = EditReplay.preview(edits, on: mirror).draft
        #expect(draft.names == [1: "family", 2: "work"])
        #expect(draft.members(of: 1) == [bob])
        #expect(draft.contains(bob))
        #expect(!draft.contains(.user("eve")))
    }

    /// A name may pass from one group to another: that is only a matter of several calls.
    @Test func showsANameThatPassesFromOneGroupToAnother() {
        let mirror = Draft(
            Snapshot(groups: [ConversationGroup(id: 1, name: "family")], conversations: []))
        let edits = [
            Edit(id: 1, operation: .rename(family, to: "kin")),
            Edit(id: 2, operation: .create(name: "family", [bob])),
            Edit(id: 3, operation: .mark(bob, MarkEdit(custom: "vip"))),
        ]
        let draft = EditReplay.preview(edits, on: mirror).draft
        #expect(draft.names == [1: "kin", -2: "family"])
        #expect(draft.customMark(of: bob) == "vip")
    }

    @Test func withoutAPass_hasLookedAtNothing() {
        #expect(PushSummary.skipped.isSkipped)
        #expect(!PushSummary().isSkipped)
        #expect(PushSummary().left == 0)
        #expect(PushSummary().changes == 0)
    }
}
