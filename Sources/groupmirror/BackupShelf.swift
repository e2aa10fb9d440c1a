import ChatModel
import Foundation
import Glibc
import MirrorStore
import HostSystem

/// A directory with dated copies of a mirror, of which the newest are kept. Other files in it are left alone.
struct BackupShelf {
    private let directory: String
    /// Of the configuration: several apps may share a directory.
    private let name: String

    /// Makes the directory if it is not there; the one above it must be.
    /// - Parameter configuration: its file.
    init(_ directory: String, of configuration: String) throws {
        self.directory = directory
        let file = configuration.split(separator: "/").last.map(String.init) ?? configuration
        name = file.hasSuffix(".yaml") ? String(file.dropLast(5)) : file
        if mkdir(directory, 0o750) == 0 {
            let parent = OwnedFile.directory(of: directory)
            if OwnedFile.isForGroup(parent) { chmod(directory, 0o2770) }
        } else if errno != EEXIST {
            throw fault(directory, errno)
        }
        removeDrafts()
    }

    /// Copies a mirror; the file appears under its name when it is whole and on the disk.
    /// - Returns: the file, and the number of the newest change in it.
    func add(_ reader: MirrorReader, at time: WallTime) throws -> (file: String, lastChange: Int64)
    {
        var moment = time
        // Two in one second: no copy is replaced.
        while access(path(name(at: moment)), F_OK) == 0 { moment = moment + .seconds(1) }
        let file = path(name(at: moment))
        let draft = path(".\(name).\(getpid()).copy")
        defer { unlink(draft) }
        let lastChange = try reader.backUp(to: draft)
        try sync(draft)
        guard rename(draft, file) == 0 else { throw fault(file, errno) }
        try sync(directory)
        return (file, lastChange)
    }

    /// Removes the oldest copies.
    /// - Returns: their paths, ascending by age.
    func removeAll(butNewest keep: Int) throws -> [String] {
        let copies = try names().filter(isCopy).sorted()
        return try copies.dropLast(keep).map { copy in
            guard unlink(path(copy)) == 0 else { throw fault(path(copy), errno) }
            return path(copy)
        }
    }

    private func path(_ name: String) -> String { directory + "/" + name }

    private func names() throws -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: directory)
        } catch {
            throw fault(directory, errno)
        }
    }

    private func name(at time: WallTime) -> String {
        let stamp = "\(time)".prefix(19).filter { $0 != "-" && $0 != ":" }
        return "\(name)-\(stamp)Z.db"
    }

    /// `shop-20261130T023000Z.db`
    private func isCopy(_ file: String) -> Bool {
        guard file.hasPrefix(name + "-"), file.hasSuffix("Z.db") else { return false }
        let stamp = file.dropFirst(name.count + 1).dropLast(4)
        let parts = stamp.split(separator: "T", omittingEmptySubsequences: false)
        return parts.map(\.count) == [8, 6] && parts.joined().allSatisfy(\.isNumber)
    }

    /// What processes that were killed have left.
    private func removeDrafts() {
        for file in (try? names()) ?? [] {
            guard file.hasPrefix(".\(name)."), file.hasSuffix(".copy"),
                let process = Int32(file.dropFirst(name.count + 2).dropLast(5)),
                kill(process, 0) != 0, errno == ESRCH
            else { continue }
            unlink(path(file))
        }
    }

    private func sync(_ path: String) throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw fault(path, errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 || errno == EINVAL else { throw fault(path, errno) }
    }

    private func fault(_ path: String, _ error: Int32) -> ProgramFailure {
        ProgramFailure(
            .storage, "\(path): \(String(cString: strerror(error)))",
            advice: "the directory must be one in which the owner of the mirror may write")
    }
}
