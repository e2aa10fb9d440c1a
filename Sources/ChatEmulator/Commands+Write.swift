// The four commands that change something (Cloud.md §1.5 to §1.7 and §1.10). A failure of the call
// as a whole changes nothing; a failure of one item leaves the others done.

extension CloudCore {
    private static let mostItems = 100

    /// `create_contact_group`: one group with its first conversations.
    func createContactGroup(_ request: JSON, _ name: String, now: Int64) -> Result<JSON, CallError>
    {
        guard let items = request["GroupContactItem"]?.array, items.count == 1,
            let groupName = items[0]["GroupName"]?.string
        else { return .failure(CallError(50002)) }
        let contacts = items[0]["ContactItem"]?.array ?? []
        if let error = fault(inName: groupName) ?? fault(inFirst: contacts.count) {
            return .failure(error)
        }
        var user = user(name, now: now)
        let id: Int64
        if let existing = user.group(named: groupName) {
            guard options.duplicateCreate == .merge else { return .failure(CallError(50002)) }
            id = existing.id
        } else {
            guard user.groups.count < CloudUser.mostGroups else {
                return .failure(CallError(51010))
            }
            id = user.createGroup(named: groupName, ids: options.groupIDs)
        }
        let results = contacts.map { item in
            result(of: item) { user.add($0, to: id, options, now: now) ? 0 : 51008 }
        }
        users[name] = user
        return .success(
            .members([
                "GroupResultItem": .array([
                    .members([
                        "GroupItem": group(CloudUser.Group(id: id, name: groupName)),
                        "ResultItem": .array(results),
                    ])
                ])
            ]))
    }

    /// `update_contact_group`: a rename, or conversations added and removed.
    func updateContactGroup(_ request: JSON, _ name: String, now: Int64) -> Result<JSON, CallError>
    {
        guard request["UpdateType"]?.number == 1, let update = request["UpdateGroup"],
            let oldName = update["OldGroupName"]?.string
        else { return .failure(CallError(50002)) }
        let user = user(name, now: now)
        guard let group = user.group(named: oldName) else { return .failure(CallError(51009)) }
        switch update["UpdateGroupType"]?.number {
        case 1: return rename(group, update, user, name)
        case 2: return updateMembers(of: group, update, user, name, now: now)
        default: return .failure(CallError(50002))
        }
    }

    private func rename(_ group: CloudUser.Group, _ update: JSON, _ user: CloudUser, _ name: String)
        -> Result<JSON, CallError>
    {
        guard let newName = update["NewGroupName"]?.string else {
            return .failure(CallError(50002))
        }
        if let error = fault(inName: newName) { return .failure(error) }
        if let other = user.group(named: newName), other.id != group.id {
            return .failure(CallError(50002, "another group has this name"))
        }
        var user = user
        user.renameGroup(group.id, to: newName)
        users[name] = user
        return .success(updateResult(type: 1, group, newName: newName, items: []))
    }

    private func updateMembers(
        of group: CloudUser.Group, _ update: JSON, _ user: CloudUser, _ name: String, now: Int64
    ) -> Result<JSON, CallError> {
        guard let items = update["ContactUpdateItem"]?.array else {
            return .failure(CallError(50002))
        }
        if let error = fault(inCount: items.count) { return .failure(error) }
        let kinds = items.map { $0["ContactOptType"]?.number }
        guard kinds.allSatisfy({ $0 == 1 || $0 == 2 }) else { return .failure(CallError(50002)) }
        var user = user
        let results = zip(items, kinds).map { item, kind in
            let done = result(of: item["ContactItem"] ?? .null) { id in
                if kind == 1 { return user.add(id, to: group.id, options, now: now) ? 0 : 51008 }
                user.remove(id, from: group.id, options, now: now)
                return 0
            }
            guard case .object(let members) = done else { return done }
            return .object([JSON.Member(key: "ContactOptType", value: number(kind ?? 0))] + members)
        }
        users[name] = user
        return .success(updateResult(type: 2, group, newName: group.name, items: results))
    }

