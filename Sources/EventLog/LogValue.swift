/// A value of a log line. What it may hold decides how it is written, so that no name from the
/// cloud can end a value, a line or a field before its time.
package enum LogValue: Hashable, Sendable {
    /// Text from anywhere: quoted and escaped where it needs to be.
    case text(String)
    case number(Int64)
    /// Written with three decimals.
    case decimal(Double)
    case yes(Bool)
    /// Not known or not applicable: `-` in logfmt, `null` in JSON.
    case absent

    /// A number of things.
    package static func count(_ count: Int) -> LogValue { .number(Int64(count)) }

    /// A span in seconds, with three decimals.
    package static func seconds(_ span: Duration) -> LogValue {
        .decimal(
            Double(span.components.seconds) + Double(span.components.attoseconds) / 1e18)
    }

    /// A span in whole milliseconds.
    package static func milliseconds(_ span: Duration) -> LogValue {
        .number(
            span.components.seconds * 1000 + span.components.attoseconds / 1_000_000_000_000_000)
    }

    var logfmt: String {
        switch self {
        case .text(let text): LogText.isPlain(text) ? text : LogText.quoted(text)
        case .number(let number): String(number)
        case .decimal(let number): LogText.decimal(number)
        case .yes(let yes): yes ? "true" : "false"
        case .absent: "-"
        }
    }

    var json: String {
        switch self {
        case .text(let text): LogText.quoted(text)
        case .absent: "null"
        case .number, .decimal, .yes: logfmt
        }
    }
}

/// How text is written into one line, in logfmt and in JSON alike.
package enum LogText {
    /// True for text that can stand in logfmt without quotes. A lone `-` means absence, so it
    /// cannot.
    static func isPlain(_ text: String) -> Bool {
        !text.isEmpty && text != "-"
            && text.utf8.allSatisfy {
                $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "=")
                    && $0 != UInt8(ascii: "\\")
            }
    }

    /// The text as a JSON string, which is also a logfmt one. Everything that could move a cursor,
    /// start a line or turn text around is escaped: controls, line and paragraph separators, and
    /// the characters that set a direction.
    package static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            case _ where isHidden(scalar): quoted += escaped(scalar)
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }

    private static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF,
            0xE0000...0xE007F:
            true
        default: false
        }
    }

    private static func escaped(_ scalar: Unicode.Scalar) -> String {
        String(scalar).utf16.map { unit in
            let digits = String(unit, radix: 16)
            return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }.joined()
    }

    static func decimal(_ number: Double) -> String {
        guard number.isFinite, abs(number) < 1e15 else { return "0.000" }
        let thousandths = Int64((abs(number) * 1000).rounded())
        let fraction = String(thousandths % 1000)
        let sign = number < 0 && thousandths > 0 ? "-" : ""
        return sign + "\(thousandths / 1000)."
            + String(repeating: "0", count: 3 - fraction.count) + fraction
    }
}
