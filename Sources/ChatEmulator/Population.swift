// A population made from a seed. A user is made when it is first looked at, so a million users cost
// nothing until then; each has a generator of its own, so the order of looking does not matter.

/// The users that the emulated cloud has imported, and what each begins with.
struct Population: Sendable {
    let options: EmulatorOptions

    /// Wide enough for ten million, so that the order of ids is the order of numbers.
    static func name(_ number: Int) -> String {
        let digits = String(number)
        return "user" + String(repeating: "0", count: max(0, 8 - digits.count)) + digits
    }

    /// The number of an imported user; nil for anybody else.
    func number(of name: String) -> Int? {
        guard name.utf8.count == 12, name.hasPrefix("user"), let number = Int(name.dropFirst(4)),
            (1...max(1, options.users)).contains(number), options.users > 0
        else { return nil }
        return number
    }

    private static let groupNames = [
        "family", "work", "friends", "clients", "school", "neighbours", "football", "read later",
        "家人", "同事", "Freunde", "música", "наши", "買い物", "travel ✈", "a=b \"quoted\"",
    ]

    private static let customMarks = ["", "", "", "vip", "follow up", "ответить", "{\"color\":3}"]

    /// The same user for the same number, always.
    func user(_ number: Int, now: Int64) -> CloudUser {
        var random = SplitMix(
            seed: options.seed &* 0x9E37_79B9 ^ UInt64(number) &* 0xD134_2543_DE82_EF95)
        _ = random.next()
        var user = CloudUser()
        let count = options.conversations ?? Population.mixedCount(&random)
        let groupCount = count == 0 ? 0 : 1 + random.below(min(6, count))
        let names = Population.groupNames.shuffled(using: &random).prefix(groupCount)
        let groups = names.map { user.createGroup(named: $0, ids: .next) }
        for position in 0..<count {
            let contact = Population.contact(position, &random)
            let time = now - Int64(random.below(90 * 86_400))
            var isIn = false
            for group in groups where random.chance() < 0.5 {
                isIn = user.add(contact, to: group, options, now: time) || isIn
            }
            if random.chance() < 0.3 || !isIn {
                let custom = Population.customMarks.randomElement(using: &random) ?? ""
                _ = user.mark(
                    contact, set: 1 << UInt64(random.below(4)), clear: 0, custom: custom, options,
                    now: time)
            }
        }
        return user
    }

    static func contact(_ position: Int, _ random: inout SplitMix) -> ContactID {
        random.chance() < 0.7
            ? ContactID(type: 1, peer: "peer\(position)-\(random.below(100_000))")
            : ContactID(type: 2, peer: "@TGS#\(position)\(String(random.next() >> 24, radix: 36))")
    }

    static func newGroupName(_ random: inout SplitMix) -> String {
        let name = groupNames.randomElement(using: &random) ?? "group"
        return name.utf8.count > 24 ? name : "\(name) \(random.below(1000))"
    }

    /// One in ten has nothing, one in thirty has several pages, the others some.
    private static func mixedCount(_ random: inout SplitMix) -> Int {
        switch random.chance() {
        case ..<0.1: 0
        case ..<0.97: 1 + random.below(40)
        default: 120 + random.below(300)
        }
    }
}
