import Foundation
import SyncRules
import HostSystem

// A file that is read line by line.

/// Lines of a file or of standard input, without the newline; one at a time.
final class LineReader {
    let name: String
    private(set) var number = 0
    private let descriptor: Int32
    private let advice: String
    private var buffer: [UInt8] = []
    private var start = 0
    private var isAtEnd = false

    /// Longer lines are refused: a thousand conversations fit into a tenth of it.
    private static let longest = 1 << 20

    /// - Parameter advice: what a line that is far too long has led to.
    init(_ file: String, advice: String = "nothing was queued") throws {
        self.advice = advice
        name = file == "-" ? "standard input" : file
        descriptor = file == "-" ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw ProgramFailure(
                .usage, "\(file): it cannot be read: \(String(cString: strerror(errno)))")
        }
    }

    deinit {
        if descriptor > STDERR_FILENO { close(descriptor) }
    }

    /// Whether the next line need not be waited for.
    var hasLineAtHand: Bool { buffer[start...].contains(UInt8(ascii: "\n")) }

    /// The next line; nil at the end.
    func next() throws -> ArraySlice<UInt8>? {
        while true {
            if let end = buffer[start...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { start = end + 1 }
                number += 1
                return buffer[start..<end]
            }
            if isAtEnd {
                defer { start = buffer.count }
                number += 1
                return start < buffer.count ? buffer[start...] : nil
            }
            try fill()
        }
    }

    private func fill() throws {
        buffer.removeFirst(start)
        start = 0
        guard buffer.count <= Self.longest else {
            throw EditFault(
                "\(name):\(number + 1): the line has over \(Self.longest) bytes",
                advice: advice)
        }
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        let count = read(descriptor, &piece, piece.count)
        guard count >= 0 else {
            throw EditFault("\(name): it cannot be read: \(String(cString: strerror(errno)))")
        }
        isAtEnd = count == 0
        buffer += piece[..<count]
    }
}
