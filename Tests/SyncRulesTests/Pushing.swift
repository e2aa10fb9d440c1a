import ChatModel
import SyncRules
import TestSupport

extension NaiveCloud {
    /// alice and bob are family; alice is marked "vip".
    static var family: NaiveCloud {
        var cloud = NaiveCloud()
        _ = cloud.create("family", ["alice", "bob"])
        cloud.marks["alice"] = .init(bits: 1, custom: "vip")
        return cloud
    }
}

extension NaiveCloud {
    /// Besides, bob is at work.
    static var familyAndWork: NaiveCloud {
        var cloud = family
        _ = cloud.create("work", ["bob"])
        return cloud
    }
}

extension EditPlan {
    /// After a phone changed something.
    init(
        _ edits: [Edit], at cloud: NaiveCloud, _ policy: PushPolicy,
        _ phone: (inout NaiveCloud) -> Void
    ) {
        var changed = cloud
        phone(&changed)
        self.init(edits, on: Draft(changed.snapshot), policy)
    }
}

/// Sends edits to a cloud that answers everything, with the session that the program uses; what became of
/// each edit.
struct Pushing {
    var cloud: NaiveCloud
    let edits: [Edit]
    private(set) var calls: [PushCall] = []
    private(set) var decisions: [EditID: EditDecision] = [:]

    init(_ edits: [Edit], on cloud: NaiveCloud, _ policy: PushPolicy = PushPolicy()) {
        let time = WallTime(seconds: 1_767_300_000)
        self.cloud = cloud
        var session = OutboxSession(
            edits, of: 1, on: cloud.snapshot, policy: policy, at: time)
        var call = session.plan(at: time, isLast: false)
        while let next = call {
            precondition(calls.count < 1000, "it never ends")
            calls.append(next)
            session.acknowledged(next, self.cloud.answer(next), at: time)
            call = session.plan(at: time, isLast: false)
        }
        let progress = session.takeProgress()
        for decision in progress.update?.decisions ?? [] { decisions[decision.edit] = decision }
        self.edits = session.edits
    }
}
