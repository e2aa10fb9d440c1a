import Foundation

// libFuzzer drives: it calls `testInput` with bytes that it changes by what they reach. A trap, an
// overflow or a broken promise stops it, and it keeps the input.

@_silgen_name("LLVMFuzzerRunDriver")
private func drive(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ testInput: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// The targets by name.
private let targets: [String: @Sendable ([UInt8]) -> Void] = [
    "reply": FuzzTargets.reply, "configuration": FuzzTargets.configuration,
    "import": FuzzTargets.importLine, "log": FuzzTargets.log, "request": FuzzTargets.request,
]

/// Chosen by FUZZ_TARGET, since all arguments are libFuzzer's.
private let target: @Sendable ([UInt8]) -> Void = {
    let name = ProcessInfo.processInfo.environment["FUZZ_TARGET"] ?? ""
    guard let target = targets[name] else {
        print("FUZZ_TARGET is '\(name)': one of \(targets.keys.sorted().joined(separator: ", "))")
        exit(64)
    }
    return target
}()

/// `make fuzz` runs this.
@main
enum Fuzz {
    static func main() {
        _ = target
        var count = CommandLine.argc
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
        let status = withUnsafeMutablePointer(to: &arguments) { pointer in
            drive(&count, pointer) { bytes, size in
                target(Array(UnsafeBufferPointer(start: bytes, count: size)))
                return 0
            }
        }
        exit(status)
    }
}
