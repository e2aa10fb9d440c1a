import Yams

// Reading YAML so that a mistake is reported with its line and the nearest thing that would have been
// right.

/// One mapping of the file, with none but known keys.
struct Section {
    let file: String
    /// As in `limits`; empty for the whole file.
    let name: String
    private let node: Node
    private let mapping: Node.Mapping
    /// Every key of the file with its section.
    private let keys: [String]

    init(_ node: Node, name: String, file: String, keys: [String]) throws(ConfigurationFault) {
        guard let mapping = node.mapping else {
            throw ConfigurationFault(
                file: file, line: node.mark?.line,
                problem: name.isEmpty
                    ? "the file is no list of keys and values"
                    : "\(name) must be a list of keys and values",
                advice:
                    "config/groupmirror.yaml, installed as /etc/groupmirror/example.yaml, shows every key"
            )
        }
        self.file = file
        self.name = name
        self.node = node
        self.mapping = mapping
        self.keys = keys
        try refuseUnknownKeys()
    }

    private func path(_ key: String) -> String { name.isEmpty ? key : "\(name).\(key)" }

    /// A fault at a key, or at the section when the key is not there.
    func fault(_ key: String, _ problem: String, advice: String = "") -> ConfigurationFault {
        let line = mapping.first { $0.key.string == key }?.key.mark?.line ?? node.mark?.line
        return ConfigurationFault(
            file: file, line: line, problem: "\(path(key)) \(problem)", advice: advice)
    }

    /// What stands under the key; nil without it.
    func node(_ key: String) -> Node? {
        mapping.first { $0.key.string == key }?.value
    }

    /// The mapping under the key; a fault when something else stands there.
    func section(_ key: String) throws(ConfigurationFault) -> Section? {
        guard let node = node(key), !node.isNull else { return nil }
        return try Section(node, name: path(key), file: file, keys: keys)
    }

    /// A scalar as it stands in the file, read by `read`; nil when the key is absent.
    func value<Value>(
        _ key: String, _ expected: String, _ read: (String) -> Value?
    ) throws(ConfigurationFault) -> Value? {
        guard let node = node(key) else { return nil }
        guard let text = node.scalar?.string else {
            throw fault(key, "must be \(expected)")
        }
        guard let value = read(text) else {
            throw fault(key, "must be \(expected), not '\(text.prefix(80))'")
        }
        return value
    }

    func choice<Choice: RawRepresentable & CaseIterable>(
        _ key: String, _ type: Choice.Type
    ) throws(ConfigurationFault) -> Choice? where Choice.RawValue == String {
        let words = Choice.allCases.map(\.rawValue)
        return try value(key, "one of " + words.joined(separator: ", ")) {
            Choice(rawValue: $0)
        }
    }

    /// A whole number within `range`; nil without the key.
    func number(_ key: String, _ range: ClosedRange<Int>) throws(ConfigurationFault)
        -> Int?
    {
        try value(key, "a whole number from \(range.lowerBound) to \(range.upperBound)") { text in
            Int(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// A time such as `90s`, within `range`; nil without the key.
    func span(_ key: String, _ range: ClosedRange<Duration>) throws(ConfigurationFault)
        -> Duration?
    {
        let bounds =
            "\(SpanText.written(range.lowerBound)) to \(SpanText.written(range.upperBound))"
        return try value(key, "a time from \(bounds), like 10s, 10m or 4h") { text in
            SpanText.read(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// A key as the subject of an error. What does not look like a key is not repeated: the file may be
    /// any file.
    static func shown(_ key: String) -> String {
        let isKey =
            key.utf8.count <= 60
            && key.unicodeScalars.allSatisfy {
                $0.isASCII
                    && ($0.properties.isAlphabetic || "0123456789_-.".unicodeScalars.contains($0))
            }
        return isKey && !key.isEmpty ? "'\(key)'" : "this"
    }

    /// The keys that belong here.
    private var known: [String] {
        guard !name.isEmpty else {
            return keys.map { String($0.prefix { $0 != "." }) }.reduce(into: []) {
                if $0.last != $1 { $0.append($1) }
            }
        }
        return keys.filter { $0.hasPrefix(name + ".") }.map { String($0.dropFirst(name.count + 1)) }
    }

    /// A misspelt key is reported as such, not as a missing one.
    private func refuseUnknownKeys() throws(ConfigurationFault) {
        for (key, _) in mapping where !known.contains(key.string ?? "") {
            let word = key.string ?? "?"
            let advice =
                if let home = keys.first(where: { $0.hasSuffix(".\(word)") }) {
                    "did you mean \(home)?"
                } else if let near = nearest(to: word, among: known) {
                    "did you mean '\(near)'?"
                } else {
                    "known here: " + known.joined(separator: ", ")
                }
            throw ConfigurationFault(
                file: file, line: key.mark?.line,
                problem: "\(Section.shown(path(word))) is no known key",
                advice: advice)
        }
    }
}

extension Node {
    var isNull: Bool { scalar?.string.isEmpty == true && tag.description.hasSuffix("null") }
}

/// The word that takes the fewest changes of a letter to become `word`; nil when all take more than
/// a third of it, and more than one.
package func nearest(to word: String, among words: [String]) -> String? {
    let best = words.map { ($0, distance(Array(word), Array($0))) }.min { $0.1 < $1.1 }
    guard let best, best.1 <= max(1, word.count / 3) else { return nil }
    return best.0
}

/// Insertions, removals, replacements and swaps of neighbours that make `right` of `left`.
private func distance(_ left: [Character], _ right: [Character]) -> Int {
    var rows = [Array(0...right.count)]
    for i in 1..<(left.count + 1) {
        var row = [i]
        for j in 1..<(right.count + 1) {
            var best = min(rows[i - 1][j] + 1, row[j - 1] + 1)
            best = min(best, rows[i - 1][j - 1] + (left[i - 1] == right[j - 1] ? 0 : 1))
            if i > 1, j > 1, left[i - 1] == right[j - 2], left[i - 2] == right[j - 1] {
                best = min(best, rows[i - 2][j - 2] + 1)
            }
            row.append(best)
        }
        rows.append(row)
    }
    return rows[left.count][right.count]
}
