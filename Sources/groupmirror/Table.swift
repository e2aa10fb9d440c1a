import ChatModel
import Foundation
import Glibc
import HostSystem

// Rows for people: aligned, with a header, ages and colours. Only on a terminal; in a pipe and as JSON each row
// is the line that programs know.

/// A table that is printed as it grows.
final class Table {
    /// What a cell's text is shown in.
    enum Color: String {
        case red = "31"
        case green = "32"
        case yellow = "33"
    }

    /// One cell.
    struct Cell {
        let text: String
        let color: Color?

        init(_ text: String, _ color: Color? = nil) {
            self.text = Output.shown(text)
            self.color = color
        }

        /// - Parameter moment: as the views write it; nil for never.
        init(agoOf moment: String?, never: String = "never") {
            guard let moment else {
                self.init(never)
                return
            }
            let now = SystemTimekeeper().wallTime()
            self.init(Moment.read(moment).map { Cell.short(now - $0) } ?? moment)
        }

        /// `5 s ago`, `2 m ago`, `3 h ago`, `4 d ago`; `in 2 m`.
        static func short(_ span: Duration) -> String {
            let seconds = abs(span.milliseconds / 1000)
            let words =
                switch seconds {
                case ..<60: "\(seconds) s"
                case ..<3600: "\(seconds / 60) m"
                case ..<86_400: "\(seconds / 3600) h"
                default: "\(seconds / 86_400) d"
                }
            return span < .zero ? "in \(words)" : "\(words) ago"
        }
    }

    private let header: [String]
    private let nothing: String
    private let isForPeople: Bool
    private let hasColors: Bool
    private var rows: [[Cell]] = []
    private var widths: [Int]
    private var isBegun = false

    /// So many rows are looked at before their columns' widths are known.
    private static let batch = 1000

    /// - Parameter nothing: what is said on a terminal when there is no row.
    init(_ header: [String], nothing: String, as format: OutputFormat) {
        self.header = header
        self.nothing = nothing
        widths = header.map(\.count)
        isForPeople = format == .text && isatty(STDOUT_FILENO) == 1
        hasColors = Output.hasColors
    }

    /// - Parameter plain: the row where standard output is no terminal.
    func add(_ cells: @autoclosure () -> [Cell], plain: @autoclosure () -> String) {
        guard isForPeople else { return Output.data(plain()) }
        rows.append(cells())
        if rows.count == Self.batch { print() }
    }

    /// Prints what is left.
    func end() {
        guard isForPeople else { return }
        if !isBegun, rows.isEmpty { return Output.data(nothing) }
        print()
    }

    private func print() {
        for row in rows {
            for (column, cell) in row.enumerated() {
                widths[column] = max(widths[column], cell.text.count)
            }
        }
        if !isBegun { Output.data(line(header.map { Cell($0) })) }
        isBegun = true
        for row in rows { Output.data(line(row)) }
        rows = []
    }

    private func line(_ cells: [Cell]) -> String {
        var line = ""
        for (column, cell) in cells.enumerated() {
            let isLast = column == cells.count - 1
            let color = hasColors ? cell.color : nil
            line += color.map { "\u{1B}[\($0.rawValue)m\(cell.text)\u{1B}[0m" } ?? cell.text
            if !isLast {
                line += String(repeating: " ", count: widths[column] - cell.text.count + 2)
            }
        }
        return line
    }
}

/// Moments as people and the views write them.
enum Moment {
    /// Reads `2026-11-21T08:00:00Z`, with another offset too, or a day, `2026-11-21`, which begins in UTC.
    static func read(_ text: String) -> WallTime? {
        let full = text.contains("T") ? text : text + "T00:00:00Z"
        guard let date = try? Date(full, strategy: .iso8601) else { return nil }
        return WallTime(milliseconds: Int64((date.timeIntervalSince1970 * 1000).rounded()))
    }
}
