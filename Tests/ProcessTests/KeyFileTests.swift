import ChatAPI
import Daemon
import Foundation
import MirrorConfiguration
import Synchronization
import TestSupport
import Testing

@Suite struct TheKeyFile {
    private func settings(key: String) throws -> MirrorSettings {
        try MirrorSettings.parse(
            """
            app: {sdk_app_id: 1, admin: a, region: tokyo, secret_key_file: '\(key)'}
            users: {list: [u]}
            mirror: {database: m.db}
            """, file: "/made-up/test.yaml")
    }

    /// Another user may swap the file at any moment: what was checked must be what is read.
    @Test func theKeyFileThatIsSwappedAllTheTime_isReadOnlyWhenItIsTheGoodOne() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("secret.key")
        let good = directory.file("good-secret.key")
        let bad = directory.file("bad-secret.key")
        let isDone = Atomic(false)
        try directory.write("made-up-good-key", to: "secret.key", mode: 0o600)
        try withThreads(
            {
                while !isDone.load(ordering: .relaxed) {
                    // Each rename replaces the file at once, so that there always is one.
                    for (name, text, mode) in [
                        (bad, "made-up-bad-key", 0o604), (good, "made-up-good-key", 0o600),
                    ] {
                        let file = open(name, O_CREAT | O_WRONLY | O_TRUNC, 0o600)
                        _ = write(file, text, text.utf8.count)
                        fchmod(file, mode_t(mode))
                        close(file)
                        rename(name, path)
                    }
                }
            },
            {
                defer { isDone.store(true, ordering: .relaxed) }
                let settings = try settings(key: path)
                var (read, refused) = (0, 0)
                while read < 200 || refused < 200, read + refused < 200_000 {
                    do {
                        let key = try KeyFile.read(settings)
                        #expect(key.forbiddenText == "made-up-good-key")
                        read += 1
                    } catch {
                        refused += 1
                    }
                }
                #expect(read > 0 && refused > 0)
            })
    }

    /// Runs the first on a thread of its own while the second works here.
    private func withThreads(
        _ other: @escaping @Sendable () -> Void, _ body: () throws -> Void
    ) throws {
        let ended = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            other()
            ended.signal()
        }
        defer { ended.wait() }
        try body()
    }
}
