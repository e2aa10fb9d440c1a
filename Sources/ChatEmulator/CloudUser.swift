// What the cloud keeps of one user, and the rules by which it changes. No JSON, no codes of the
// gateway: those stand in the commands.

/// One conversation's address. `type` 1: with a user; 2: with a chat group.
package struct ContactID: Hashable, Sendable {
    package let type: Int
    package let peer: String

    package init(type: Int, peer: String) {
        self.type = type
        self.peer = peer
    }

    package static func == (left: ContactID, right: ContactID) -> Bool {
        left.type == right.type && left.peer.hasBytes(of: right.peer)
    }
}

extension String {
    /// Two spellings of one character ("é" as one scalar or as two) are two texts: nothing the vendor
    /// has written says otherwise.
    func hasBytes(of other: String) -> Bool {
        self == other && utf8.elementsEqual(other.utf8)
    }
}

/// Groups, marks and conversations of one user.
package struct CloudUser: Sendable {
    /// A conversation that is in a group or marked.
    package struct Contact: Hashable, Sendable {
        package var groups: Set<Int64> = []
        package var bits: UInt64 = 0
        package var custom = ""
        /// Unix seconds of the last change.
        package var updatedAt: Int64 = 0

        /// Says nothing: no group, no mark.
        package var isBare: Bool { groups.isEmpty && bits == 0 && custom.isEmpty }
    }

    /// A conversation group.
    package struct Group: Hashable, Sendable {
        package let id: Int64
        package var name: String
    }

    /// In the order of their creation.
    package private(set) var groups: [Group] = []
    /// In the order in which they were added: what an index cursor counts.
    package private(set) var order: [ContactID] = []
    package private(set) var contacts: [ContactID: Contact] = [:]
    private var lastGroupID: Int64 = 0
    /// Moves with every change, so that an encoded reply is known to be still right.
    package private(set) var version = 0

    package static let mostGroups = 20
    package static let mostContacts = 1000
    package static let longestCustomMark = 256

    package init() {}

    /// The group of this name; nil when there is none.
    package func group(named name: String) -> Group? {
        groups.first { $0.name.hasBytes(of: name) }
    }

    /// Who is in the group, in the order of the export.
    package func members(of group: Int64) -> [ContactID] {
        order.filter { contacts[$0]?.groups.contains(group) == true }
    }

    // MARK: Groups

    /// Adds a group and gives its id. The caller has looked at the name and at the number of
    /// groups.
    mutating func createGroup(named name: String, ids: EmulatorOptions.GroupIDs) -> Int64 {
        let id: Int64
        switch ids {
        case .next: id = lastGroupID + 1
        case .lowest: id = (1...).first { id in !groups.contains { $0.id == id } } ?? 1
        }
        lastGroupID = max(lastGroupID, id)
        groups.append(Group(id: id, name: name))
        version += 1
        return id
    }

    /// Gives a group that is there another name.
    mutating func renameGroup(_ id: Int64, to name: String) {
        guard let index = groups.firstIndex(where: { $0.id == id }) else { return }
        groups[index].name = name
        version += 1
    }

    /// Deletes a group; what becomes of conversations without group and mark, `bare` says.
    mutating func deleteGroup(_ id: Int64, bare: EmulatorOptions.Bare, now: Int64) {
        for contact in members(of: id) {
            contacts[contact]?.groups.remove(id)
            contacts[contact]?.updatedAt = now
            dropIfBare(contact, bare)
        }
        groups.removeAll { $0.id == id }
        version += 1
    }

    // MARK: Conversations

    /// Puts a conversation into a group; false when the limit of 1000 forbids it.
    mutating func add(_ contact: ContactID, to group: Int64, _ options: EmulatorOptions, now: Int64)
        -> Bool
    {
        if contacts[contact]?.groups.contains(group) == true { return true }
        guard makeRoom(for: contact, in: group, options, now: now) else { return false }
        change(contact, now: now) { $0.groups.insert(group) }
        return true
    }

    mutating func remove(
        _ contact: ContactID, from group: Int64, _ options: EmulatorOptions, now: Int64
    ) {
        guard contacts[contact]?.groups.contains(group) == true else { return }
        change(contact, now: now) { $0.groups.remove(group) }
        dropIfBare(contact, options.bare)
        if options.lastMember == .deleted, members(of: group).isEmpty {
            groups.removeAll { $0.id == group }
        }
    }

    /// Sets and clears marks; false when the limit of 1000 marked conversations forbids it.
    mutating func mark(
        _ contact: ContactID, set: UInt64, clear: UInt64, custom: String?,
        _ options: EmulatorOptions, now: Int64
    ) -> Bool {
        let old = contacts[contact] ?? Contact()
        var new = old
        new.bits = new.bits & ~clear | set
        new.custom = custom ?? new.custom
        if new == old, new.custom.hasBytes(of: old.custom) { return true }
        let wasMarked = old.bits != 0 || !old.custom.isEmpty
        if !wasMarked,
            contacts.values.count(where: { $0.bits != 0 || !$0.custom.isEmpty })
                >= Self.mostContacts
        {
            return false
        }
        change(contact, now: now) { $0 = new }
        dropIfBare(contact, options.bare)
        return true
    }

    private mutating func change(_ id: ContactID, now: Int64, _ body: (inout Contact) -> Void) {
        var contact = contacts[id] ?? Contact()
        if contacts[id] == nil { order.append(id) }
        body(&contact)
        contact.updatedAt = now
        contacts[id] = contact
        version += 1
    }

    private mutating func dropIfBare(_ id: ContactID, _ bare: EmulatorOptions.Bare) {
        guard bare == .dropped, contacts[id]?.isBare == true else { return }
        contacts[id] = nil
        order.removeAll { $0 == id }
    }

    /// Cloud.md §7.3: the limit of 1000 is documented in three ways, hence two knobs.
    private mutating func makeRoom(
        for contact: ContactID, in group: Int64, _ options: EmulatorOptions, now: Int64
    ) -> Bool {
        let counted: [ContactID]
        switch options.limitScope {
        case .user:
            if contacts[contact]?.groups.isEmpty == false { return true }
            guard contacts.count >= Self.mostContacts else { return true }
            counted = order.filter { contacts[$0]?.groups.isEmpty == false }
        case .group:
            guard contacts.count >= Self.mostContacts else { return true }
            counted = members(of: group)
        }
        guard counted.count >= Self.mostContacts else { return true }
        guard options.overflow == .evict, let oldest = counted.first else { return false }
        change(oldest, now: now) { evicted in
            if options.limitScope == .user {
                evicted.groups = []
            } else {
                evicted.groups.remove(group)
            }
        }
        dropIfBare(oldest, options.bare)
        return true
    }
}
