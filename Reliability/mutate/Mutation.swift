// Small faults in a line of a rule: a comparison that includes its boundary, a condition turned
// round, a branch never taken, a number off by one, a statement left out. All faults of all files
// are in one program, each behind a question for its number: it is built once, and run once for
// each fault.

/// One small fault.
struct Mutation: Hashable {
    let number: Int
    let file: String
    /// From one.
    let line: Int
    /// The line as it stands in the repository, without its indentation.
    let source: String
    /// What the fault does, in words: `< to <=`; the second of its kind in the line: `< to <= (2)`.
    let fault: String

    /// What a list of survivors knows it by: lines move, and numbers with them.
    var name: String { "\(file) | \(source) | \(fault)" }
}

/// Writes the faults of one file into its text.
struct Mutator {
    let file: String
    /// Lines that stay as they are: the compiler did not take their faults.
    let spared: Set<Int>
    private(set) var mutations: [Mutation] = []
    /// The operators that stand for those of the language in the text.
    private(set) var operators: [String] = []
    private var next: Int

    /// - Parameter first: the number of the first fault.
    init(file: String, sparing spared: Set<Int>, from first: Int) {
        self.file = file
        self.spared = spared
        next = first
    }

    /// The text with every fault in it, each asleep.
    mutating func mutate(_ text: String) -> String {
        var isText = false
        return text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().map {
            let (index, line) = ($0.offset, String($0.element))
            let start = line.drop { $0 == " " }
            let isQuoted = isText
            if line.contains("\"\"\"") { isText.toggle() }
            if isQuoted || spared.contains(index + 1) || start.isEmpty || start.hasPrefix("//")
                || start.hasPrefix("import ") || start.contains("precondition")
                // Another operator would be declared, and the compiler complains elsewhere.
                || start.contains("func <")
            {
                return line
            }
            return mutate(line, index + 1)
        }.joined(separator: "\n")
    }

    // MARK: One line

    private mutating func mutate(_ line: String, _ number: Int) -> String {
        let indentation = String(line.prefix { $0 == " " })
        let source = String(line.dropFirst(indentation.count))
        var result = source
        result = replaceOperators(result, source, number)
        result = replaceWords(result, source, number)
        result = leaveOut(result, source, number)
        return indentation + result
    }

    /// The number of a new fault.
    private mutating func add(_ fault: String, _ source: String, _ line: Int) -> Int {
        defer { next += 1 }
        let before = mutations.count {
            $0.line == line && ($0.fault == fault || $0.fault.hasPrefix(fault + " ("))
        }
        mutations.append(
            Mutation(
                number: next, file: file, line: line, source: source,
                fault: before == 0 ? fault : "\(fault) (\(before + 1))"))
        return next
    }

    /// What each operator is mistaken for.
    private static let mistakes: [(symbol: String, precedence: String, others: [String])] = [
        ("<", "Comparison", ["<=", ">="]), ("<=", "Comparison", ["<", ">"]),
        (">", "Comparison", [">=", "<="]), (">=", "Comparison", [">", "<"]),
        ("==", "Comparison", ["!="]), ("!=", "Comparison", ["=="]),
        ("&&", "LogicalConjunction", ["||"]), ("||", "LogicalDisjunction", ["&&"]),
        ("+", "Addition", ["-"]), ("-", "Addition", ["+"]),
        ("&", "Multiplication", ["|"]), ("|", "Addition", ["&"]),
        ("*", "Multiplication", ["/"]), ("/", "Multiplication", ["*"]),
    ]

    private mutating func replaceOperators(_ text: String, _ source: String, _ line: Int) -> String
    {
        var words: [String] = []
        var isQuoted = false
        for word in text.split(separator: " ", omittingEmptySubsequences: false).map(String.init) {
            let mistake = Mutator.mistakes.first { $0.symbol == word }
            if let mistake, !isQuoted {
                words.append(replace(mistake, source, line))
            } else if word.hasPrefix("!") || word.hasPrefix("(!"), !isQuoted,
                let bang = word.firstIndex(of: "!"),
                word[bang...].dropFirst().first?.isLetter == true
            {
                let number = add("! left out", source, line)
                let symbol = symbol(number)
                operators.append(
                    """
                    prefix operator \(symbol)
                    prefix func \(symbol) (value: Bool) -> Bool { isAwake(\(number)) ? value : !value }
                    """)
                words.append(word.replacing("!", with: symbol, maxReplacements: 1))
            } else {
                words.append(word)
            }
            if word.count(where: { $0 == "\"" }) % 2 == 1 { isQuoted.toggle() }
        }
        return words.joined(separator: " ")
    }

