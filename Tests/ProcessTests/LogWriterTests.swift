import EventLog
import Foundation
import TestSupport
import Testing
import HostSystem

/// A pipe whose reader decides when to read.
private final class LogPipe {
    let read: Int32
    let write: Int32

    init() throws {
        var ends: [Int32] = [0, 0]
        // A writer's thread may outlive its test.
        signal(SIGPIPE, SIG_IGN)
        guard pipe(&ends) == 0 else { throw NeverHappened(what: "a pipe") }
        (read, write) = (ends[0], ends[1])
    }

    deinit {
        close(read)
        close(write)
    }

    /// Everything up to the end of `last`.
    func text(through last: String) -> String {
        var text = ""
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        while !text.hasSuffix(last) {
            let count = Glibc.read(read, &bytes, bytes.count)
            guard count > 0 else { return text }
            text += String(decoding: bytes.prefix(count), as: UTF8.self)
        }
        return text
    }

    var identity: String {
        var file = stat()
        fstat(write, &file)
        return "\(file.st_dev):\(file.st_ino)"
    }
}

@Suite struct TheWriterOfTheLog {
    private let line = String(repeating: "x", count: 1023) + "\n"

    @Test func linesArriveInTheirOrder() throws {
        let pipe = try LogPipe()
        let writer = LogWriter(descriptor: pipe.write, environment: [:])
        for number in 1...100 { writer.write("line \(number)\n", .info) }
        writer.close()
        let expected = (1...100).map { "line \($0)\n" }.joined()
        #expect(pipe.text(through: "line 100\n") == expected)
        #expect(writer.dropped == 0)
    }

    @Test func aReaderThatStandsStill_stopsNobody_andCostsTheLeastImportantLinesFirst() throws {
        let pipe = try LogPipe()
        let writer = LogWriter(descriptor: pipe.write, environment: [:])
        for _ in 0..<10_000 { writer.write(line, .debug) }
        let afterDebug = writer.dropped
        #expect(afterDebug > 8000)
        for _ in 0..<900 { writer.write(line, .info) }
        #expect(writer.dropped == afterDebug)
        writer.write("an error\n", .error)
        #expect(writer.dropped == afterDebug)
        for _ in 0..<10_000 { writer.write(line, .error) }
        #expect(writer.dropped > afterDebug)
        // Nor does the end wait for the reader.
        writer.close(within: .milliseconds(10))
    }

    @Test func whereTheReaderHasGone_linesAreCounted() throws {
        let pipe = try LogPipe()
        let writer = LogWriter(descriptor: pipe.write, environment: [:])
        dup2(open("/dev/full", O_WRONLY), pipe.write)
        writer.write(line, .info)
        writer.close()
        #expect(writer.dropped == 1)
    }

    @Test func inTheJournal_eachLineHasItsPriority() throws {
        let pipe = try LogPipe()
        let writer = LogWriter(
            descriptor: pipe.write, environment: ["JOURNAL_STREAM": pipe.identity])
        for level in LogLevel.allCases { writer.write("\(level.rawValue)\n", level) }
        writer.close()
        #expect(
            pipe.text(through: "error\n") == "<7>debug\n<6>info\n<4>warning\n<3>error\n")
    }

    @Test(arguments: [[:], ["JOURNAL_STREAM": "1:2"]])
    func elsewhere_thereIsNone(environment: [String: String]) throws {
        let pipe = try LogPipe()
        let writer = LogWriter(descriptor: pipe.write, environment: environment)
        writer.write("plain\n", .error)
        writer.close()
        #expect(pipe.text(through: "plain\n") == "plain\n")
    }
}
