// The two commands that read: the listing in pages, and the look-up of single conversations
// (Cloud.md §1.8, §1.9).

extension CloudCore {
    /// `get_contact_group`, encoded. The cursor is an index into the user's conversations as they
    /// stand at the moment of the call, so a listing of several pages can skip and repeat, as the
    /// real one may.
    func listing(_ request: JSON, _ name: String, _ fault: Fault.Kind?, now: Int64) -> [UInt8] {
        guard let start = request["StartIndex"]?.number, start >= 0 else {
            return encoded(CallError(50002, "StartIndex is wrong"), of: "get_contact_group")
        }
        if fault == .emptyListing {
            count("get_contact_group", "0")
            return envelope(page(of: CloudUser(), from: 0, fault), of: "get_contact_group").bytes
        }
        if fault == .drift, start > 0 { phoneChange(user: name, now: now) }
        let user = user(name, now: now)
        count("get_contact_group", "0")
        let bending: [Fault.Kind] = [
            .stuckCursor, .noCompleteFlag, .dangling, .omission, .unknownType,
        ]
        guard fault.map(bending.contains) != true else {
            return envelope(page(of: user, from: start, fault), of: "get_contact_group").bytes
        }
        return encodedPage(of: name, cursor: start, version: user.version) {
            envelope(page(of: user, from: start, nil), of: "get_contact_group")
        }
    }

    private func page(of user: CloudUser, from start: Int64, _ fault: Fault.Kind?) -> JSON {
        let order = user.order.dropFirst(fault == .omission ? 1 : 0)
        let ids = order.dropFirst(Int(min(start, Int64(order.count)))).prefix(options.pageSize)
        let end = start + Int64(ids.count)
        let isLast = end >= Int64(order.count)
        var items = ids.map { contact($0, of: user) }
        if fault == .dangling, let first = ids.first {
            items[0] = contact(first, of: user, extraGroup: 999_999)
        }
        if fault == .unknownType, start == 0, !items.isEmpty {
            items[0] = .members(["Type": number(3), "To_Topic": "a kind that is yet to come"])
        }
        let flag: JSON? = fault == .noCompleteFlag ? nil : number(isLast ? 1 : 0)
        let cursor: JSON? =
            isLast
            ? (options.lastCursor == .zero ? number(0) : nil)
            : number(fault == .stuckCursor ? start : end)
        return .members([
            "ContactItem": list(items), "GroupItem": list(groups(of: user, on: ids, from: start)),
            "CompleteFlag": flag, "NextStartIndex": cursor,
        ])
    }

    private func groups(of user: CloudUser, on ids: some Collection<ContactID>, from start: Int64)
        -> [JSON]
    {
        switch options.groupItems {
        case .every: return user.groups.map(group)
        case .first: return start == 0 ? user.groups.map(group) : []
        case .referenced:
            // A group without conversations is referenced by none; it comes with the first page.
            let here = Set(ids.flatMap { user.contacts[$0]?.groups ?? [] })
            let anywhere = Set(user.contacts.values.flatMap(\.groups))
            return user.groups.filter {
                here.contains($0.id) || (start == 0 && !anywhere.contains($0.id))
            }.map(group)
        }
    }

    func group(_ group: CloudUser.Group) -> JSON {
        .members(["GroupName": .string(group.name), "GroupId": number(group.id)])
    }

    private func contact(_ id: ContactID, of user: CloudUser, extraGroup: Int64? = nil) -> JSON {
        let contact = user.contacts[id] ?? CloudUser.Contact()
        let groups = contact.groups.sorted() + (extraGroup.map { [$0] } ?? [])
        return .members([
            "Type": number(Int64(id.type)), "To_Account": id.type == 1 ? .string(id.peer) : nil,
            "ToGroupId": id.type == 2 ? .string(id.peer) : nil,
            "StandardMark": contact.bits == 0
                ? (options.emptyMarks == .empty ? "" : nil)
                : .string(String(contact.bits, radix: 2)),
            "CustomMark": contact.custom.isEmpty ? nil : .string(contact.custom),
            "ContactGroupId": list(groups.map(number)), "Timestamp": number(contact.updatedAt),
        ])
    }

    /// `search_contact_group`: what is known of up to 300 conversations; those without data are
    /// left out.
    func searchContactGroup(_ request: JSON, _ name: String, now: Int64) -> Result<JSON, CallError>
    {
        guard let asked = request["ContactItem"]?.array, (1...300).contains(asked.count) else {
            return .failure(CallError(50002, "ContactItem must have 1 to 300 elements"))
        }
        var ids: [ContactID] = []
        for item in asked {
            guard let id = ContactID(item) else { return .failure(CallError(50002)) }
            ids.append(id)
        }
        let user = user(name, now: now)
        let found = ids.filter { user.contacts[$0] != nil }
        return .success(
            .members([
                "ContactResultItem": list(found.map { contact($0, of: user) }),
                "GroupItem": list(groups(of: user, on: found, from: 0)),
            ]))
    }
}

extension ContactID {
    /// Reads `{"Type":1,"To_Account":"…"}` or `{"Type":2,"ToGroupId":"…"}` (Cloud.md §1.4).
    init?(_ json: JSON) {
        // The vendor's tables call it a String in one place and an Integer in others.
        guard let type = json["Type"]?.number ?? json["Type"]?.string.flatMap({ Int64($0) }) else {
            return nil
        }
        let peer = json[type == 1 ? "To_Account" : "ToGroupId"]?.string
        guard type == 1 || type == 2, let peer, !peer.isEmpty, peer.utf8.count <= 64 else {
            return nil
        }
        self.init(type: Int(type), peer: peer)
    }
}
