import ChatEmulator
import ChatModel
import MirrorStore
import SyncRules
import TestSupport
import Testing

/// Where the vendor's documentation leaves a question open, every answer must give the same end:
/// the mirror equals the cloud.
@Suite struct WhateverTheCloudAnswers {
    /// A name for the failure's message, and what it sets.
    struct Knob: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let set: @Sendable (inout EmulatorOptions) -> Void

        init(_ name: String, _ set: @escaping @Sendable (inout EmulatorOptions) -> Void) {
            testDescription = name
            self.set = set
        }
    }

    static let knobs: [Knob] =
        [1, 2, 7, 100, 1000].map { size in
            Knob("page size \(size)") { $0.pageSize = size }
        }
        + EmulatorOptions.GroupItems.allCases.flatMap { items in
            [3, 100].map { size in
                Knob("groups on \(items) page, size \(size)") {
                    $0.groupItems = items
                    $0.pageSize = size
                }
            }
        }
        + [
            Knob("absent arrays") { $0.emptyArrays = .absent },
            Knob("absent cursor") { $0.lastCursor = .absent },
            Knob("numbers as strings") { $0.numbers = .strings },
            Knob("bare conversations kept") { $0.bare = .kept },
            Knob("empty groups deleted") { $0.lastMember = .deleted },
            Knob("lowest free group id") { $0.groupIDs = .lowest },
            Knob("error display everywhere") { $0.errorDisplay = .all },
            Knob("error display nowhere") { $0.errorDisplay = .none },
            Knob("eviction per user") { $0.overflow = .evict },
            Knob("eviction per group") {
                $0.overflow = .evict
                $0.limitScope = .group
            },
            Knob("duplicate create refused") { $0.duplicateCreate = .refuse },
            Knob("everything at once") {
                $0.pageSize = 2
                $0.groupItems = .referenced
                $0.emptyArrays = .absent
                $0.lastCursor = .absent
                $0.numbers = .strings
                $0.bare = .kept
                $0.lastMember = .deleted
                $0.groupIDs = .lowest
            },
        ]

    @Test(arguments: knobs)
    func theMirrorEqualsTheCloudAtFirstAndAfterChurn(knob: Knob) async throws {
        var options = EmulatorOptions.small
        options.users = 12
        knob.set(&options)
        let fixture = try MirrorFixture(options)
        try await fixture.resync()
        #expect(try fixture.mirror == fixture.cloud.truth)
        for _ in 0..<4 {
            fixture.cloud.churn(40)
            let (_, progress) = try await fixture.resync()
            #expect(progress?.failed == 0)
            #expect(try fixture.mirror == fixture.cloud.truth)
        }
    }

    @Test func aUserWithoutAnything_isMirroredAsSuch() async throws {
        var options = EmulatorOptions.small
        options.conversations = 0
        let fixture = try MirrorFixture(options)
        let (_, progress) = try await fixture.resync()
        #expect(progress?.done == 20 && progress?.failed == 0)
        #expect(try fixture.mirror.values.allSatisfy(\.isEmpty))
        #expect(
            try fixture.reader.states() == ["fresh": 20] || fixture.reader.states() == ["stale": 20]
        )
    }
}
