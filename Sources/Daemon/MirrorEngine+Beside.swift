import LoopThread
import SyncEngine

extension MirrorEngine {
    /// Runs the engine to its end, and the other tasks for no longer than that: they are cancelled
    /// when it ends. All of them on the loop.
    func run(on loop: Loop, beside others: (@Sendable () async -> Void)...) async -> End {
        await loop.run {
            await withTaskGroup(of: Void.self) { group in
                for other in others { group.addTask { await other() } }
                let end = await self.run()
                group.cancelAll()
                return end
            }
        }
    }
}
