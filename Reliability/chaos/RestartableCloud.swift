import Foundation
import TestSupport

/// An emulator that can be killed and started again at the same address.
final class RestartableCloud {
    let emulator: EmulatorProcess
    private let options: [String]
    private var process: RunningProgram

    init(_ options: [String], users: Int) throws {
        self.options =
            ["--users", "\(users)", "--conversations", "10", "--rate", "1000"] + options
        emulator = try EmulatorProcess(self.options)
        process = emulator.process
    }

    /// 20 % of the answers to writes are lost, 10 % are codes, half of them though it was done.
    func spoil() throws {
        let faults = [
            "create_contact_group", "update_contact_group", "del_contact_group", "mark_contact",
        ]
        .flatMap { command in
            [("reset-after", 0.2), ("code:50004", 0.05), ("code:50005:applied", 0.05)].map {
                #"{"kind":"\#($0.0)","rate":"\#($0.1)","command":"\#(command)"}"#
            }
        }
        try emulator.post("faults", "[\(faults.joined(separator: ","))]")
    }

    /// It accepts connections, and answers nothing for a while.
    func freeze(seconds: Int) {
        process.signal(SIGSTOP)
        sleep(UInt32(seconds))
        thaw()
    }

    func thaw() { process.signal(SIGCONT) }

    /// It loses everything that was written, as if an old copy of it was brought back.
    func restart(after seconds: Double) throws {
        process.signal(SIGKILL)
        process.wait()
        usleep(UInt32(seconds * 1_000_000))
        guard let port = URL(string: emulator.address)?.port else {
            throw NeverHappened(what: "a port in \(emulator.address)")
        }
        let process = try RunningProgram(.emulator, ["--port", "\(port)"] + options)
        self.process = process
        try process.wait(for: "the emulator's address") { process.stdout.contains("\n") }
        try spoil()
    }
}
