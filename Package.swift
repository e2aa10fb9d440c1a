// swift-tools-version: 6.2
// The floors of the house, bottom up; a target imports only what is below it. Documentation/Architecture.md
// draws them, TidyTests holds them.

import PackageDescription

let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// A target of ours: strict settings, and dependencies by name.
func floor(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

/// What tries to break the program: no part of it.
func proof(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(
        name: name, dependencies: dependencies, path: "Reliability/\(name)",
        swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

let argumentParser = Target.Dependency.product(
    name: "ArgumentParser", package: "swift-argument-parser")
let unixSignals = Target.Dependency.product(
    name: "UnixSignals", package: "swift-service-lifecycle")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

let package = Package(
    name: "groupmirror",
    products: [
        // What `make chaos` puts before the daemon.
        .library(name: "calendar", type: .dynamic, targets: ["CalendarShim"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", exact: "1.35.2"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        .package(
            url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1", traits: []),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
    ],
    targets: [
        // 0 C
        .systemLibrary(
            name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(
            name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(
            name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "CLinux"),

        // 1 words
        floor("ChatModel"),

        // 2 rules
        floor("EventLog", ["ChatModel"]),
        floor(
            "SyncRules",
            [
                "ChatModel", .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
            ]),

        // 3 doors
        floor("ChatAPI", ["ChatModel", "SyncRules", "EventLog", "COpenSSL", "CZlib"]),
        floor(
            "LoopThread",
            [
                "ChatModel", "CLinux",
                .product(name: "HeapModule", package: "swift-collections"),
            ]),
        floor(
            "CurlTransport",
            [
                "ChatAPI", "ChatModel", "LoopThread", "CCurl",
                .product(name: "DequeModule", package: "swift-collections"),
            ]),
        floor(
            "MirrorStore",
            [
                "ChatModel", "SyncRules", "CLinux", "CSQLite",
                .product(name: "GRDB", package: "GRDB.swift"),
            ]),
        floor("MirrorConfiguration", ["ChatModel", "EventLog", "SyncRules", "Yams"]),

        // 4 engine
        floor(
            "SyncEngine",
            [
                "ChatModel", "EventLog", "SyncRules", "ChatAPI", "MirrorStore",
            ]),
        floor("ChatEmulator", ["COpenSSL", "CZlib"]),

        // 5 process
        floor(
            "EmulatorServer",
            [
                "ChatEmulator", "CCurl", logging,
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
            ]),
        floor("HostSystem", ["ChatModel", "EventLog", "SyncRules", "MirrorConfiguration"]),
        floor(
            "WebhookReceiver",
            [
                "ChatModel", "EventLog", "SyncRules", "HostSystem", logging,
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"),
            ]),
        floor(
            "Daemon",
            [
                "ChatModel", "EventLog", "SyncRules", "ChatAPI", "CurlTransport", "MirrorStore",
                "MirrorConfiguration", "SyncEngine", "HostSystem", "LoopThread", "CLinux",
                unixSignals,
            ]),

        // 6 programs
        program(
            "groupmirror",
            [
                "ChatModel", "EventLog", "SyncRules", "ChatAPI", "MirrorStore",
                "MirrorConfiguration", "SyncEngine", "HostSystem", "Daemon", "CLinux",
                argumentParser,
            ]),
        program(
            "groupmirror-webhook",
            [
                "EventLog", "MirrorConfiguration", "HostSystem", "WebhookReceiver", argumentParser,
            ]),
        program("chat-emulator", ["ChatEmulator", "EmulatorServer", argumentParser]),
        program("document", ["EventLog", "SyncRules"]),
        .executableTarget(
            name: "benchmark",
            dependencies: [
                "CCurl", "ChatAPI", "ChatModel", "CurlTransport", "Freshness", "LoopThread",
                "MirrorStore", "SyncRules", argumentParser,
            ],
            path: "Benchmarks", swiftSettings: strict),

        // proof
        proof(
            "Disk",
            [
                "ChatEmulator", "ChatModel", .product(name: "GRDB", package: "GRDB.swift"),
            ]),
        proof("Freshness", ["ChatEmulator", "ChatModel", "SyncRules"]),
        proof(
            "Simulation",
            [
                "ChatAPI", "ChatEmulator", "ChatModel", "Disk", "EventLog", "MirrorStore",
                "SyncEngine", "SyncRules", "TestSupport",
                .product(name: "GRDB", package: "GRDB.swift"),
            ]),
        .executableTarget(
            name: "simulate", dependencies: ["Simulation", argumentParser],
            path: "Reliability/simulate", swiftSettings: strict),
        .executableTarget(
            name: "crash",
            dependencies: [
                "ChatEmulator", "ChatModel", "Disk", "MirrorStore", "Simulation", argumentParser,
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            path: "Reliability/crash", swiftSettings: strict),
        .target(name: "CalendarShim", path: "Reliability/CalendarShim"),
        .executableTarget(
            name: "chaos",
            dependencies: [
                "ChatEmulator", "ChatModel", "CalendarShim", "MirrorStore", "Simulation",
                "SyncRules", "TestSupport", argumentParser,
            ],
            path: "Reliability/chaos", swiftSettings: strict),
        .executableTarget(
            name: "mutate", dependencies: ["TestSupport", argumentParser],
            path: "Reliability/mutate",
            exclude: ["Survivors.txt"], swiftSettings: strict),

        // tests
        .target(
            name: "TestSupport",
            dependencies: [
                "ChatModel", "EventLog", "SyncRules", "ChatAPI", "MirrorStore", "SyncEngine",
                "ChatEmulator",
            ],
            path: "Tests/TestSupport", swiftSettings: strict),
        tests("ChatModelTests", ["ChatModel"]),
        tests("SyncRulesTests", ["ChatModel", "SyncRules", "TestSupport"]),
        tests("FreshnessTests", ["ChatModel", "Freshness", "SyncRules"]),
        tests("EventLogTests", ["ChatModel", "EventLog", "TestSupport"]),
        tests(
            "ChatAPITests",
            ["ChatModel", "EventLog", "SyncRules", "ChatAPI", "ChatEmulator", "TestSupport"]),
        tests("LoopThreadTests", ["ChatModel", "LoopThread", "TestSupport"]),
        tests(
            "CurlTransportTests",
            [
                "CCurl", "ChatAPI", "ChatModel", "CurlTransport", "LoopThread",
                "MirrorConfiguration",
                "TestSupport",
            ]),
        tests(
            "MirrorStoreTests",
            [
                "ChatModel", "SyncRules", "MirrorStore", "TestSupport",
                .product(name: "GRDB", package: "GRDB.swift"),
            ]),
        tests(
            "MirrorConfigurationTests",
            ["ChatModel", "EventLog", "SyncRules", "MirrorConfiguration", "TestSupport"]),
        tests(
            "SyncEngineTests",
            [
                "ChatModel", "EventLog", "SyncRules", "ChatAPI", "MirrorStore", "SyncEngine",
                "ChatEmulator", "TestSupport",
            ]),
        tests("ChatEmulatorTests", ["ChatEmulator", "ChatAPI", "ChatModel"]),
        tests(
            "SimulationTests", ["ChatModel", "Disk", "MirrorStore", "Simulation", "SyncRules"]),
        tests("WebhookReceiverTests", ["ChatModel", "SyncRules", "WebhookReceiver"]),
        tests("TidyTests", []),
        tests(
            "ProcessTests",
            [
                "ChatAPI", "ChatModel", "Daemon", "EventLog", "HostSystem", "MirrorConfiguration",
                "MirrorStore",
                "SyncEngine", "SyncRules", "TestSupport",
            ]),
        tests(
            "EndToEndTests",
            [
                "TestSupport", "ChatModel", "SyncRules", "MirrorStore", "groupmirror",
                "groupmirror-webhook", "chat-emulator",
            ]),
    ],
    swiftLanguageModes: [.v6]
)

// libFuzzer's driver exists only where it is asked for: `make fuzz` builds with -sanitize=fuzzer.
if Context.environment["GROUPMIRROR_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "fuzz",
            dependencies: [
                "ChatAPI", "ChatEmulator", "ChatModel", "EventLog", "MirrorConfiguration",
                "MirrorStore", "SyncRules",
            ],
            path: "Reliability/fuzz", exclude: ["Corpus"], swiftSettings: strict))
}
