import EventLog
import SyncRules

extension CallFailure {
    /// The same, without the secrets that the cloud or libcurl may have quoted.
    func cleaned(by redactor: Redactor) -> CallFailure {
        CallFailure(
            kind: kind, code: code, problem: redactor.cleaned(problem), advice: advice,
            isAnswered: isAnswered, mayStillArrive: mayStillArrive,
            mayHaveTakenEffect: mayHaveTakenEffect, retryAfter: retryAfter)
    }
}
