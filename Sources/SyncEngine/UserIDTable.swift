import ChatModel
import SyncRules

// Ten million users must be at hand without ten million strings: all ids stand one after another in
// one array of bytes, found by number through their offset and by id through a hash table of
// numbers.

/// The ids of all users by number, and the numbers by id. 30 bytes a user with an id of 12.
package struct UserIDTable: Sendable {
    private var bytes: [UInt8] = []
    /// Where each number's id begins; one more for the end of the last. Numbers without an id have
    /// an empty one.
    private var offsets: [UInt32] = [0, 0]
    /// Numbers by the hash of their id; 0 is a free place. The size is a power of two, at most
    /// three quarters full.
    private var table: [UserNumber] = Array(repeating: 0, count: 16)
    private var used = 0

    package init() {}

    /// The highest number in use.
    package var highest: UserNumber { UserNumber(offsets.count - 2) }

    /// Adds an id under a number above all earlier ones.
    package mutating func add(_ id: some Collection<UInt8>, as number: UserNumber) {
        precondition(number > highest, "numbers must be added in their order")
        while highest < number - 1 { offsets.append(UInt32(bytes.count)) }
        bytes.append(contentsOf: id)
        offsets.append(UInt32(bytes.count))
        if used * 4 >= table.count * 3 { grow() }
        table[place(of: self[number])] = number
        used += 1
    }

    /// The number of an id; nil when it was never added.
    package func number(of id: some Collection<UInt8>) -> UserNumber? {
        let number = table[place(of: id)]
        return number == 0 ? nil : number
    }

    /// The id of a number that was given.
    package func id(of number: UserNumber) -> UserID { UserID(checkedBytes: self[number]) }

    private subscript(number: UserNumber) -> ArraySlice<UInt8> {
        bytes[Int(offsets[Int(number)])..<Int(offsets[Int(number) + 1])]
    }

    /// Where the id stands in the table, or the free place where it would.
    private func place(of id: some Collection<UInt8>) -> Int {
        var place = UserIDTable.hash(id) & (table.count - 1)
        while table[place] != 0, !self[table[place]].elementsEqual(id) {
            place = (place + 1) & (table.count - 1)
        }
        return place
    }

    private mutating func grow() {
        table = Array(repeating: 0, count: table.count * 2)
        for number in 1...highest where number < offsets.count - 1 && !self[number].isEmpty {
            table[place(of: self[number])] = number
        }
    }

    /// FNV-1a, folded: the same in every process, so a table's shape never depends on a random
    /// seed.
    private static func hash(_ id: some Collection<UInt8>) -> Int {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in id { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return Int(truncatingIfNeeded: (hash ^ hash >> 32) & 0x7FFF_FFFF)
    }
}
