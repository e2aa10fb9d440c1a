import TestSupport
import Testing

/// What every test's leftovers are searched with must find something when there is something.
@Suite struct TheSearchForSecrets {
    /// As the vendor's base 64 writes what zlib has compressed; made up.
    private static let usersig =
        "eJyrVgrxCdYrSy1SslIy0jNQ0gHzM1NS80oy0zLBwolF2cWoqgoS8xJTEosSQYLJiSWp6flF*cm5"

    @Test(arguments: [
        ("secret_key=made-up-key-1", "a key"), ("url?usersig=\(usersig)&x=1", "a usersig"),
        ("\(usersig)", "a usersig"), ("eJ eJshort \(usersig)", "a usersig"),
    ])
    func finds(text: String, what: String) {
        #expect(SecretSearch.finding(in: Array(text.utf8)) == what)
    }

    @Test(arguments: [
        "", "e", "eJ", "made-up", "user=eJack key=[redacted]",
        "eJ" + usersig.prefix(40) + " " + usersig.suffix(40),
    ])
    func theSearchForSecretsFindsNothingElse(text: String) {
        #expect(SecretSearch.finding(in: Array(text.utf8)) == nil)
    }
}
