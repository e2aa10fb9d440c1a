import ChatModel
import SyncRules
import Testing

private let family = ConversationGroup(id: 1, name: "family")

private func conversation(_ name: String, in groups: GroupID..., mark: UInt64 = 0) -> Conversation {
    Conversation(
        id: .user(ExactText(name)), groups: groups, standardMark: StandardMark(bits: mark))
}

private func page(
    _ conversations: [Conversation], groups: [ConversationGroup] = [], last: Bool = false,
    next: Int64? = nil
) -> ListingPage {
    ListingPage(groups: groups, conversations: conversations, isLast: last, next: next)
}

@Suite struct AListingOfPages {
    private func assemble(_ pages: ListingPage..., cap: Int = 0) throws -> Listing {
        var assembly = ListingAssembly()
        for page in pages { _ = try assembly.add(page) }
        return try assembly.listing(cap: cap)
    }

    @Test func onePageWithItsGroups_isOneMoment() throws {
        let listing = try assemble(
            page([conversation("bob", in: 1)], groups: [family], last: true))
        #expect(listing.isOneMoment)
        #expect(listing.snapshot.conversations.count == 1)
    }

    @Test func groupsOnTheLastPageOnly_nameConversationsOfTheFirst() throws {
        let listing = try assemble(
            page([conversation("bob", in: 1)], next: 1), page([], groups: [family], last: true))
        #expect(listing.dangling.isEmpty)
        #expect(listing.snapshot.conversations.first?.groups == [1])
        #expect(!listing.isOneMoment)
    }

    @Test func aPlanOfOneConversation_isReachedByOne() {
        #expect(throws: ListingFault.atPlanCap(1)) {
            try assemble(page([conversation("bob", mark: 1)], last: true), cap: 1)
        }
    }

    @Test func asManyAsTheCloudCanHold_areNotOdd() throws {
        let all = (0..<ListingAssembly.longest).map { conversation("c\($0)", mark: 1) }
        #expect(try assemble(page(all, last: true)).snapshot.conversations.count == all.count)
    }

    @Test func anEmptyPageInTheMiddle_isNoEnd() throws {
        var assembly = ListingAssembly()
        #expect(try assembly.add(page([], next: 7)) == 7)
        #expect(try assembly.add(page([conversation("bob", mark: 1)], last: true)) == nil)
    }

    @Test func theSameConversationTwice_isFolded() throws {
        let bob = conversation("bob", mark: 1)
        let listing = try assemble(page([bob], next: 1), page([bob], last: true))
        #expect(listing.snapshot.conversations == [bob])
    }

    @Test func theSameConversationWithOtherContent_isOdd() {
        #expect(throws: ListingFault.conversationContradicted(.user("bob"))) {
            try assemble(
                page([conversation("bob", mark: 1)], next: 1),
                page([conversation("bob", mark: 2)], last: true))
        }
    }

    @Test func theSameGroupWithAnotherName_isOdd() {
        #expect(throws: ListingFault.groupContradicted(1)) {
            try assemble(
                page([], groups: [family], next: 1),
                page([], groups: [ConversationGroup(id: 1, name: "kin")], last: true))
        }
    }

    @Test(arguments: [nil, 0, 5] as [Int64?])
    func aCursorThatDoesNotAdvance_isOdd(next: Int64?) throws {
        var assembly = ListingAssembly()
        _ = try assembly.add(page([], next: 5))
        #expect(throws: ListingFault.cursorStuck(at: 5)) {
            try assembly.add(page([], next: next))
        }
    }

    @Test func aReferenceThatNobodyNames_dangles() throws {
        let listing = try assemble(
            page([conversation("bob", in: 1, 9)], groups: [family], last: true))
        #expect(listing.dangling == [9])
        #expect(listing.snapshot.conversations.first?.groups == [1])
        #expect(!listing.isOneMoment)
    }

    @Test func atThePlansCap_itIsNotComplete() throws {
        let both = [conversation("a", mark: 1), conversation("b", mark: 1)]
        #expect(throws: ListingFault.atPlanCap(2)) { try assemble(page(both, last: true), cap: 2) }
        #expect(try assemble(page(both, last: true), cap: 3).snapshot.conversations.count == 2)
    }

    @Test func moreThanTheCloudCanHold_isOdd() throws {
        var assembly = ListingAssembly()
        let many = (0...ListingAssembly.longest).map { conversation("\($0)", mark: 1) }
        #expect(throws: ListingFault.tooLong(ListingAssembly.longest)) {
            try assembly.add(page(many, next: 1))
        }
    }
}
