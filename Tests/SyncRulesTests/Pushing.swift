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

extension Rebase {
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

/// Plans, calls, plans again, until nothing is left; what became of each edit.
struct Pushing {
    var cloud: NaiveCloud
    var edits: [Edit]
    var calls: [PushCall] = []
    var decisions: [EditID: EditDecision] = [:]

    init(_ edits: [Edit], on cloud: NaiveCloud, _ policy: PushPolicy = PushPolicy()) {
        self.cloud = cloud
        self.edits = edits
        var draft = Draft(cloud.snapshot)
        while true {
            let rebase = Rebase(self.edits, on: draft, policy)
            settle(rebase)
            if rebase.isFinal { return }
            guard let call = rebase.calls.first else { continue }
            precondition(calls.count < 1000, "it never ends")
            calls.append(call)
            for index in self.edits.indices where call.edits.contains(self.edits[index].id) {
                self.edits[index].state = .sending
            }
            let reply = self.cloud.answer(call)
            draft.acknowledge(call, reply)
            self.edits = self.edits.map { $0.advanced(past: call, reply) }
        }
    }

    private mutating func settle(_ rebase: Rebase) {
        for decision in rebase.decisions {
            decisions[decision.edit] = decision
            for index in edits.indices where edits[index].id == decision.edit {
                edits[index] = edits[index].standing(by: decision)
            }
            switch decision.course {
            case .settle: edits.removeAll { $0.id == decision.edit }
            case .reject:
                for index in edits.indices where edits[index].id == decision.edit {
                    edits[index].state = .rejected
                }
            case .push, .wait, .later: break
            }
        }
        for (old, new) in rebase.renumbered {
            edits = edits.map { $0.renumbering(old, as: new) }
        }
    }
}
