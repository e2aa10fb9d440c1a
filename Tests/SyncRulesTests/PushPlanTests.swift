import ChatModel
import SyncRules
import TestSupport
import Testing

/// Queues operations given by names, as the command does: each is checked against the mirror with
/// the earlier ones applied. nil when one is refused.
private func queue(_ operations: [EditOperation], on cloud: NaiveCloud) -> [Edit]? {
    var pending = EditReplay.preview([], on: Draft(cloud.snapshot))
    var edits: [Edit] = []
    for (number, operation) in operations.enumerated() {
        let check = EditCheck(mirror: Draft(cloud.snapshot), pending: pending.draft)
        guard operation.fault() == nil, let accepted = try? check.accept(operation) else {
            return nil
        }
        let edit = Edit(
            id: EditID(Int64(number + 1)), operation: accepted.operation, base: accepted.base)
        edits.append(edit)
        pending.replay(edit)
    }
    return edits
}

private func group(_ name: String) -> GroupReference {
    GroupReference(id: nil, name: ExactText(name))
}

private func ids(_ names: String...) -> [ConversationID] { names.map { .user(ExactText($0)) } }

/// alice and bob are family; carol is only marked; there is a group of colleagues.
private var home: NaiveCloud {
    var cloud = NaiveCloud()
    _ = cloud.create("family", ["alice", "bob"])
    _ = cloud.create("work", ["bob", "dora"])
    cloud.marks["carol"] = .init(bits: 1, custom: "vip")
    cloud.marks["bob"] = .init(bits: 2, custom: "")
    return cloud
}

private let operations: [EditOperation] = [
    .create(name: "new", ids("alice")), .create(name: "family", ids("eve")),
    .ensure(name: "new", ids("bob")), .ensure(name: "family", ids("eve", "alice")),
    .rename(group("family"), to: "kin"), .rename(group("family"), to: "new"),
    .rename(group("kin"), to: "family"), .rename(group("work"), to: "family"),
    .rename(group("new"), to: "old"), .rename(group("family"), to: "family"),
    .delete(group("family")), .delete(group("new")), .delete(group("kin")),
    .add(ids("eve"), to: group("family")), .add(ids("alice"), to: group("family")),
    .add(ids("eve"), to: group("new")), .add(ids("eve"), to: group("kin")),
    .add(ids("bob", "eve"), to: group("work")),
    .remove(ids("alice"), from: group("family")), .remove(ids("bob"), from: group("family")),
    .remove(ids("eve"), from: group("family")), .remove(ids("alice"), from: group("new")),
    .remove(ids("bob"), from: group("work")), .remove(ids("alice", "bob"), from: group("family")),
    .mark(.user("carol"), MarkEdit(set: StandardMark(bits: 4))),
    .mark(.user("carol"), MarkEdit(clear: StandardMark(bits: 1))),
    .mark(.user("carol"), MarkEdit(custom: "friend")), .mark(.user("carol"), MarkEdit(custom: "")),
    .mark(.user("bob"), MarkEdit(set: StandardMark(bits: 1), clear: StandardMark(bits: 2))),
]

/// What is pushed gives what the edits give one by one.
private func agrees(_ operations: [EditOperation], on cloud: NaiveCloud) -> Pushing? {
    guard let edits = queue(operations, on: cloud) else { return nil }
    var naive = cloud
    for operation in operations { naive.obey(operation) }
    let pushing = Pushing(edits, on: cloud)
    #expect(pushing.cloud.essence == naive.essence, "\(operations)")
    #expect(pushing.cloud.marks == naive.marks, "\(operations)")
    #expect(pushing.edits.isEmpty, "unsettled: \(pushing.edits) of \(operations)")
    for decision in pushing.decisions.values {
        guard case .settle(let state, _) = decision.course else {
            Issue.record("\(decision) of \(operations)")
            continue
        }
        #expect(state == .applied || state == .satisfied)
    }
    return pushing
}

@Suite struct PushedEdits_giveWhatTheyGiveOneByOne {
    @Test func everyOperation_everyPairAndEveryTriple() {
        var checked = 0
        for first in operations {
            if agrees([first], on: home) != nil { checked += 1 }
            for second in operations {
                guard agrees([first, second], on: home) != nil else { continue }
                checked += 1
                for third in operations where agrees([first, second, third], on: home) != nil {
                    checked += 1
                }
            }
        }
        #expect(checked > 3000, "only \(checked) queues were accepted")
    }