    private mutating func replace(
        _ mistake: (symbol: String, precedence: String, others: [String]), _ source: String,
        _ line: Int
    ) -> String {
        // The order of things that are all different has no boundary.
        let isOrder =
            source.contains("sorted") || source.contains(".min") || source.contains(".max")
        let others = isOrder ? mistake.others.suffix(1) : mistake.others[...]
        let faults = others.map { (add("\(mistake.symbol) to \($0)", source, line), $0) }
        let symbol = symbol(faults[0].0)
        var lines = ["infix operator \(symbol): \(mistake.precedence)Precedence"]
        func declare(_ constraint: String, _ left: String, _ right: String, _ result: String) {
            let wrong = faults.map { "isAwake(\($0.0)) ? a \($0.1) b : " }.joined()
            lines.append(
                "func \(symbol)\(constraint)(a: \(left), b: \(right)) -> \(result) "
                    + "{ \(wrong)a \(mistake.symbol) b }")
        }
        switch mistake.precedence {
        case "Comparison"
        where mistake.symbol.hasSuffix("=") && "!=".contains(mistake.symbol.prefix(1)):
            declare("<T: Equatable>", "T", "T", "Bool")
        case "Comparison": declare("<T: Comparable>", "T", "T", "Bool")
        case "LogicalConjunction", "LogicalDisjunction":
            lines.append(
                "func \(symbol)(a: Bool, b: @autoclosure () -> Bool) -> Bool "
                    + "{ isAwake(\(faults[0].0)) ? a \(faults[0].1) b() : a \(mistake.symbol) b() }"
            )
        default:
            switch mistake.symbol {
            case "+", "-":
                declare("<T: AdditiveArithmetic>", "T", "T", "T")
                declare("", "MonotonicTime", "Duration", "MonotonicTime")
                if mistake.symbol == "+" {
                    lines.append(
                        "func \(symbol)(a: WallTime, b: Duration) -> WallTime "
                            + "{ isAwake(\(faults[0].0)) ? a : a + b }")
                } else {
                    // Of two times the wrong difference is the opposite one.
                    for time in ["MonotonicTime", "WallTime"] {
                        lines.append(
                            "func \(symbol)(a: \(time), b: \(time)) -> Duration "
                                + "{ isAwake(\(faults[0].0)) ? b - a : a - b }")
                    }
                }
            case "&", "|": declare("<T: FixedWidthInteger>", "T", "T", "T")
            default:
                declare("", "Double", "Double", "Double")
                declare("<T: BinaryInteger>", "T", "T", "T")
                declare("", "Duration", "Int", "Duration")
            }
        }
        operators.append(lines.joined(separator: "\n"))
        return symbol
    }

    /// An operator that nobody else uses: two characters of boxes.
    private func symbol(_ number: Int) -> String {
        let first = UnicodeScalar(UInt32(0x2500 + number / 128)) ?? "─"
        let second = UnicodeScalar(UInt32(0x2500 + number % 128)) ?? "─"
        return String(first) + String(second)
    }

    private mutating func replaceWords(_ text: String, _ source: String, _ line: Int) -> String {
        guard !text.contains("\"") else { return text }
        var result = text
        result = result.replacing(/(?<before>^|[ (\[])(?<value>\d[\d_]*)(?=$|[ ),\]])/) { match in
            let value = match.value
            let number = add("\(value) to \(value) + 1", source, line)
            return "\(match.before)either(\(number), \(value), \(value) + 1)"
        }
        result = result.replacing(/(?<before>^|[ (:{])(?<value>true|false)\b/) { match in
            let other = match.value == "true" ? "false" : "true"
            let number = add("\(match.value) to \(other)", source, line)
            return "\(match.before)either(\(number), \(match.value), \(other))"
        }
        result = result.replacing(/\.isEmpty\b/) { _ in
            ".isEmpty.turned(\(add("isEmpty turned round", source, line)))"
        }
        result = result.replacing(/(?<before>^|[ (])(?<word>min|max)\(/) { match in
            let other = match.word == "min" ? "max" : "min"
            let number = add("\(match.word) to \(other)", source, line)
            return "\(match.before)\(match.word == "min" ? "lesser" : "greater")(\(number), "
        }
        return result
    }

    /// A branch that is never taken, a loop never entered, a statement never done.
    private mutating func leaveOut(_ text: String, _ source: String, _ line: Int) -> String {
        var result = text.replacing(/^(?<start>(\} else )?(if|while|guard))[ ]/) { match in
            let number = add("\(match.start) never", source, line)
            return "\(match.start) isAsleep(\(number)), "
        }
        let isStatement =
            source.firstMatch(of: /^[a-z_][\w.\[\]]*( [+-]?= |\().*[\w)\]]$/) != nil
            && source.count(where: { "([{".contains($0) })
                == source.count(where: { ")]}".contains($0) })
            && !source.hasPrefix("case ") && !source.contains(": ") || source == "continue"
            || source == "return"
        if isStatement,
            !["if", "guard", "let", "var", "func", "private(set)"].contains(
                String(source.prefix { $0 != " " }))
        {
            let number = add("left out", source, line)
            result = "if isAsleep(\(number)) { \(result) }"
        }
        return result
    }
}
