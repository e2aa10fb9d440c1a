/// Every write that was done or refused, in its order: what tests look at to see that nothing was
/// done twice.
struct Journal: Sendable {
    /// One change, with its number.
    struct Entry: Sendable {
        let number: Int
        let at: Int64
        let command: String
        let user: String
        let request: JSON
        /// 0, or the code of the call as a whole.
        let code: Int

        var json: JSON {
            .members([
                "number": .number(Int64(number)), "at": .number(at), "command": .string(command),
                "user": .string(user), "code": .number(Int64(code)), "request": request,
            ])
        }
    }

    private(set) var entries: [Entry] = []

    mutating func add(
        command: String, user: String, request: JSON, result: Result<JSON, CallError>, now: Int64
    ) {
        let code =
            switch result {
            case .success: 0
            case .failure(let error): error.code
            }
        entries.append(
            Entry(
                number: entries.count + 1, at: now, command: command, user: user, request: request,
                code: code))
    }
}