    @Test(arguments: 1...40)
    func longQueues(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let names = ["family", "work", "kin", "new", "old", "x"]
        let people = ["alice", "bob", "carol", "dora", "eve"]
        var queued: [EditOperation] = []
        for _ in 0..<120 {
            let name = group(names.randomElement(using: &random) ?? "")
            let some = people.shuffled(using: &random).prefix(Int.random(in: 1...3, using: &random))
            let conversations = some.map { ConversationID.user(ExactText($0)) }
            let other = ExactText(names.randomElement(using: &random) ?? "")
            let bit = StandardMark(bits: 1 << UInt64.random(in: 0..<3, using: &random))
            let next: EditOperation =
                switch Int.random(in: 0..<9, using: &random) {
                case 0: .create(name: name.name, conversations)
                case 1, 2: .rename(name, to: other)
                case 3: .delete(name)
                case 4, 5: .add(conversations, to: name)
                case 6: .remove(conversations, from: name)
                case 7: .mark(conversations[0], MarkEdit(set: bit, custom: other))
                default: .mark(conversations[0], MarkEdit(clear: bit))
                }
            if queue(queued + [next], on: home) != nil { queued.append(next) }
        }
        #expect(queued.count > 30)
        _ = agrees(queued, on: home)
    }
}

@Suite struct TheFewestCalls {
    private func calls(_ operations: EditOperation...) -> [PushCall] {
        agrees(operations, on: home)?.calls ?? []
    }

    @Test func anAdditionAndItsRemoval_needNone() {
        #expect(
            calls(.add(ids("eve"), to: group("family")), .remove(ids("eve"), from: group("family")))
                .isEmpty)
    }

    /// What later edits added and removed again is not the creation's to send.
    @Test func aCreationThatIsEmptiedAgain_sendsWhatItNames() {
        let made = calls(
            .create(name: "club", ids("eve", "fred")), .remove(ids("eve"), from: group("club")),
            .add(ids("gus"), to: group("club")), .remove(ids("fred"), from: group("club")),
            .remove(ids("gus"), from: group("club")))
        #expect(made.map(\.conversations) == [ids("eve", "fred"), ids("eve", "fred")])
        #expect(made.map(\.edits) == [[1], [2, 4]])
    }

    @Test func renamesOfOneGroup_areOne() {
        let made = calls(
            .rename(group("family"), to: "kin"), .rename(group("kin"), to: "clan"),
            .rename(group("clan"), to: "tribe"))
        #expect(made.map(\.action) == [.rename(1, from: "family", to: "tribe")])
        #expect(made.first?.edits == [1, 2, 3])
    }

    @Test func editsOfAGroupThatTheQueueCreates_goIntoTheCreation() {
        let made = calls(
            .create(name: "new", ids("alice", "bob")), .rename(group("new"), to: "club"),
            .add(ids("eve"), to: group("club")), .remove(ids("bob"), from: group("club")))
        #expect(made.map(\.action) == [.create(group: -1, name: "club", ids("alice", "eve"))])
    }

    @Test func aGroupThatTheQueueCreatesAndDeletes_needsNone() {
        #expect(calls(.create(name: "new", ids("alice")), .delete(group("new"))).isEmpty)
    }

    @Test func additionsAndRemovalsOfAGroup_shareACall() {
        let made = calls(
            .add(ids("eve"), to: group("family")), .remove(ids("bob"), from: group("family")))
        #expect(
            made.map(\.action)
                == [.update(1, name: "family", remove: ids("bob"), add: ids("eve"))])
    }

    @Test func marksOfManyConversations_shareACall() {
        let made = calls(
            .mark(.user("carol"), MarkEdit(set: StandardMark(bits: 4))),
            .mark(.user("eve"), MarkEdit(custom: "x")))
        #expect(made.count == 1)
    }

    @Test func aCreationOf250_isACreationAndTwoUpdates() {
        let many = (1...250).map { ConversationID.user(ExactText("user\($0)")) }
        let made = calls(.create(name: "crowd", many))
        #expect(made.map(\.conversations.count) == [100, 100, 50])
    }

    @Test func theFewestCallsNamesThatAreSwapped_takeThreeRenames() {
        let made = calls(
            .rename(group("family"), to: "x"), .rename(group("work"), to: "family"),
            .rename(group("x"), to: "work"))
        #expect(made.count == 3)
    }

    @Test func aNameThatIsFreedByADeletion_isTakenAfterIt() {
        let made = calls(.delete(group("family")), .rename(group("work"), to: "family"))
        #expect(
            made.map(\.action)
                == [.delete(1, name: "family"), .rename(2, from: "work", to: "family")])
    }
}

