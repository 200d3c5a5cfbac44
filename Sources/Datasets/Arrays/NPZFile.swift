import Checkpoints

/// A `.npz` file: a zip archive of `.npy` arrays, stored or deflated, as `numpy.savez` and `numpy.savez_compressed` write it.
///
/// Nothing in the file is believed: sizes are checked against limits and against each other before memory is taken.
public struct NPZFile: Sendable {
    /// Largest array, in bytes.
    public static let sizeLimit = 1 << 30

    /// The path, as it was given.
    public let path: String
    /// Names of the arrays, sorted.
    public let names: [String]
    private let file: CheckpointFile
    private let entries: [String: ZipArchive.Entry]

    /// Opens the archive and reads its directory, no array yet.
    public init(path: String) throws(ArrayFileError) {
        do {
            file = try CheckpointFile(path: path)
            entries = try ZipArchive(file, deflated: true).entries
        } catch let error as CheckpointError {
            throw .archive(error)
        } catch {
            throw .archive(.system(file: path, operation: "reading", reason: "\(error)"))
        }
        self.path = path
        names = entries.keys.filter { $0.hasSuffix(".npy") }.map { String($0.dropLast(4)) }.sorted()
    }

    /// Reads one array.
    ///
    /// - Parameter name: without `.npy`.
    public func array(_ name: String) throws(ArrayFileError) -> NPYArray {
        guard let entry = entries[name + ".npy"] else { throw .missing(file: path, array: name, known: names) }
        guard entry.size <= Self.sizeLimit else {
            throw .limit(file: path, array: name, field: "the size in bytes", value: entry.size, limit: Self.sizeLimit)
        }
        let bytes = try contents(of: entry, name: name)
        guard CRC32.of(bytes) == entry.checksum else {
            throw .malformed(file: path, array: name, problem: "its bytes do not have the checksum that the archive gives")
        }
        let header: NPYHeader
        do {
            header = try NPYHeader(bytes)
        } catch {
            throw .malformed(file: path, array: name, problem: error.text)
        }
        guard !header.isFortranOrder else { throw .unsupported(file: path, array: name, what: "its elements in Fortran order") }
        let data = bytes[header.dataStart...]
        return NPYArray(shape: header.shape, elements: try elements(data, header, name: name))
    }

    private func contents(of entry: ZipArchive.Entry, name: String) throws(ArrayFileError) -> [UInt8] {
        let raw: [UInt8]
        do {
            raw = try file.array(entry.data)
        } catch {
            throw .archive((error as? CheckpointError) ?? .system(file: path, operation: "reading", reason: "\(error)"))
        }
        guard entry.method == .deflated else { return raw }
        do {
            return try Inflation.bytes(raw, size: entry.size)
        } catch {
            throw .malformed(file: path, array: name, problem: error.text)
        }
    }

    private func elements(_ data: ArraySlice<UInt8>, _ header: NPYHeader, name: String) throws(ArrayFileError) -> NPYArray.Elements {
        let size: Int
        switch header.type {
        case "|u1", "<u1", "=u1", "u1": size = 1
        case "<i8": size = 8
        case "<f4": size = 4
        default: throw .unsupported(file: path, array: name, what: "the number type \(quoted(header.type))")
        }
        var needed = size
        for axis in header.shape {
            let (product, overflow) = needed.multipliedReportingOverflow(by: axis)
            guard !overflow else { throw .malformed(file: path, array: name, problem: "its shape \(header.shape) is beyond all memory") }
            needed = product
        }
        guard needed == data.count else {
            throw .malformed(file: path, array: name, problem: "its shape \(header.shape) needs \(needed) bytes, but \(data.count) follow")
        }
        return switch size {
        case 1: .uint8(Array(data))
        case 8: .int64(Self.integers(data).map { Int64(bitPattern: $0) })
        default: .float32(Self.integers(data).map { Float(bitPattern: $0) })
        }
    }

    /// Little-endian numbers, one after the other; `data` holds a whole number of them.
    private static func integers<Number: FixedWidthInteger>(_ data: ArraySlice<UInt8>) -> [Number] {
        data.withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count, by: MemoryLayout<Number>.size).map {
                Number(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: Number.self))
            }
        }
    }
}
