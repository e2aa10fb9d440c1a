import Foundation
import SyncRules
import Testing

@Suite struct ThePageOfFailures {
    @Test func inTheDocumentation_isTheOneGenerated() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Documentation/Failures.md")
        #expect(try String(contentsOf: file, encoding: .utf8) == FailureTable.markdown)
    }
}
