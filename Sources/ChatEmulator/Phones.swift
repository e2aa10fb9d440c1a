// The users' own devices: they change groups and marks without asking anybody, which is why a
// mirror is never done.

extension CloudCore {
    /// So many changes by phones of users picked by chance.
    package func churn(_ count: Int, now: EmulatorTime) {
        let users = min(options.users, options.churnUsers ?? options.users)
        guard users > 0 else { return }
        for _ in 0..<count {
            let name = Population.name(1 + phones.below(users))
            phoneChange(user: name, now: now.seconds + options.clockSkew)
        }
    }

    /// One change as another client makes it: mostly a conversation put into a group or a mark set,
    /// seldom a group deleted.
    package func phoneChange(user name: String, now: Int64) {
        var user = user(name, now: now)
        let group = user.groups.randomElement(using: &phones)
        let contact = user.order.randomElement(using: &phones)
        switch (phones.chance(), group, contact) {
        case (..<0.30, let group?, _):
            let new = Population.contact(phones.below(10_000), &phones)
            _ = user.add(new, to: group.id, options, now: now)
        case (..<0.45, let group?, let contact?):
            _ = user.add(contact, to: group.id, options, now: now)
        case (..<0.62, let group?, _):
            guard let member = user.members(of: group.id).randomElement(using: &phones) else {
                break
            }
            user.remove(member, from: group.id, options, now: now)
        case (..<0.80, _, let contact?):
            let bit = UInt64(1) << UInt64(phones.below(4))
            let isSet = user.contacts[contact].map { $0.bits & bit != 0 } ?? false
            _ = user.mark(
                contact, set: isSet ? 0 : bit, clear: isSet ? bit : 0, custom: nil, options,
                now: now)
        case (..<0.88, _, let contact?):
            let custom = phones.chance() < 0.3 ? "" : "note \(phones.below(1000))"
            _ = user.mark(contact, set: 0, clear: 0, custom: custom, options, now: now)
        case (..<0.94, let group?, _):
            let newName = Population.newGroupName(&phones)
            if user.group(named: newName) == nil { user.renameGroup(group.id, to: newName) }
        case (..<0.97, let group?, _):
            user.deleteGroup(group.id, bare: options.bare, now: now)
        default:
            let newName = Population.newGroupName(&phones)
            guard user.groups.count < CloudUser.mostGroups, user.group(named: newName) == nil else {
                break
            }
            let id = user.createGroup(named: newName, ids: options.groupIDs)
            _ = user.add(
                Population.contact(phones.below(10_000), &phones), to: id, options, now: now)
        }
        users[name] = user
    }
}
