import ChatEmulator

extension WorldPlan {
    /// The id of a user by its number in the emulator, from 1.
    func userName(_ number: Int) -> String {
        let digits = String(number)
        return "user" + String(repeating: "0", count: 8 - digits.count) + digits
    }

    package var userNames: [String] { (1...users).map(userName) }

    func hasPhone(_ user: String) -> Bool {
        (Int(user.dropFirst(4)) ?? 0) <= phoneUsers
    }
}
