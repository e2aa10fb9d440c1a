// What a test may ask beside the API: the routes below /emulator.

extension CloudCore {
    /// The truth in the form of `groupmirror export`, users sorted, each with its line feed.
    /// Conversations with neither group nor mark say nothing and are left out. `pulled_at` is null:
    /// the cloud does not know it.
    package func export(now: EmulatorTime, _ each: ([UInt8]) -> Void) {
        for number in 0..<options.users {
            let name = Population.name(number + 1)
            each(exportLine(name, users[name] ?? made(name, now: now.seconds)))
        }
    }

    /// What the cloud keeps of a user at this moment.
    package func state(of user: String, now: EmulatorTime) -> CloudUser {
        users[user] ?? made(user, now: now.seconds)
    }

    private func exportLine(_ name: String, _ user: CloudUser) -> [UInt8] {
        let groups = user.groups.sorted { $0.id < $1.id }.map { group in
            JSON.members(["id": .number(group.id), "name": .string(group.name)])
        }
        let contacts = user.contacts.filter { !$0.value.isBare }.sorted { left, right in
            left.key.type == right.key.type
                ? left.key.peer.utf8.lexicographicallyPrecedes(right.key.peer.utf8)
                : left.key.type < right.key.type
        }
        let conversations = contacts.map { id, contact in
            JSON.members([
                "type": .number(Int64(id.type)), "peer": .string(id.peer),
                "groups": .array(contact.groups.sorted().map(JSON.number)),
                "standard_mark": .string(String(contact.bits)),
                "custom_mark": .string(contact.custom), "updated_at": .number(contact.updatedAt),
            ])
        }
        let line = JSON.members([
            "user": .string(name), "pulled_at": .null, "groups": .array(groups),
            "conversations": .array(conversations),
        ])
        return line.exportBytes + [UInt8(ascii: "\n")]
    }

    /// Calls by command and code, the widest second of each command, the milliseconds from its
    /// first call to its last, faults that struck.
    package var stats: JSON {
        func numbers(_ counts: [String: Int]) -> JSON {
            .object(
                counts.sorted { $0.key < $1.key }.map {
                    JSON.Member(key: $0.key, value: .number(Int64($0.value)))
                })
        }
        let names = Set(counters.calls.keys).union(limits.keys).sorted()
        let commands = names.map { name in
            let calls = counters.calls[name] ?? [:]
            return JSON.Member(
                key: name,
                value: .members([
                    "calls": .number(Int64(calls.values.reduce(0, +))), "codes": numbers(calls),
                    "widest_second": .number(Int64(limits[name]?.widest ?? 0)),
                    "milliseconds": .number((limits[name]?.span ?? 0) / 1_000_000),
                    "refused": .number(Int64(calls[String(options.rateCode)] ?? 0)),
                ]))
        }
        return .members([
            "users": .number(Int64(options.users)), "commands": .object(commands),
            "faults": numbers(faults.struck),
            "journal": .number(Int64(journal.entries.count)),
        ])
    }

    package var journalLines: [[UInt8]] { journal.entries.map { $0.json.bytes + [10] } }

    /// The faults in force.
    package var faultList: JSON { .array(faults.list.map(\.json)) }

    /// Replaces them by a JSON list, or one fault. Returns what is wrong with it; nil when it was
    /// taken.
    package func setFaults(_ json: JSON) -> String? {
        let list = json.array ?? [json]
        let read = list.map(Fault.init(_:))
        if let bad = read.firstIndex(where: { $0 == nil }) {
            return
                "fault \(bad + 1) needs a \"kind\" that --help lists, and a \"rate\" from 0 to 1 as "
                + "a string"
        }
        faults.list = read.compactMap(\.self)
        return nil
    }

    /// Names of all users, for a list file.
    package static func userNames(_ count: Int) -> some Sequence<String> {
        (0..<count).lazy.map { userName($0 + 1) }
    }

    /// The id of a user by its number, from 1.
    package static func userName(_ number: Int) -> String { Population.name(number) }
}

extension CloudCore {
    /// The faults in force from now on.
    package func set(_ list: [Fault]) {
        faults.list = list
    }

    /// How often each kind has struck, by its written form.
    package var faultsStruck: [String: Int] { faults.struck }
}
