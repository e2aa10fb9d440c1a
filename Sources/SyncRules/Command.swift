/// The commands of the API that this program calls (Cloud.md §1). Each is limited on its own.
package enum Command: String, CaseIterable, Sendable {
    case getContactGroup = "get_contact_group"
    case searchContactGroup = "search_contact_group"
    case createContactGroup = "create_contact_group"
    case updateContactGroup = "update_contact_group"
    case deleteContactGroup = "del_contact_group"
    case markContact = "mark_contact"

    /// Path and name, relative to the endpoint.
    package var path: String { "v4/recentcontact/\(rawValue)" }
}

extension PushCall.Action {
    /// The command that carries it.
    package var command: Command {
        switch self {
        case .create: .createContactGroup
        case .rename, .update: .updateContactGroup
        case .delete: .deleteContactGroup
        case .mark: .markContact
        }
    }
}
