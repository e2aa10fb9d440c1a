import ChatModel

// Replays a user's edits on the cloud, or on the mirror, in their order: each is applied, or found not to fit
// any more. The results are the target, and for each thing that was changed the edits that want it so.
//
// A replay for a push may be repeated after part of its calls were made. So it ends before an edit that gives
// a group a name which another group of the replay has or had: after that, the edits before it would mean
// other groups. The rest is for the next replay.

/// The edits, replayed on a draft.
package struct EditReplay: Sendable {
    /// What the edits are replayed for.
    enum Purpose: Sendable {
        /// To be sent now.
        /// - paused: edits that wait until they are tried again after a failure.
        case push(PushPolicy, paused: Set<EditID>)
        /// To be shown, and to check new ones against: all of them as if nothing will be in their way. What
        /// cannot be done any more is left out, and holds nothing up.
        case preview
    }

    private(set) var target: TargetState
    private(set) var decisions: [EditDecision] = []
    private(set) var edits: [EditID: Edit] = [:]

    private let cloud: Draft
    private let policy: PushPolicy
    private let isPreview: Bool
    private let paused: Set<EditID>
    /// What they, and those that wait for them, are about.
    private var pausedSubjects: Set<Subject> = []
    /// What our own edits make of names and custom marks: when the cloud has one of these, no
    /// other client changed it.
    private let ours: OwnEffects
    /// Groups that creations turned out to be, or that were made again.
    private(set) var aliases: [GroupID: GroupID] = [:]
    private var blocked: [Subject: EditID] = [:]
    /// Which group a name belongs to during the replay: one it had, has or gets.
    private var owners: [ExactText: GroupID] = [:]
    /// The first edit that is left for the next replay.
    private(set) var end: EditID?
    /// Names and custom marks that an earlier edit of the replay has compared: later ones need
    /// no comparison.
    private var comparedNames: Set<GroupID> = []
    private var comparedMarks: Set<ConversationID> = []

    /// What edits must stay in order about.
    private enum Subject: Hashable {
        case group(GroupID)
        case conversation(ConversationID)
        /// That an edit will give a group.
        case name(ExactText)
    }

    init(_ edits: [Edit], on cloud: Draft, for purpose: Purpose) {
        switch purpose {
        case .push(let policy, let paused):
            (self.policy, self.paused, isPreview) = (policy, paused, false)
        case .preview: (policy, paused, isPreview) = (PushPolicy(conflicts: .localWins), [], true)
        }
        self.cloud = cloud
        target = TargetState(cloud)
        ours = OwnEffects(edits)
        for edit in edits { replay(edit) }
    }

    /// A user's mirror with open edits applied.
    /// - Parameter edits: the open ones, ascending.
    package static func preview(_ edits: [Edit], on mirror: Draft) -> EditReplay {
        EditReplay(edits, on: mirror, for: .preview)
    }

    /// Names, members and marks as the edits would have them.
    package var draft: Draft { target.draft }

    // MARK: One edit

    /// Replays one more edit, behind all others.
    package mutating func replay(_ edit: Edit) {
        if !isPreview { edits[edit.id] = edit }
        if end != nil { return decide(edit, .push, base: comparedBase(of: edit)) }
        // A creation that was sent is the group that later edits speak of, whatever else it waits for.
        if edit.isBegun, let name = edit.operation.createdName {
            aliases[.made(by: edit.id)] = group(of: edit, named: name, in: cloud)
        }
        if holdUp(edit) { return }
        switch edit.operation {
        case .create(let name, let ids), .ensure(let name, let ids): create(edit, name, ids)
        case .rename(let group, let name): rename(edit, group, name)
        case .delete(let group): delete(edit, group)
        case .add(let ids, let group): add(edit, ids, group)
        case .remove(let ids, let group): remove(edit, ids, group)
        case .mark(let id, let marks): mark(edit, id, marks)
        }
    }

    /// Decides an edit that waits for others, or until it is tried again, or that was done in a group that is gone.
    /// - Returns: whether it is one.
    private mutating func holdUp(_ edit: Edit) -> Bool {
        // Nothing is in the way of a preview.
        if isPreview { return edit.state == .rejected }
        let subjects = subjects(of: edit)
        if edit.state == .rejected {
            for subject in subjects { blocked[subject] = blocked[subject] ?? edit.id }
            return true
        }
        // Who means a group by its name waits for those that will give the name.
        let waitsFor = subjects + [edit.operation.createdName.map(Subject.name)].compactMap(\.self)
        let holdsUp = subjects + [edit.operation.givenName.map(Subject.name)].compactMap(\.self)
        // What was sent and is done is no longer held up: it needs nothing more, but what edits before it want
        // does not count any more.
        let isDone = edit.isBegun && (isSo(edit) || isGone(edit))
        if let before = waitsFor.compactMap({ blocked[$0] }).min(), !isDone {
            for subject in holdsUp { blocked[subject] = before }
            decide(edit, .wait(behind: before))
            return true
        }
        if paused.contains(edit.id) || !pausedSubjects.isDisjoint(with: waitsFor), !isDone {
            pausedSubjects.formUnion(holdsUp)
            decide(edit, .later)
            return true
        }
        if isDone, let reference = edit.operation.group, resolve(reference) == nil {
            decide(edit, .push)
            return true
        }
        return false
    }

    /// False when the name belongs to another group of the replay, which then ends here.
    private mutating func claim(_ name: ExactText, for group: GroupID, _ edit: Edit) -> Bool {
        guard let owner = owners[name], owner != group, !isPreview else {
            owners[name] = group
            return true
        }
        end = edit.id
        decide(edit, .push, base: comparedBase(of: edit))
        return false
    }

    /// The base of an edit that is not replayed yet, where an earlier one has compared already.
    private func comparedBase(of edit: Edit) -> ExactText? {
        switch edit.operation {
        case .rename(let reference, _):
            guard let group = reference.id, comparedNames.contains(group) else { return nil }
            return cloud.names[group]
        case .mark(let id, let marks):
            let isCompared = marks.custom != nil && comparedMarks.contains(id)
            return isCompared ? cloud.customMark(of: id) : nil
        case .create, .ensure, .delete, .add, .remove: return nil
        }
    }

    private mutating func create(_ edit: Edit, _ name: ExactText, _ ids: [ConversationID]) {
        let own = GroupID.made(by: edit.id)
        if let made = made(by: edit) {
            guard draft.names[made] != nil else {
                return missing(edit, GroupReference(id: made, name: name))
            }
            aliases[own] = made
            want(ids, isIn: true, made, edit)
            return decide(edit, .push, group: made)
        }
        if let there = ours.group(of: edit, named: name, in: draft) {
            guard claim(name, for: there, edit) else { return }
            aliases[own] = there
            want(ids, isIn: true, there, edit)
            decide(edit, .push, group: there)
        } else {
            guard claim(name, for: own, edit) else { return }
            target.create(own, name, edit.id)
            want(ids, isIn: true, own, edit)
            decide(edit, .push)
        }
    }

    /// The group of a creation, if it is there.
    private func group(of edit: Edit, named name: ExactText, in draft: Draft) -> GroupID? {
        made(by: edit) ?? ours.group(of: edit, named: name, in: draft)
    }

    /// The group that the edit has created or found before. It may be one that an earlier edit of the queue is
    /// still to create; where that edit is gone, nothing is known.
    private func made(by edit: Edit) -> GroupID? {
        guard let made = edit.createdGroup else { return nil }
        let group = aliases[made] ?? made
        return group.maker != nil && draft.names[group] == nil ? nil : group
    }

    private mutating func rename(_ edit: Edit, _ reference: GroupReference, _ name: ExactText) {
        guard let group = resolve(reference) else { return missing(edit, reference) }
        guard claim(name, for: group, edit) else { return }
        let theirs = cloud.names[group]
        var conflict: EditConflict?
        if let theirs, let base = edit.base, theirs != base, theirs != name,
            !ours.isOurs(theirs, for: group), !comparedNames.contains(group)
        {
            conflict = EditConflict(base: base, theirs: theirs)
        }
        if let other = draft.group(named: name), other != group {
            block(edit)
            return decide(
                edit, .reject(.nameTaken, nil, words: "group \(other) is called '\(name)' already"),
                group: group)
        }
        if let conflict, policy.conflicts != .localWins {
            return giveWay(edit, conflict, "it was renamed to '\(conflict.theirs)'", group)
        }
        if let before = draft.names[group] { owners[before] = group }
        comparedNames.insert(group)
        target.rename(group, name, edit.id)
        decide(edit, .push, group: group, base: theirs, conflict)
    }

    private mutating func delete(_ edit: Edit, _ reference: GroupReference) {
        guard let group = resolve(reference) else { return decide(edit, settled(edit)) }
        for name in [draft.names[group], cloud.names[group]].compactMap(\.self) {
            owners[name] = group
        }
        target.delete(group, edit.id)
        guard group.maker == nil else { return decide(edit, settled(edit)) }
        decide(edit, .push, group: group)
    }

    private mutating func add(_ edit: Edit, _ ids: [ConversationID], _ reference: GroupReference) {
        if let group = resolve(reference) {
            want(ids, isIn: true, group, edit)
            return decide(edit, .push, group: group)
        }
        if let made = edit.createdGroup, draft.names[made] != nil {
            if let id = reference.id { aliases[id] = made }
            want(ids, isIn: true, made, edit)
            return decide(edit, .push, group: made)
        }
        let isOvertaken = reference.id.map { ours.isDeleted($0, after: edit.id) } ?? false
        guard policy.missingGroup == .recreate, reference.id?.maker == nil, !isOvertaken else {
            return missing(edit, reference)
        }
        let there =
            edit.state == .sending
            ? ours.sent(reference.id ?? .made(by: edit.id), named: reference.name, in: draft)
            : draft.group(named: reference.name)
        let group = there ?? .made(by: edit.id)
        guard claim(reference.name, for: group, edit) else { return }
        if there == nil {
            target.create(group, reference.name, edit.id)
        }
        if let id = reference.id { aliases[id] = group }
        want(ids, isIn: true, group, edit)
        decide(edit, .push, group: there)
    }

    private mutating func remove(
        _ edit: Edit, _ ids: [ConversationID], _ reference: GroupReference
    ) {
        guard let group = resolve(reference) else { return decide(edit, settled(edit)) }
        want(ids, isIn: false, group, edit)
        decide(edit, .push, group: group)
    }

    private mutating func mark(_ edit: Edit, _ id: ConversationID, _ marks: MarkEdit) {
        // What other clients have made of it since is theirs.
        guard !edit.done.contains(id) else { return decide(edit, .push) }
        let theirs = cloud.customMark(of: id)
        var conflict: EditConflict?
        if let custom = marks.custom, let base = edit.base, theirs != base, theirs != custom,
            !ours.isOurs(theirs, for: id), !comparedMarks.contains(id)
        {
            conflict = EditConflict(base: base, theirs: theirs)
        }
        if let conflict, policy.conflicts == .reject {
            return giveWay(edit, conflict, "its custom mark is '\(theirs)' now", nil)
        }
        let isCustomOurs = conflict == nil || policy.conflicts == .localWins
        if !isCustomOurs, marks.set == .none, marks.clear == .none, let conflict {
            return giveWay(edit, conflict, "its custom mark is '\(theirs)' now", nil)
        }
        if marks.custom != nil, isCustomOurs { comparedMarks.insert(id) }
        if edit.refused[id] == nil {
            target.mark(
                id, marks.applied(to: draft.standardMark(of: id)),
                custom: isCustomOurs ? marks.custom : nil, edit.id)
        }
        // What gave way to the cloud stays so: conflict and base stay on record.
        decide(edit, .push, base: isCustomOurs ? theirs : edit.base, conflict)
    }

    // MARK: What all have in common

    /// Whether the cloud has all that the edit wants.
    private func isSo(_ edit: Edit) -> Bool {
        func has(_ ids: [ConversationID], isIn: Bool, _ group: GroupID?) -> Bool {
            ids.allSatisfy { id in
                !edit.wants(id) || group.map { cloud.contains(id, in: $0) } ?? false == isIn
            }
        }
        switch edit.operation {
        case .create(let name, let ids), .ensure(let name, let ids):
            let group = self.group(of: edit, named: name, in: cloud)
            return group.map { cloud.names[$0] != nil } ?? false && has(ids, isIn: true, group)
        case .rename(let group, let name): return resolve(group).map { cloud.names[$0] } == name
        case .delete(let group): return resolve(group).map { cloud.names[$0] == nil } ?? true
        case .add(let ids, let group): return has(ids, isIn: true, resolve(group))
        case .remove(let ids, let group): return has(ids, isIn: false, resolve(group))
        case .mark(let id, let marks):
            let old = cloud.standardMark(of: id)
            return !edit.wants(id)
                || marks.applied(to: old) == old
                    && marks.custom ?? cloud.customMark(of: id) == cloud.customMark(of: id)
        }
    }

    /// Whether the group that the edit is about was there, and a later edit of the queue has deleted it since.
    private func isGone(_ edit: Edit) -> Bool {
        guard let group = edit.operation.group?.id ?? made(by: edit), cloud.names[group] == nil
        else {
            return false
        }
        return ours.isDeleted(group, after: edit.id)
    }

    private mutating func want(
        _ ids: [ConversationID], isIn: Bool, _ group: GroupID, _ edit: Edit
    ) {
        for id in ids where edit.refused[id] == nil {
            // What was done for it is as the cloud has it now; what edits before it wanted does not
            // count any more all the same.
            let isIn = edit.done.contains(id) ? cloud.contains(id, in: group) : isIn
            target.put(id, isIn: isIn, group, edit.id)
        }
    }

    private func resolve(_ reference: GroupReference) -> GroupID? {
        draft.group(meantBy: reference, aliases)
    }

    private func subjects(of edit: Edit) -> [Subject] {
        switch edit.operation {
        case .create(let name, _), .ensure(let name, _):
            return [.group(.made(by: edit.id))]
                + [edit.createdGroup, draft.group(named: name)].compactMap { $0.map(Subject.group) }
        case .mark(let id, _): return [.conversation(id)]
        case .rename, .delete, .add, .remove:
            guard let reference = edit.operation.group else { return [] }
            return [reference.id, resolve(reference)].compactMap { $0.map(Subject.group) }
        }
    }

    private mutating func decide(
        _ edit: Edit, _ course: EditDecision.Course, group: GroupID? = nil, base: ExactText? = nil,
        _ conflict: EditConflict? = nil
    ) {
        if isPreview { return }
        decisions.append(
            EditDecision(
                edit: edit.id, course: course, group: group, base: base ?? edit.base,
                conflict: conflict))
    }

    private func settled(_ edit: Edit) -> EditDecision.Course {
        .settle(edit.state == .sending ? .applied : .satisfied, nil)
    }

    private mutating func missing(_ edit: Edit, _ reference: GroupReference) {
        // Gone by the edit that has overtaken this one.
        if let group = reference.id, ours.isDeleted(group, after: edit.id) {
            return decide(edit, .push, group: group)
        }
        block(edit)
        decide(
            edit,
            .reject(
                .groupMissing, nil, words: "there is no group '\(reference.name)' any more"),
            group: reference.id)
    }

    private mutating func giveWay(
        _ edit: Edit, _ conflict: EditConflict, _ words: String, _ group: GroupID?
    ) {
        if policy.conflicts == .cloudWins {
            return decide(edit, .settle(.cancelled, .conflict), group: group, conflict)
        }
        reject(edit, conflict, words, group)
    }

    private mutating func reject(
        _ edit: Edit, _ conflict: EditConflict, _ words: String, _ group: GroupID?
    ) {
        block(edit)
        decide(edit, .reject(.conflict, nil, words: words), group: group, conflict)
    }

    private mutating func block(_ edit: Edit) {
        for subject in subjects(of: edit) { blocked[subject] = blocked[subject] ?? edit.id }
    }
}
