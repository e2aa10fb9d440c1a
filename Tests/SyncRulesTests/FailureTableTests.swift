import ChatModel
import SyncRules
import Testing

/// Every code of Cloud.md §1.12 and §4 with its kind, written down a second time on purpose: the
/// table cannot change by accident.
@Suite struct EveryCodeOfTheAPI {
    private static let expected: [(FailureKind, [Int])] = [
        (.notImported, [50001, 70107]),
        (.rejected, [50002, 51006, 51008, 51010, 51011, 51012, 60003, 60015, 70402]),
        (.stale, [51007, 51009]),
        (
            .transient,
            [
                50004, 50005, 60008, 60013, 60014, 70169, 70202, 70500, 40006, 90992, 90994, 90995,
                91000,
            ]
        ),
        (.throttled, [60007, 60011, 60018, 60019, 60022, 70114, 10006, 72010]),
        (
            .signature,
            [60004, 60005, 70001, 70002, 70003, 70004, 70005, 70006, 70007, 70008, 70010, 70052]
        ),
        (
            .refusedApp,
            [
                50003, 51013, 60002, 60006, 60009, 60010, 60012, 60016, 60017, 60020, 60021, 60025,
                60026, 60027, 60028, 70009, 70013, 70014, 70016, 70020, 70050, 70051, 70403,
            ]
        ),
    ]

    private static let cases = expected.flatMap { kind, codes in codes.map { ($0, kind) } }

    @Test(arguments: cases)
    func everyCodeOfTheAPIHasItsKind(code: Int, kind: FailureKind) {
        #expect(FailureTable.kind(of: code) == kind)
    }

    @Test func theTableHasNoOtherCodes() {
        #expect(Set(FailureTable.rows.map(\.code)) == Set(Self.cases.map(\.0)))
    }

    @Test func anUnknownCode_isTakenForAPassingOne() {
        #expect(FailureTable.kind(of: 99_999) == .transient)
    }

    @Test func onlyTheAppWideLimit_narrowsEveryCommand() {
        #expect(FailureTable.rows.filter(\.isAppWide).map(\.code) == [60011])
    }

    @Test func whereAPersonCanHelp_theTableSaysHow() {
        for row in FailureTable.rows where row.kind == .refusedApp || row.kind == .notImported {
            #expect(!row.advice.isEmpty, "\(row.code)")
        }
    }
}