    private func updateResult(
        type: Int64, _ group: CloudUser.Group, newName: String, items: [JSON]
    ) -> JSON {
        .members([
            "UpdateType": number(1),
            "UpdateGroupResult": .members([
                "UpdateGroupType": number(type), "GroupName": .string(newName),
                "GroupId": number(group.id), "OldGroupName": .string(group.name),
                "ContactResultItem": list(items),
            ]),
        ])
    }

    /// `del_contact_group`: one group by its name; its conversations keep their other groups and
    /// marks.
    func deleteContactGroup(_ request: JSON, _ name: String, now: Int64) -> Result<JSON, CallError>
    {
        guard let names = request["GroupName"]?.array, names.count == 1,
            let groupName = names[0].string
        else { return .failure(CallError(50002)) }
        var user = user(name, now: now)
        guard let found = user.group(named: groupName) else { return .failure(CallError(51009)) }
        user.deleteGroup(found.id, bare: options.bare, now: now)
        users[name] = user
        return .success(.members(["GroupItem": .array([group(found)])]))
    }

    /// `mark_contact`: standard marks, the custom mark or both, of up to 100 conversations.
    func markContact(_ request: JSON, _ name: String, now: Int64) -> Result<JSON, CallError> {
        guard let items = request["MarkItem"]?.array else { return .failure(CallError(50002)) }
        if let error = fault(inCount: items.count) { return .failure(error) }
        var orders: [(item: JSON, type: Int64, set: UInt64, clear: UInt64, custom: String?)] = []
        for item in items {
            guard let type = item["OptType"]?.number, (1...3).contains(type),
                let set = bits(item["SetMark"]), let clear = bits(item["ClearMark"])
            else { return .failure(CallError(50002)) }
            let custom = type == 1 ? nil : item["CustomMark"]?.string ?? ""
            guard (custom ?? "").utf8.count <= CloudUser.longestCustomMark else {
                return .failure(CallError(50002, "CustomMark has more than 256 bytes"))
            }
            orders.append((item, type, type == 2 ? 0 : set, type == 2 ? 0 : clear, custom))
        }
        var user = user(name, now: now)
        let results = orders.map { order in
            let done = result(of: order.item["ContactItem"] ?? .null) { id in
                user.mark(
                    id, set: order.set, clear: order.clear, custom: order.custom, options, now: now)
                    ? 0 : 51008
            }
            guard case .object(let members) = done else { return done }
            return .object([JSON.Member(key: "OptType", value: number(order.type))] + members)
        }
        users[name] = user
        return .success(.members(["ResultItem": .array(results)]))
    }

    // MARK: What they share

    private func fault(inName name: String) -> CallError? {
        (1...options.nameBytes).contains(name.utf8.count) ? nil : CallError(51011)
    }

    /// The conversations that a group is created with.
    private func fault(inFirst count: Int) -> CallError? {
        guard count == 0 else { return fault(inCount: count) }
        switch options.emptyCreate {
        case .accept: return nil
        case .wrongCount: return CallError(51006)
        case .wrongParameter: return CallError(50002)
        }
    }

    private func fault(inCount count: Int) -> CallError? {
        (1...Self.mostItems).contains(count) ? nil : CallError(51006)
    }

    /// Bit numbers 0 to 63 as bits; nil when there is anything else.
    private func bits(_ list: JSON?) -> UInt64? {
        guard let list else { return 0 }
        guard let numbers = list.array else { return nil }
        var bits: UInt64 = 0
        for number in numbers {
            guard let bit = number.number, (0...63).contains(bit) else { return nil }
            bits |= 1 << UInt64(bit)
        }
        return bits
    }

    private func result(of item: JSON, _ body: (ContactID) -> Int) -> JSON {
        let failing = failingItem
        failingItem = nil
        let isToBeDone = failing?.isApplied ?? true
        let done = isToBeDone ? ContactID(item).map(body) ?? 50002 : 0
        let code = failing?.code ?? done
        return .members([
            "ContactItem": item, "ResultCode": number(Int64(code)),
            "ResultInfo": .string(code == 0 ? "" : CallError(code).info),
        ])
    }
}
