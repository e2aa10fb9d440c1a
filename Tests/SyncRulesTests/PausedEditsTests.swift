import ChatModel
import SyncRules
import TestSupport
import Testing

private let bob = ConversationID.user("bob")
private let eve = ConversationID.user("eve")
private let family = GroupReference(id: 1, name: "family")
private let work = GroupReference(id: 2, name: "work")

@Suite struct AnEditThatIsPaused {
    private func rebase(_ edits: [Edit], paused: Set<EditID>) -> EditPlan {
        EditPlan(edits, on: Draft(NaiveCloud.familyAndWork.snapshot), PushPolicy(), paused: paused)
    }

    private func courses(_ edits: [Edit], paused: Set<EditID>) -> [EditDecision.Course] {
        rebase(edits, paused: paused).decisions.map(\.course)
    }

    @Test func anEditThatIsPausedKeepsBackWhatIsAboutTheSameGroup_andNothingElse() {
        let edits = [
            Edit(id: 1, operation: .add([eve], to: family)),
            Edit(id: 2, operation: .rename(family, to: "kin")),
            Edit(id: 3, operation: .add([eve], to: work)),
            Edit(id: 4, operation: .mark(eve, MarkEdit(custom: "x"))),
        ]
        #expect(courses(edits, paused: [1]) == [.later, .later, .push, .push])
        #expect(rebase(edits, paused: [1]).calls.flatMap(\.edits) == [3, 4])
    }

    @Test func anEditThatIsPausedOfAConversation_keepsBackItsOtherMarksAlone() {
        let edits = [
            Edit(id: 1, operation: .mark(eve, MarkEdit(custom: "x"))),
            Edit(id: 2, operation: .mark(eve, MarkEdit(custom: "y"))),
            Edit(id: 3, operation: .mark(bob, MarkEdit(custom: "z"))),
        ]
        #expect(courses(edits, paused: [1]) == [.later, .later, .push])
    }

    @Test func anEditThatIsPausedOfACreation_keepsBackWhatIsAboutTheNewGroup() {
        let edits = [
            Edit(id: 1, operation: .create(name: "club", [eve])),
            Edit(id: 2, operation: .add([bob], to: GroupReference(id: -1, name: "club"))),
        ]
        let rebase = rebase(edits, paused: [1])
        #expect(rebase.decisions.map(\.course) == [.later, .later])
        #expect(rebase.isFinal)
    }

    /// Its answer was lost, and so was that of the addition that went with it.
    @Test func anEditThatIsPausedOfACreationThatTheCloudHasByNow_isTheGroupOfLaterEdits() {
        let own = GroupReference(id: -3, name: "work")
        let edits = [
            Edit(id: 3, operation: .create(name: "work", [bob]), state: .sending),
            Edit(id: 4, operation: .add([eve], to: own), state: .sending),
        ]
        let plan = rebase(edits, paused: [3, 4])
        #expect(plan.decisions.map(\.course) == [.settle(.applied, nil), .later])
        #expect(plan.decisions.first?.group == 2)
        #expect(plan.renumbered == [-3: 2])
    }

    /// The creation was taken, but for one conversation; what went with it is done.
    @Test func anEditThatIsPausedOfACreationThatIsDoneInPart_isTheGroupOfLaterEdits() {
        var creation = Edit(
            id: 3, operation: .create(name: "work", [bob, .user("zed")]), state: .sending)
        (creation.done, creation.createdGroup) = ([bob], 2)
        var addition = Edit(
            id: 4, operation: .add([bob], to: GroupReference(id: -3, name: "work")), state: .sending
        )
        addition.done = [bob]
        let plan = rebase([creation, addition], paused: [3])
        #expect(plan.decisions.map(\.course) == [.later, .settle(.applied, nil)])
        #expect(plan.renumbered == [-3: 2])
    }

    @Test func anEditThatIsPausedThatIsDoneInAGroupThatIsGone_isSettledAllTheSame() {
        var edit = Edit(
            id: 4, operation: .add([bob], to: GroupReference(id: 9, name: "gone")), state: .sending)
        edit.done = [bob]
        #expect(courses([edit], paused: [4]) == [.settle(.applied, nil)])
    }