/// The same queue gives the same calls in the same order, whatever order a hash table has.
@Suite struct TheOrderOfCalls {
    private func planned(_ operations: [EditOperation], on cloud: NaiveCloud = home) throws
        -> [PushCall.Action]
    {
        let edits = try #require(queue(operations, on: cloud))
        return EditPlan(edits, on: Draft(cloud.snapshot), PushPolicy()).calls.map(\.action)
    }

    @Test func theOrderOfCallsOfDeletions_isThatOfTheGroups() throws {
        let planned = try planned([.delete(group("work")), .delete(group("family"))])
        #expect(planned == [.delete(1, name: "family"), .delete(2, name: "work")])
    }

    @Test func theOrderOfCallsOfRenames_isThatOfTheGroups() throws {
        let planned = try planned([
            .rename(group("work"), to: "job"), .rename(group("family"), to: "kin"),
        ])
        #expect(
            planned == [
                .rename(1, from: "family", to: "kin"), .rename(2, from: "work", to: "job"),
            ])
    }

    @Test func theOrderOfCallsOfCreations_isThatOfTheEdits() throws {
        let planned = try planned([
            .create(name: "zoo", ids("eve")), .create(name: "ark", ids("eve")),
        ])
        #expect(
            planned == [
                .create(group: -1, name: "zoo", ids("eve")),
                .create(group: -2, name: "ark", ids("eve")),
            ])
    }

    @Test func withinAnUpdate_isThatOfTheConversations() throws {
        let (old, new) = ((10..<30).map { "old\($0)" }, (10..<30).map { "new\($0)" })
        func ids(_ names: [String]) -> [ConversationID] { names.map { .user(ExactText($0)) } }
        var crowd = NaiveCloud()
        _ = crowd.create("crowd", old)
        let planned = try planned(
            [
                .add(ids(new.reversed()), to: group("crowd")),
                .remove(ids(old.reversed()), from: group("crowd")),
            ], on: crowd)
        #expect(planned == [.update(1, name: "crowd", remove: ids(old), add: ids(new))])
    }
}

@Suite struct ACreationThatGoesAlone {
    private let bob = ConversationID.user("bob")
    private let eve = ConversationID.user("eve")

    private func alone(_ id: EditID, _ operation: EditOperation) -> Edit {
        var edit = Edit(id: id, operation: operation)
        edit.sentSeparately = true
        return edit
    }

    @Test func afterALaterEditTookAllItNamed_isStillMade() {
        let club = GroupReference(id: .made(by: 1), name: "club")
        let pushing = Pushing(
            [
                alone(1, .create(name: "club", [bob])), alone(2, .add([eve], to: club)),
                Edit(id: 3, operation: .remove([bob], from: club)),
            ], on: NaiveCloud())
        #expect(pushing.cloud.essence == ["club": ["eve"]])
        #expect(pushing.calls.first?.edits == [1])
    }

    @Test func aCreationThatGoesAloneWithNothingOfItsOwnLeft_goesWithWhatOthersAdd() {
        let club = GroupReference(id: .made(by: 1), name: "club")
        var creation = alone(1, .create(name: "club", [bob]))
        creation.refused[bob] = Refusal(code: 51008, words: "full")
        let pushing = Pushing([creation, alone(2, .add([eve], to: club))], on: NaiveCloud())
        #expect(pushing.cloud.essence == ["club": ["eve"]])
    }

    @Test func aCreationThatGoesAloneThatIsEmptiedAgain_doesNotSendWhatWasRefused() {
        let club = GroupReference(id: .made(by: 1), name: "club")
        var creation = Edit(id: 1, operation: .create(name: "club", [bob, eve]))
        creation.refused[eve] = Refusal(code: 51008, words: "full")
        let removal = Edit(id: 2, operation: .remove([bob, eve], from: club))
        let calls = EditPlan([creation, removal], on: Draft(NaiveCloud().snapshot), PushPolicy())
            .calls
        #expect(calls.first?.action == .create(group: .made(by: 1), name: "club", [bob]))
    }
}
