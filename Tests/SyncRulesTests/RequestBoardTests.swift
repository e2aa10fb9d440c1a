import ChatModel
import SyncRules
import Testing

private func at(_ seconds: Int) -> MonotonicTime { .zero + .seconds(seconds) }

@Suite struct ARequest {
    private let all = ResyncRequest(id: 7, kind: .resync, users: nil)
    private let named = ResyncRequest(id: 8, kind: .resync, users: [1, 2])
    private let comparison = ResyncRequest(id: 9, kind: .compare, users: nil)
    private let failed = RequestResult(.failed, detail: "no answer")

    private func board(_ requests: ResyncRequest..., after: UInt64 = 10) -> RequestBoard {
        var board = RequestBoard()
        for request in requests {
            board.begin(request, total: 2, users: [1, 2], after: after, now: at(5))
        }
        return board
    }

    @Test func aRequestThatIsServedOrBeingWritten_isNotNew() {
        var board = board(all)
        #expect(board.new(among: [all, named]) == [named])
        for user in [1, 2] as [UserNumber] {
            _ = board.passEnded(user, sequence: 11, isComparison: false, RequestResult(.same))
        }
        let finished = board.takeFinished()
        #expect(finished?.progress.request == 7)
        #expect(board.new(among: [all]).isEmpty)
        board.written(7)
        #expect(board.new(among: [all]) == [all])
    }

    @Test(arguments: [(UInt64(10), false), (11, true)])
    func aRequestIsSettledByPassesThatBeganAfterIt(sequence: UInt64, isSettled: Bool) {
        var board = board(all)
        let settled = board.passEnded(
            1, sequence: sequence, isComparison: false, RequestResult(.same))
        #expect(settled.isSettled == isSettled)
    }

    @Test func aRequestToCompare_isNotSettledByAPull_norTheOtherWayRound() {
        var board = board(all, comparison)
        #expect(board.isToBeCompared(1))
        _ = board.passEnded(1, sequence: 11, isComparison: false, RequestResult(.same))
        #expect(board.isToBeCompared(1))
        _ = board.passEnded(1, sequence: 12, isComparison: true, RequestResult(.same))
        #expect(!board.isToBeCompared(1) && board.isToBeCompared(2))
    }

    @Test func aUserCountsAsFailed_atTheThirdTry() {
        var board = board(all)
        for tries in 1...2 {
            let settled = board.passEnded(1, sequence: 11, isComparison: false, failed)
            #expect(settled == RequestBoard.Settled())
            #expect(board.tries(of: 1) == tries)
        }
        let settled = board.passEnded(1, sequence: 11, isComparison: false, failed)
        #expect(settled == RequestBoard.Settled(isSettled: true, rows: [7]))
        #expect(board.tries(of: 1) == nil)
    }

    @Test(arguments: [
        (RequestResult.Outcome.same, false, true), (.changed, false, true),
        (.drifted, true, true), (.failed, true, true), (.parked, true, true),
    ])
    func aResultHasARow_whenTheUserWasNamedOrThereIsSomethingToSay(
        outcome: RequestResult.Outcome, ofEverybody: Bool, ofNamed: Bool
    ) {
        for (request, hasRow) in [(all, ofEverybody), (named, ofNamed)] {
            var board = board(request)
            var settled = RequestBoard.Settled()
            for _ in 1...RequestBoard.mostTries where !settled.isSettled {
                settled = board.passEnded(
                    1, sequence: 11, isComparison: false, RequestResult(outcome))
            }
            #expect(settled.rows == (hasRow ? [request.id] : []))
        }
    }

    @Test func aRequestIsDone_whenNobodyRemains() {
        var board = board(all)
        _ = board.passEnded(
            1, sequence: 11, isComparison: false, RequestResult(.changed, changes: 3))
        let none = board.takeFinished()
        #expect(none == nil && !board.isEmpty)
        _ = board.passEnded(2, sequence: 11, isComparison: false, RequestResult(.parked))
        let finished = board.takeFinished()
        #expect(finished?.startedAt == at(5))
        #expect(finished?.progress.done == 2 && finished?.progress.isFinished == true)
        #expect(finished?.progress.changes == 3 && finished?.progress.parked == 1)
        let nothing = board.takeFinished()
        #expect(board.isEmpty && nothing == nil)
    }

    @Test func aRequestWhoseUsersLeaveTheList_recordsThemAsFailed() {
        var board = board(all, named)
        let left = board.left([2, 3])
        #expect(left.map(\.request) == [7, 8] && left.map(\.users) == [[2], [2]])
        let again = board.left([2])
        #expect(again.isEmpty)
        _ = board.passEnded(1, sequence: 11, isComparison: false, RequestResult(.same))
        let finished = board.takeFinished()
        #expect(finished?.progress.failed == 1)
    }

    @Test func aRequestOfStrangersOnly_isDoneAtOnce() {
        var board = RequestBoard()
        board.begin(named, total: 2, users: [], after: 0, now: at(0))
        board.refuse(2, of: 8)
        board.refuse(2, of: 99)
        let progress = board.takeFinished()?.progress
        #expect(progress?.failed == 2 && progress?.done == 2)
    }

    @Test func aRequestThatIsWithdrawn_isDroppedWithWhoWasLeft() {
        var board = board(all, comparison)
        _ = board.passEnded(1, sequence: 11, isComparison: true, RequestResult(.same))
        let gone = board.withdraw(except: [all])
        #expect(gone.map(\.request) == [9] && gone.map(\.left) == [1])
        #expect(!board.isToBeCompared(2) && board.new(among: [comparison]) == [comparison])
    }

    private func progress(_ board: inout RequestBoard) -> [RequestProgress] { board.takeProgress() }