    /// A conversation of the creation was refused and is there all the same: so it is done, and the deletion after
    /// it is sent. When that is done too, the creation must not be left behind.
    @Test func anEditThatIsPausedWhoseGroupALaterEditHasDeleted_isSettledWithThat() {
        var creation = Edit(id: 3, operation: .create(name: "club", [bob, eve]), state: .sending)
        (creation.done, creation.createdGroup) = ([bob], 7)
        let deletion = Edit(
            id: 4, operation: .delete(GroupReference(id: 7, name: "club")), state: .sending)
        #expect(
            courses([creation, deletion], paused: [3]) == [
                .settle(.applied, nil), .settle(.applied, nil),
            ])
        // Deleted by another client: then it is tried again when its time has come.
        #expect(courses([creation], paused: [3]) == [.later])
    }

    /// The addition was sent and is done; the removal before it must not be sent after it.
    @Test func anEditThatIsPausedThatTheCloudHasByNow_stillUndoesWhatWasWantedBefore() {
        let edits = [
            Edit(id: 1, operation: .remove([bob], from: family)),
            Edit(id: 2, operation: .add([bob, eve], to: family), state: .sending),
        ]
        var cloud = NaiveCloud.familyAndWork
        cloud.members[1, default: []].formUnion(["bob", "eve"])
        let plan = EditPlan(edits, on: Draft(cloud.snapshot), PushPolicy(), paused: [2])
        #expect(plan.calls.isEmpty)
        #expect(
            plan.decisions.map(\.course) == [
                .settle(.satisfied, .overtaken), .settle(.applied, nil),
            ])
    }

    @Test func anEditThatIsPausedThatGivesAName_keepsBackWhoMeansAGroupByIt() {
        let edits = [
            Edit(id: 1, operation: .rename(family, to: "kin")),
            Edit(id: 2, operation: .ensure(name: "kin", [eve])),
            Edit(id: 3, operation: .ensure(name: "work", [eve])),
        ]
        #expect(courses(edits, paused: [1]) == [.later, .later, .push])
        // It waits behind the one that was rejected, as the rename does.
        var rejected = Edit(id: 0, operation: .add([eve], to: family))
        rejected.state = .rejected
        #expect(
            courses([rejected] + edits, paused: []) == [
                .wait(behind: 0), .wait(behind: 0), .push,
            ])
    }

    /// What was rejected gives no name: whoever asks for it once more gets it.
    @Test func aCreationThatWasRejected_keepsNoOtherFromItsName() {
        var rejected = Edit(id: 1, operation: .create(name: "club", [eve]))
        rejected.state = .rejected
        let again = Edit(id: 2, operation: .create(name: "club", [bob]))
        #expect(courses([rejected, again], paused: []) == [.push])
    }

    @Test func anEditThatIsPausedThatTheCloudHasByNow_isSettledAllTheSame() {
        var sent = Edit(id: 1, operation: .add([bob], to: family), state: .sending)
        #expect(courses([sent], paused: [1]) == [.settle(.applied, nil)])
        sent.state = .queued
        #expect(courses([sent], paused: [1]) == [.later])
    }
}

@Suite struct ACreationWithoutConversations {
    @Test func aCreationWithoutConversationsIsSentAsSuch() {
        let pushing = Pushing(
            [Edit(id: 5, operation: .create(name: "club", []))], on: .family)
        #expect(pushing.calls.map(\.action) == [.create(group: -5, name: "club", [])])
        #expect(pushing.decisions[5]?.course == .settle(.applied, nil))
        #expect(pushing.edits.isEmpty)
    }

    @Test func whereLaterEditsAddSome_isOneCallWithThem() {
        let edits = [
            Edit(id: 5, operation: .create(name: "club", [])),
            Edit(id: 6, operation: .add([eve], to: GroupReference(id: -5, name: "club"))),
        ]
        let pushing = Pushing(edits, on: .family)
        #expect(pushing.calls.map(\.action) == [.create(group: -5, name: "club", [eve])])
    }

    @Test func whereTheOthersComeAndGo_isStillSentEmpty() {
        let club = GroupReference(id: -5, name: "club")
        let edits = [
            Edit(id: 5, operation: .create(name: "club", [])),
            Edit(id: 6, operation: .add([eve], to: club)),
            Edit(id: 7, operation: .remove([eve], from: club)),
        ]
        let pushing = Pushing(edits, on: .family)
        #expect(pushing.calls.map(\.action) == [.create(group: -5, name: "club", [])])
    }
}

@Suite struct AUserWhoseDoubtIsOver {
    @Test func aUserWhoseDoubtIsOverGoesBeforeThoseThatWereAskedFor() {
        var schedule = Schedule(maxStaleness: .seconds(3600))
        for user in 1...4 as ClosedRange<UserNumber> { schedule.add(user) }
        schedule.nudge(1)
        schedule.nudge(2)
        schedule.postpone(3, until: .zero + .seconds(4), urgently: true)
        schedule.postpone(4, until: .zero + .seconds(4))
        let now = MonotonicTime.zero + .seconds(5)
        #expect(!schedule.hasUrgent)
        schedule.advance(to: now)
        #expect(schedule.hasUrgent)
        #expect(schedule.take(now: now) == .user(3))
        #expect(schedule.take(now: now) == .user(1))
    }

    @Test func aUserWhoseDoubtIsOverIsUrgentOnce() {
        var schedule = Schedule(maxStaleness: .seconds(3600))
        for user in 1...2 as ClosedRange<UserNumber> { schedule.add(user) }
        schedule.postpone(1, until: .zero, urgently: true)
        #expect(schedule.take(now: .zero) == .user(1))
        schedule.finish(1, at: .zero, outcome: .failed(retryAt: .zero + .seconds(1)), calls: 1)
        schedule.nudge(2)
        #expect(schedule.take(now: .zero + .seconds(2)) == .user(2))
    }
}
