import ChatEmulator

extension WorldPlan {
    /// The id of a user by its number in the emulator, from 1.
    func userName(_ number: Int) -> String { CloudCore.userName(number) }

    package var userNames: [String] { Array(CloudCore.userNames(users)) }

    func hasPhone(_ user: String) -> Bool {
        (Int(user.dropFirst(4)) ?? 0) <= phoneUsers
    }
}
