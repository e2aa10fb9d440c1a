import Dispatch

/// Runs `body`, which reads files or waits otherwise, on another thread, so that the loop goes on meanwhile.
package func offLoop<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws
    -> Value
{
    try await withCheckedThrowingContinuation { continuation in
        DispatchQueue.global().async {
            continuation.resume(with: Result { try body() })
        }
    }
}
