import ChatModel
import Testing

@Suite struct UserIDs {
    @Test(arguments: ["a", "Alice_1", "with space", "a#b", String(repeating: "x", count: 32)])
    func aPrintableIDOfUpTo32Bytes_isTaken(text: String) throws {
        #expect(try UserID(text).string == text)
    }

    @Test(arguments: [
        ("", "it is empty"),
        (String(repeating: "x", count: 33), "it has 33 bytes, the cloud allows 32"),
        ("a\tb", "it holds the control character 0x09"),
        ("a\u{7F}", "it holds the control character 0x7f"),
        ("é", "it holds the byte 0xc3, which is not printable ASCII"),
    ])
    func anythingElse_isRefusedWithItsFault(text: String, fault: String) {
        let error = #expect(throws: MalformedIdentifier.self) { try UserID(text) }
        #expect(error?.fault == fault)
    }

    @Test func upperAndLowerCase_areDifferentUsersInTheOrderOfBytes() throws {
        let users = try ["b", "B", "a", "A"].map { try UserID($0) }
        #expect(users.sorted().map(\.string) == ["A", "B", "a", "b"])
    }
}

@Suite struct ExactTexts {
    private let composed = ExactText("caf\u{E9}")
    private let decomposed = ExactText("cafe\u{301}")

    @Test func twoSpellingsOfOneCharacter_areDifferentTexts() {
        #expect(composed.string == decomposed.string)
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed]).count == 2)
    }

    @Test func theOrderIsThatOfBytes() {
        #expect(decomposed < composed)
        #expect(ExactText("Z") < ExactText("a"))
    }

    @Test func theLengthIsInBytes() {
        #expect(ExactText("家人").byteCount == 6)
    }
}

@Suite struct Conversations {
    @Test func aConversationIsReadAsItIsWritten() throws {
        for text in ["user:bob", "chatgroup:@TGS#1", "user:a:b"] {
            #expect(try ConversationID(written: text).description == text)
        }
    }

    @Test(arguments: ["bob", "user:", "group:x", "", "User:bob"])
    func anythingElse_isRefused(text: String) {
        #expect(throws: MalformedIdentifier.self) { try ConversationID(written: text) }
    }

    @Test func groupsAreSortedAndNotRepeated() {
        let conversation = Conversation(id: .user("bob"), groups: [3, 1, 3, 2])
        #expect(conversation.groups == [1, 2, 3])
    }

    @Test func conversationsWithoutGroupAndMark_itIsBare() {
        #expect(Conversation(id: .user("bob"), groups: [], updatedAt: 5).isBare)
        #expect(!Conversation(id: .user("bob"), groups: [1]).isBare)
        #expect(!Conversation(id: .user("bob"), groups: [], customMark: "x").isBare)
        #expect(
            !Conversation(id: .user("bob"), groups: [], standardMark: StandardMark(bits: 1)).isBare)
    }
}

@Suite struct StandardMarks {
    @Test(
        arguments: [
            ("", 0), ("0", 0), ("1", 1), ("111001", 57), ("00000001", 1),
            (String(repeating: "1", count: 64), UInt64.max),
            (String(repeating: "0", count: 100) + "10", 2),
        ] as [(String, UInt64)])
    func binaryDigits_haveBit0Rightmost(text: String, bits: UInt64) {
        #expect(StandardMark(binary: text)?.bits == bits)
    }

    @Test(arguments: ["2", "0x1", " 1", "1" + String(repeating: "0", count: 64)])
    func otherDigitsAndABit64_areRefused(text: String) {
        #expect(StandardMark(binary: text) == nil)
    }
}

@Suite struct Snapshots {
    private let family = ConversationGroup(id: 1, name: "family")

    @Test func bareConversationsAndDanglingMemberships_areLeftOut() {
        let snapshot = Snapshot(
            groups: [family],
            conversations: [
                Conversation(id: .user("carol"), groups: [1, 9]),
                Conversation(id: .user("bob"), groups: [9]),
                Conversation(id: .user("alice"), groups: []),
            ])
        #expect(snapshot.conversations == [Conversation(id: .user("carol"), groups: [1])])
    }

    @Test func theSameContentInAnotherOrder_isTheSameSnapshot() {
        let other = ConversationGroup(id: 2, name: "work")
        let bob = Conversation(id: .user("bob"), groups: [1])
        let room = Conversation(id: .chatGroup("@TGS#1"), groups: [2])
        #expect(
            Snapshot(groups: [family, other], conversations: [bob, room])
                == Snapshot(groups: [other, family], conversations: [room, bob]))
    }
}

@Suite struct Times {
    @Test(arguments: [
        (0, "1970-01-01T00:00:00Z"), (1_767_225_599, "2025-12-31T23:59:59Z"),
        (1_709_164_800, "2024-02-29T00:00:00Z"), (951_782_400, "2000-02-29T00:00:00Z"),
        (-1, "1969-12-31T23:59:59Z"), (4_107_542_400, "2100-03-01T00:00:00Z"),
    ])
    func aMomentIsWrittenAsRFC3339(seconds: Int64, text: String) {
        #expect(WallTime(seconds: seconds).description == text)
    }

    @Test func momentsOfADamagedFile_canBeSubtracted() {
        let (first, last) = (WallTime(milliseconds: .min), WallTime(milliseconds: .max))
        #expect((last - first).nanoseconds > 0 && WallTime(seconds: .max) == last)
        #expect((last + .seconds(1)) == last && first < last)
    }

    @Test func thePreciseForm_hasMilliseconds() {
        #expect(WallTime(milliseconds: 1007).precise == "1970-01-01T00:00:01.007Z")
    }
}

@Suite struct Digests {
    @Test func bytesComeBackAsTheyWere() throws {
        let bytes = (0..<32).map { UInt8($0 * 7) }
        #expect(Digest(bytes)?.bytes == bytes)
        #expect(Digest(bytes.dropLast()) == nil)
    }
}
