import ChatAPI
import MirrorConfiguration
import MirrorStore
import SyncRules
import HostSystem

// One place decides which failure ends a command with which code.

extension ProgramFailure {
    package init(_ failure: StoreFailure) {
        self.init(.storage, failure.problem, advice: failure.advice)
    }

    /// A call that failed for the whole app or without an answer.
    package init(_ failure: CallFailure) {
        self.init(
            failure.kind == .refusedApp ? .credentialsRefused : .cloudUnavailable,
            (failure.kind == .refusedApp
                ? "the cloud refuses the app: " : "the cloud cannot be used: ")
                + failure.description,
            advice: failure.advice)
    }

    /// Any error of the program's own, or an unexpected one.
    package init(_ error: any Error) {
        switch error {
        case let failure as ProgramFailure: self = failure
        case let fault as ConfigurationFault: self.init(fault)
        case let failure as StoreFailure: self.init(failure)
        case let failure as CallFailure: self.init(failure)
        default: self.init(.unexpected, "\(error)")
        }
    }
}