    @Test func itsProgress_isGivenOnceForEachChange() {
        var board = board(all)
        #expect(progress(&board).map(\.done) == [0])
        #expect(progress(&board).isEmpty)
        _ = board.passEnded(1, sequence: 11, isComparison: false, RequestResult(.same))
        #expect(progress(&board).map(\.done) == [1])
        _ = board.left([2])
        #expect(progress(&board).map(\.failed) == [1])
    }
}

@Suite struct TheComparisonQueue {
    private func queue(_ users: UserNumber...) -> ComparisonQueue {
        var queue = ComparisonQueue()
        for user in users { queue.add(user) }
        return queue
    }

    private func take(_ queue: inout ComparisonQueue) -> UserNumber? {
        queue.takeNext { _ in false }
    }

    @Test func theComparisonQueueGivesTheFirstWhomNoPassWorksOn() {
        var queue = queue(1, 2, 3)
        let second = queue.takeNext { $0 == 1 }
        #expect(second == 2)
        #expect(queue.isRunning(2) && !queue.isRunning(1))
        #expect(take(&queue) == 1)
        #expect(queue.count == 1)
    }

    @Test func aUserIsComparedOnceAtATime() {
        var queue = queue(1, 1)
        #expect(take(&queue) == 1)
        #expect(!queue.hasNext { _ in false } && take(&queue) == nil)
        queue.failed(1, isToBeRepeated: false)
        #expect(queue.hasNext { _ in false })
    }

    @Test(arguments: [true, false])
    func theComparisonQueueWhoWasNotTried_comesBack(isToBeRepeated: Bool) {
        var queue = queue(1)
        _ = queue.takeNext { _ in false }
        queue.failed(1, isToBeRepeated: isToBeRepeated)
        #expect(!queue.isRunning(1) && queue.isEmpty != isToBeRepeated)
    }

    @Test func usersAndComparisonsTakeTurns() {
        var queue = queue(1, 2)
        #expect(!queue.isTurn)
        queue.userWasTaken()
        #expect(queue.isTurn)
        _ = queue.takeNext { _ in false }
        #expect(!queue.isTurn)
    }

    @Test func aDifference_isLookedAtOnceMore() {
        let change = Change.groupDeleted(ConversationGroup(id: 1, name: "family"))
        var queue = queue(1)
        _ = queue.takeNext { _ in false }
        let first = queue.found([change], of: 1, now: at(0))
        #expect(first == nil)
        #expect(!queue.isRunning(1))
        queue.addSecondLooks(now: at(2))
        #expect(queue.isEmpty)
        queue.addSecondLooks(now: at(3))
        #expect(take(&queue) == 1)
        let second = queue.found([change], of: 1, now: at(4))
        #expect(second == [change])
    }

    @Test func theComparisonQueueWhoIsNoLongerWanted_isForgotten() {
        let change = Change.groupDeleted(ConversationGroup(id: 1, name: "family"))
        var queue = queue(1, 2, 3)
        _ = queue.takeNext { _ in false }
        _ = queue.found([change], of: 1, now: at(0))
        queue.keep { $0 == 3 }
        queue.addSecondLooks(now: at(3))
        #expect(queue.count == 1 && take(&queue) == 3)
    }
}

@Suite struct AFailingUser {
    private func fail(
        _ users: inout FailingUsers, startedAt: Int = 0, isParked: Bool = false,
        isListed: Bool = true, tries: Int? = nil, now: Int
    ) -> FailingUsers.Failure {
        users.failed(
            1, startedAt: at(startedAt), isParked: isParked, isListed: isListed, tries: tries,
            chance: 0, now: at(now))
    }

    @Test func aFailingUserBacksOffForLongerEachTime() {
        var users = FailingUsers()
        let pauses = [0, 100, 200].map { fail(&users, startedAt: $0, now: $0).pause }
        #expect(pauses == [.seconds(1), .seconds(2), .seconds(4)])
        #expect(users.count == 1 && users.parked == 0 && users.contains(1))
        let (failures, none) = (users.remove(1), users.remove(1))
        #expect(failures == 3 && none == nil && users.count == 0)
    }

    @Test func aFailingUserThatIsAskedForBeforeItsTime_doesNotBackOffForLonger() {
        var users = FailingUsers()
        _ = fail(&users, now: 10)
        // The pause of one second was not over when the second pass began, and just over for the third.
        #expect(fail(&users, startedAt: 10, now: 10).failures == 1)
        #expect(fail(&users, startedAt: 11, now: 11).failures == 2)
    }

    @Test func whomSomebodyWaitsFor_isTriedSoon() {
        var users = FailingUsers()
        users.restore(1, failures: 8, isParked: false, retryAt: at(0))
        let failure = fail(&users, tries: 0, now: 0)
        #expect(failure.failures == 9 && failure.pause == .seconds(1))
        #expect(fail(&users, startedAt: 5, tries: 1, now: 5).pause == .seconds(2))
    }

    @Test func aFailingUserThatTheCloudDoesNotKnow_isParkedForADay() {
        var users = FailingUsers()
        let first = fail(&users, isParked: true, now: 0)
        #expect(first.pause == .seconds(86_400) && first.isNewlyParked && users.isParked(1))
        #expect(!fail(&users, isParked: true, now: 0).isNewlyParked)
        #expect(users.parked == 1)
        _ = fail(&users, startedAt: 90_000, now: 90_000)
        #expect(!users.isParked(1) && fail(&users, isParked: true, now: 90_000).isNewlyParked)
    }

    @Test func aFailingUserWhoHasLeftTheList_isNotRemembered() {
        var users = FailingUsers()
        #expect(fail(&users, isListed: false, now: 0).failures == 1)
        #expect(users.count == 0 && !users.isParked(1))
    }
}
