import Foundation
import TestSupport

/// A package of its own with the rules, all faults in them, and the tests of the rules.
struct MutatedCopy {
    /// The repository.
    let root: URL
    /// Where the copy is; made again.
    let folder: URL

    /// What faults are put into.
    static let rules = "Sources/SyncRules"
    private static let whole = [
        "Sources/ChatModel", "Tests/SyncRulesTests", "Reliability/Freshness",
    ]
    /// The pulls of seven days on a trace, and what the trace needs of the emulator.
    private static let single = [
        "Sources/ChatEmulator/SplitMix.swift", "Tests/FreshnessTests/SamePullsTests.swift",
    ]

    /// A build that cannot be fixed by taking faults away.
    struct Unbuildable: Error, CustomStringConvertible {
        let description: String
    }

    /// Writes and builds the copy. Faults that the compiler does not take are no faults: it is asked
    /// again without them.
    /// - Returns: the faults that are in it, and the lines that stayed as they are.
    func make() throws -> (mutations: [Mutation], spared: [String: Set<Int>]) {
        try? FileManager.default.removeItem(at: folder.appending(path: "Sources"))
        try? FileManager.default.removeItem(at: folder.appending(path: "Tests"))
        try write(MutatedCopy.package, to: "Package.swift")
        for part in MutatedCopy.whole { for file in try files(part) { try copy(file) } }
        for file in MutatedCopy.single { try copy(file) }
        for file in try files("Tests/TestSupport") where try needsOnlyRules(file) { try copy(file) }
        try write(MutatedCopy.support, to: MutatedCopy.rules + "/Awake.swift")
        var spared: [String: Set<Int>] = [:]
        for _ in 0..<30 {
            let mutations = try mutateAll(sparing: spared)
            let (isBuilt, output) = try build()
            if isBuilt { return (mutations, spared) }
            let found = spared
            for (file, line) in MutatedCopy.errors(in: output) {
                let lines = mutations.filter { $0.file == file }.map(\.line)
                // An error of a statement of several lines may stand on another one than the fault;
                // that of an initializer stands at its end.
                let nearest =
                    lines.filter { abs($0 - line) <= 5 }.min { abs($0 - line) < abs($1 - line) }
                    ?? lines.last { $0 < line }
                if let nearest { spared[file, default: []].insert(nearest) }
            }
            if spared == found { throw Unbuildable(description: String(output.suffix(4000))) }
        }
        throw Unbuildable(description: "the faults could not be made to compile")
    }

    /// The built tests.
    var tests: URL { folder.appending(path: ".build/release/mutatedPackageTests.xctest") }

    // MARK: Files

    private func files(_ part: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: root.appending(path: part).path)
            .filter { $0.hasSuffix(".swift") }.sorted().map { part + "/" + $0 }
    }

    private func text(_ file: String) throws -> String {
        try String(contentsOf: root.appending(path: file), encoding: .utf8)
    }

    private func needsOnlyRules(_ file: String) throws -> Bool {
        let imports = try text(file).split(separator: "\n").filter { $0.hasPrefix("import ") }
        return imports.allSatisfy { ["import ChatModel", "import SyncRules"].contains($0) }
            && !imports.isEmpty
    }

    private func copy(_ file: String) throws { try write(text(file), to: file) }

    private func write(_ text: String, to file: String) throws {
        let target = folder.appending(path: file)
        try FileManager.default.createDirectory(
            at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
        // The compiler looks at the time: what is the same stays untouched.
        if (try? String(contentsOf: target, encoding: .utf8)) != text {
            try Data(text.utf8).write(to: target)
        }
    }

    private func mutateAll(sparing spared: [String: Set<Int>]) throws -> [Mutation] {
        var mutations: [Mutation] = []
        var operators: [String] = []
        for file in try files(MutatedCopy.rules) {
            let name = String(file.dropFirst(MutatedCopy.rules.count + 1))
            var mutator = Mutator(
                file: name, sparing: spared[name] ?? [],
                from: (mutations.last?.number ?? 0) + 1)
            try write(mutator.mutate(text(file)), to: file)
            mutations += mutator.mutations
            operators += mutator.operators
        }
        let all = "import ChatModel\n\n" + operators.joined(separator: "\n") + "\n"
        try write(all, to: MutatedCopy.rules + "/Operators.swift")
        return mutations
    }

    // MARK: Building

    private func build() throws -> (isBuilt: Bool, output: String) {
        let build = try RunningProgram(command: [
            "swift", "build", "--build-tests", "-c", "release", "--package-path", folder.path,
        ])
        let status = build.wait(atMost: 1800)
        return (status == 0, build.stdout + build.stderr)
    }

    private static func errors(in output: String) -> [(file: String, line: Int)] {
        output.matches(of: /\/(?<file>[\w+]+\.swift):(?<line>\d+):\d+: error:/).map {
            (String($0.file), Int($0.line) ?? 0)
        }
    }

    private static let package = """
        // swift-tools-version: 6.2
        import PackageDescription

        let package = Package(
            name: "mutated",
            dependencies: [
                .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0")
            ],
            targets: [
                .target(name: "ChatModel"),
                .target(
                    name: "SyncRules",
                    dependencies: [
                        "ChatModel",
                        .product(name: "DequeModule", package: "swift-collections"),
                        .product(name: "HeapModule", package: "swift-collections"),
                    ]),
                .target(name: "ChatEmulator"),
                .target(
                    name: "Freshness", dependencies: ["ChatEmulator", "ChatModel", "SyncRules"],
                    path: "Reliability/Freshness"),
                .testTarget(
                    name: "FreshnessTests", dependencies: ["ChatModel", "Freshness", "SyncRules"]),
                .target(
                    name: "TestSupport", dependencies: ["ChatModel", "SyncRules"],
                    path: "Tests/TestSupport"),
                .testTarget(
                    name: "SyncRulesTests", dependencies: ["ChatModel", "SyncRules", "TestSupport"]),
            ]
        )
        """

    private static let support = """
        import Glibc

        /// The fault that is awake; 0: none.
        private let awake = Int(getenv("AWAKE").map { String(cString: $0) } ?? "") ?? 0

        func isAwake(_ number: Int) -> Bool { number == awake }
        func isAsleep(_ number: Int) -> Bool { number != awake }

        func either<T>(_ number: Int, _ right: T, _ wrong: T) -> T {
            isAwake(number) ? wrong : right
        }

        func lesser<T: Comparable>(_ number: Int, _ a: T, _ b: T) -> T {
            isAwake(number) ? max(a, b) : min(a, b)
        }

        func greater<T: Comparable>(_ number: Int, _ a: T, _ b: T) -> T {
            isAwake(number) ? min(a, b) : max(a, b)
        }

        extension Bool {
            func turned(_ number: Int) -> Bool { isAwake(number) ? !self : self }
        }

        """
}
