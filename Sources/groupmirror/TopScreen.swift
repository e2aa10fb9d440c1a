import ChatModel
import MirrorStore

/// The screen of `top` as lines of text.
struct TopScreen {
    /// What a terminal can show.
    enum Style {
        case colors, noColors, plain
    }

    let look: TopLook
    let history: TopHistory
    let filter: UsersCommand.State?
    let style: Style

    private static let states: [(name: String, color: Table.Color?)] = [
        ("fresh", .green), ("stale", .yellow), ("new", nil), ("failing", .red), ("held", .yellow),
        ("parked", nil),
    ]

    /// Exactly as many lines as the screen is high, none wider than it is.
    func lines(width: Int, height: Int) -> [String] {
        var lines = look.status.headlines.map { fit($0, width) } + [""]
        lines += bars(width) + [""]
        lines.append(
            running("calls/s", history.calls, look.status.daemon.map { Double($0.allowed) }, width)
            {
                String(Int($0.rounded()))
            })
        lines.append(
            running("oldest", history.ages, nil, width) { spoken(.milliseconds(Int64($0 * 1000))) })
        lines.append("")
        // Each list has a title and one row at least.
        let room = height - lines.count - 1
        let users = max(1, min(look.users.count, room / 2 - 2))
        lines += list("changes", look.changes.map(\.topLine), room - users - 3, width) + [""]
        lines += list(
            filter.map { "\($0.rawValue) users" } ?? "users in trouble", look.users.map(\.topLine),
            users, width)
        lines = Array(lines.prefix(height - 1))
        lines += Array(repeating: "", count: height - 1 - lines.count)
        return lines + [faint(fit("f failing  s stale  h held  p parked  a all  q quit", width))]
    }

    private func bars(_ width: Int) -> [String] {
        let total = max(1, look.status.listed)
        let room = max(5, width - 24)
        return Self.states.map { name, color in
            let count = look.status.states[name] ?? 0
            let length =
                count == 0
                ? 0 : max(1, Int((Double(count) / Double(total) * Double(room)).rounded()))
            let bar = String(repeating: style == .plain ? "#" : "\u{2588}", count: length)
            let label = name.padded(to: 9) + String(count).padded(to: 9) + " "
            return fit(label, width) + painted(fit(bar, max(0, width - label.count)), color)
        }
    }

    /// A line that runs from right to left.
    /// - Parameter highest: what fills the line; by default its own highest value.
    private func running(
        _ name: String, _ values: [Double], _ highest: Double?, _ width: Int,
        _ words: (Double) -> String
    ) -> String {
        let label = name.padded(to: 9) + (values.last.map(words) ?? "-").padded(to: 13) + " "
        let room = max(0, width - label.count - 1)
        let shown = values.suffix(room)
        let top = max(highest ?? 0, shown.max() ?? 0, 0.000_001)
        let steps =
            style == .plain
            ? Array(" .:-=+*#")
            : Array("\u{2581}\u{2582}\u{2583}\u{2584}\u{2585}\u{2586}\u{2587}\u{2588}")
        let line = shown.map { steps[min(7, Int($0 / top * 7.999))] }
        return fit(label, width) + String(line)
    }

    private func list(_ title: String, _ rows: [String], _ room: Int, _ width: Int) -> [String] {
        guard room > 0 else { return [] }
        return [faint(fit(title, width))]
            + (rows.isEmpty ? ["none"] : rows.prefix(room).map { fit($0, width) })
    }

    // MARK: Text

    /// Cut to the width of the screen.
    private func fit(_ text: String, _ width: Int) -> String {
        let text = style == .plain ? String(text.map { $0.isASCII ? $0 : "?" }) : text
        guard text.columns > width else { return text }
        var (room, kept) = (width - 1, "")
        for character in text {
            room -= character.columns
            if room < 0 { break }
            kept.append(character)
        }
        return kept + (style == .plain ? "~" : "\u{2026}")
    }

    private func painted(_ text: String, _ color: Table.Color?) -> String {
        guard style == .colors, let color else { return text }
        return "\u{1B}[\(color.rawValue)m\(text)\u{1B}[0m"
    }

    private func faint(_ text: String) -> String {
        style == .colors ? "\u{1B}[2m\(text)\u{1B}[0m" : text
    }
}

extension MirrorReader.ChangeRow {
    /// Time of day, user and what changed.
    fileprivate var topLine: String { "\(at.dropFirst(11).prefix(8))  \(user)  \(words)" }
}

extension MirrorReader.UserRow {
    /// User, state, since when and why.
    fileprivate var topLine: String {
        var parts = [Output.shown(user), state]
        if let failingSince { parts.append("since \(failingSince)") }
        if let problem { parts.append(Output.shown(problem)) }
        return parts.joined(separator: "  ")
    }
}

extension Character {
    /// How many columns of a terminal it takes: two where the script is that of East Asia, and of pictures.
    fileprivate var columns: Int {
        let isWide = unicodeScalars.contains { scalar in
            switch scalar.value {
            case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF,
                0xFE30...0xFE6F,
                0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF,
                0x1F900...0x1FAFF,
                0x20000...0x3FFFD:
                true
            default: false
            }
        }
        return isWide ? 2 : 1
    }
}

extension String {
    fileprivate var columns: Int { reduce(0) { $0 + $1.columns } }
}
