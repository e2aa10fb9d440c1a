import ChatModel
import Glibc

// The list of users may have ten million lines: it is read in pieces, and no line becomes a String.

/// Reads the users of a configuration: those of the file, then those of the list.
package struct UserListReader {
    private let settings: MirrorSettings

    package init(_ settings: MirrorSettings) {
        self.settings = settings
    }

    private static let piece = 1 << 16

    /// Calls `each` with the bytes of every id, in order, repetitions included. A line that is no
    /// id is a fault: leaving it out would lose a user silently.
    package func read(_ each: (ArraySlice<UInt8>) -> Void) throws(ConfigurationFault) {
        if let file = settings.usersFile { try read(file, each) }
        for user in settings.usersList { each(Array(user.string.utf8)[...]) }
    }

    private func read(_ file: String, _ each: (ArraySlice<UInt8>) -> Void)
        throws(ConfigurationFault)
    {
        // Opening a named pipe would wait for its other end.
        let descriptor = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw fault(file, errno) }
        defer { close(descriptor) }
        var kind = stat()
        guard fstat(descriptor, &kind) == 0, [S_IFREG, S_IFDIR].contains(kind.st_mode & S_IFMT)
        else {
            throw ConfigurationFault(
                file: file, problem: "the list of users is not a regular file",
                advice: "users.file names a file, one user id a line")
        }
        let before = FileState(descriptor)
        var buffer: [UInt8] = []
        var line = 0
        var isFirst = true
        while true {
            var piece = [UInt8](repeating: 0, count: Self.piece)
            let count = Glibc.read(descriptor, &piece, Self.piece)
            guard count >= 0 else { throw fault(file, errno) }
            if count == 0 { break }
            buffer += piece[..<count]
            if isFirst, buffer.starts(with: [0xEF, 0xBB, 0xBF]) { buffer.removeFirst(3) }
            isFirst = false
            var start = 0
            while let end = buffer[start...].firstIndex(of: UInt8(ascii: "\n")) {
                line += 1
                try readLine(buffer[start..<end], file, line, each)
                start = end + 1
            }
            buffer.removeFirst(start)
            if buffer.count > Self.piece { try readLine(buffer[...], file, line + 1, each) }
        }
        if !buffer.isEmpty { try readLine(buffer[...], file, line + 1, each) }
        guard FileState(descriptor) == before else {
            throw ConfigurationFault(
                file: file, problem: "the list of users was written while it was read",
                advice: "write it under another name and rename it; then reload")
        }
    }

    /// What changes when a file is written.
    private struct FileState: Equatable {
        private let size: Int
        private let seconds: Int
        private let nanoseconds: Int

        init(_ descriptor: Int32) {
            var file = stat()
            _ = fstat(descriptor, &file)
            size = Int(file.st_size)
            seconds = file.st_mtim.tv_sec
            nanoseconds = file.st_mtim.tv_nsec
        }
    }

    private func readLine(
        _ text: ArraySlice<UInt8>, _ file: String, _ line: Int,
        _ each: (ArraySlice<UInt8>) -> Void
    ) throws(ConfigurationFault) {
        let id = trimmed(text)
        if id.isEmpty { return }
        if let fault = UserID.fault(in: id) {
            // Not the line itself: a file that is not the list may hold secrets.
            throw ConfigurationFault(
                file: file, line: line, problem: "this is no user id: \(fault)",
                advice: "correct the line, or make it a comment with #")
        }
        each(id)
    }

    /// Without the comment and without spaces around it. A comment begins the line or follows a
    /// space: an id may hold #.
    private func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        func isSpace(_ byte: UInt8) -> Bool {
            byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
        }
        var id = text.drop(while: isSpace)
        for index in id.indices
        where id[index] == UInt8(ascii: "#") && (index == id.startIndex || isSpace(id[index - 1])) {
            id = id[..<index]
            break
        }
        return id.dropLast(while: isSpace)
    }

    private func fault(_ file: String, _ code: Int32) -> ConfigurationFault {
        return ConfigurationFault(
            file: file, problem: unreadable("the list of users", code),
            advice: "users.file names it; one user id a line")
    }
}
