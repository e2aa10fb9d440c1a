import SyncEngine

extension MirrorEngine {
    /// Runs the engine to its end, and the other tasks for no longer than that: they are cancelled
    /// when it ends.
    func run(beside others: (@Sendable () async -> Void)...) async -> End {
        await withTaskGroup(of: Void.self) { group in
            for other in others { group.addTask { await other() } }
            let end = await run()
            group.cancelAll()
            return end
        }
    }
}
