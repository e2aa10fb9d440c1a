import ChatModel

// Where each user of the schedule stands, and what is kept of it.

/// Queues of users; a user is in one at most.
struct UserQueues: Sendable {
    /// Where a user stands: in a queue, or with a caller.
    struct Place: Hashable, Sendable {
        let number: UInt16

        static let none = Place(number: 0)
        static let taken = Place(number: 1)
        static let takenAndAsked = Place(number: 2)
        static let takenAndUrgent = Place(number: 3)
        static let takenAndRemoved = Place(number: 4)
        static let urgent = Place(number: 5)
        static let asked = Place(number: 6)
        static let returning = Place(number: 7)
        static let new = Place(number: 8)
        static let waiting = Place(number: 9)
        private static let firstQuiet: UInt16 = 10
        private static let firstOnline = firstQuiet + UInt16(StalenessClass.count)
        private static let firstDue = firstOnline + UInt16(StalenessClass.count)
        static let count = Int(firstDue) + ChanceClass.count

        private init(number: UInt16) { self.number = number }

        init(_ turn: TurnClass) {
            switch turn {
            case .quiet(let own): number = Self.firstQuiet + UInt16(own.number)
            case .online(let own): number = Self.firstOnline + UInt16(own.number)
            case .visited(let own): number = Self.firstDue + UInt16(own.number)
            }
        }

        /// The class whose queue it is; nil for the other places.
        var turnClass: TurnClass? {
            switch number {
            case ..<Self.firstQuiet: nil
            case ..<Self.firstOnline:
                .quiet(StalenessClass(number: Int(number - Self.firstQuiet)))
            case ..<Self.firstDue: .online(StalenessClass(number: Int(number - Self.firstOnline)))
            default: .visited(ChanceClass(number: Int(number - Self.firstDue)))
            }
        }

        /// Whether it is the queue of a class.
        var isClass: Bool { number >= Self.firstQuiet }

        /// Whether hints have put the user there.
        var isHinted: Bool { number >= Self.firstOnline }
    }

    /// What is kept of a user, apart from its links.
    struct Slot: Sendable {
        var pulledAt = PullTime.never
        /// Since when the value of its pull has grown: mostly since its last pull.
        var countsFrom = PullTime.never
        var changes = Evidence.prior.changes
        var watched = Evidence.prior.watched
        fileprivate(set) var place = Place.none
        /// Of its last pull; 255 for more.
        var calls: UInt8 = 1
        var marks: Marks = []

        var evidence: Evidence {
            get { Evidence(changes: changes, watched: watched) }
            set { (changes, watched) = (newValue.changes, newValue.watched) }
        }
    }

    /// What is to be remembered of a user until its pass ends.
    struct Marks: OptionSet, Sendable {
        let rawValue: UInt8
        /// It was taken because its back-off was over.
        static let isReturning = Marks(rawValue: 1)
        /// It was taken for a second look.
        static let isLook = Marks(rawValue: 2)
        /// There is something to be sent once its time comes.
        static let isUrgentThen = Marks(rawValue: 4)
        /// It was taken because of hints.
        static let isHinted = Marks(rawValue: 8)
    }

    private var slots: [Slot] = [Slot()]
    private var lists = UserLists(count: Place.count)
    /// The classes that have users.
    private(set) var classes: [Place] = []

    // MARK: Users

    mutating func reserve(_ users: Int) {
        slots.reserveCapacity(users + 1)
        lists.reserve(users)
    }

    /// Makes room for a user.
    mutating func grow(to user: UserNumber) {
        precondition(user > 0, "0 is no user's number")
        while slots.count <= Int(user) { slots.append(Slot()) }
        lists.grow(to: user)
    }

    var highest: UserNumber { UserNumber(slots.count - 1) }

    func knows(_ user: UserNumber) -> Bool { Int(user) < slots.count }

    subscript(user: UserNumber) -> Slot {
        get { slots[Int(user)] }
        _modify { yield &slots[Int(user)] }
    }

    // MARK: Queues

    /// 0 when the queue is empty.
    func first(in place: Place) -> UserNumber { lists.first(of: Int(place.number)) }

    func count(in place: Place) -> Int { lists.count(of: Int(place.number)) }

    /// Puts a user who is in no queue where it is not queued: with a caller, or nowhere.
    mutating func put(_ user: UserNumber, at place: Place) { slots[Int(user)].place = place }

    /// Puts a user who is in no queue at the end of one.
    mutating func append(_ user: UserNumber, to place: Place) {
        lists.append(user, to: Int(place.number))
        entered(user, place)
    }

    /// The same at the front.
    mutating func prepend(_ user: UserNumber, to place: Place) {
        lists.prepend(user, to: Int(place.number))
        entered(user, place)
    }

    /// Puts a user who is in no queue into that of a class.
    mutating func insert(_ user: UserNumber, into place: Place) {
        let time = slots[Int(user)].countsFrom
        lists.insert(user, into: Int(place.number)) { [slots] in slots[Int($0)].countsFrom > time }
        entered(user, place)
    }

    private mutating func entered(_ user: UserNumber, _ place: Place) {
        slots[Int(user)].place = place
        if count(in: place) == 1, place.isClass { classes.append(place) }
    }

    /// Takes a user out of its queue.
    mutating func unlink(_ user: UserNumber) {
        let place = slots[Int(user)].place
        lists.unlink(user, from: Int(place.number))
        slots[Int(user)].place = .none
        if count(in: place) == 0, place.isClass { classes.removeAll { $0 == place } }
    }

    mutating func popFirst(in place: Place) -> UserNumber? {
        let head = first(in: place)
        guard head != 0 else { return nil }
        unlink(head)
        return head
    }
}

/// A point on the clock that only goes forward, in sixteenths of a second: fine enough for the order of
/// pulls, and small enough for millions of them. It reaches from four years before the clock's origin to
/// four years after it.
struct PullTime: Hashable, Comparable, Sendable {
    private let count: UInt32
    private static let origin: Int64 = 1 << 31
    private static let step: Int64 = 62_500_000

    static let never = PullTime(count: 0)

    private init(count: UInt32) { self.count = count }

    /// Rounded down, so that a copy never looks younger than it is.
    init(_ time: MonotonicTime) {
        let steps =
            time.nanoseconds >= 0
            ? time.nanoseconds / Self.step : (time.nanoseconds - Self.step + 1) / Self.step
        count = UInt32(min(max(steps + Self.origin, 1), Int64(UInt32.max)))
    }

    var time: MonotonicTime {
        MonotonicTime(nanoseconds: (Int64(count) - Self.origin) * Self.step)
    }

    static func < (left: PullTime, right: PullTime) -> Bool { left.count < right.count }
}
