/// The table of contents of a zip file: stored (uncompressed) entries as `torch.save` writes them, where the caller can read them also deflated
/// ones as NumPy writes them; possibly zip64.
///
/// Everything is checked when the file is opened: the central directory, every local header, and that no two entries share bytes.
/// Format: PKWARE APPNOTE 6.3.
package struct ZipArchive: Sendable {
    /// Where the bytes of each entry lie in the file.
    package let entries: [String: Entry]

    /// How an entry's bytes lie in the archive.
    package enum Method: UInt16, Sendable {
        /// As they are.
        case stored = 0
        /// As a deflate stream (RFC 1951).
        case deflated = 8
    }

    /// One file.
    package struct Entry: Sendable {
        /// Its bytes in the archive, as absolute positions.
        package let data: Range<Int>
        package let method: Method
        /// How many bytes it has, as the central directory says; of a stored entry those of `data`, of a deflated one whatever its writer
        /// claimed.
        package let size: Int
        /// CRC-32 of its bytes, uncompressed, as the central directory says.
        package let checksum: UInt32
    }

    /// Most entries.
    static let entryLimit = 1 << 20
    /// Largest central directory, in bytes.
    static let directoryLimit = 256 << 20

    /// - Parameter deflated: whether deflated entries are welcome.
    package init(_ file: CheckpointFile, deflated: Bool = false) throws {
        let end = try ZipEnd(of: file)
        guard end.count <= Self.entryLimit else {
            throw CheckpointError.limit(file: file.path, field: "the number of zip entries", value: end.count, limit: Self.entryLimit)
        }
        guard end.directory.count <= Self.directoryLimit else {
            throw CheckpointError.limit(
                file: file.path, field: "the size of the zip directory", value: end.directory.count, limit: Self.directoryLimit)
        }
        var reader = LittleEndianReader(try file.array(end.directory)[...])
        var entries: [String: Entry] = [:]
        var taken: [Range<Int>] = []
        for number in 0..<end.count {
            let record = try ZipRecord(&reader, number: number, file: file.path, deflated: deflated)
            let dataStart = try record.checkLocalHeader(in: file, before: end.directory.lowerBound)
            let data = dataStart..<dataStart + record.stored
            let entry = Entry(data: data, method: record.method, size: record.size, checksum: record.checksum)
            guard entries.updateValue(entry, forKey: record.name) == nil else {
                throw CheckpointError.malformed(file: file.path, field: "zip directory", problem: "two entries have the name \(quoted(record.name))")
            }
            taken.append(record.offset..<data.upperBound)
        }
        guard reader.remaining == 0 else {
            throw CheckpointError.malformed(
                file: file.path, field: "zip directory", problem: "\(reader.remaining) bytes are left over after \(end.count) entries")
        }
        taken.sort { $0.lowerBound < $1.lowerBound }
        for (first, second) in zip(taken, taken.dropFirst()) where first.upperBound > second.lowerBound {
            throw CheckpointError.malformed(
                file: file.path, field: "zip entries", problem: "two entries overlap at byte \(second.lowerBound)")
        }
        self.entries = entries
    }
}

/// One record of the central directory.
private struct ZipRecord {
    let name: String
    let method: ZipArchive.Method
    /// Bytes in the archive.
    let stored: Int
    /// Bytes of the file.
    let size: Int
    let checksum: UInt32
    /// Where its local header lies.
    let offset: Int
    private let flags: UInt16

    init(_ reader: inout LittleEndianReader, number: Int, file: String, deflated: Bool) throws {
        func damaged(_ problem: String) -> CheckpointError {
            .malformed(file: file, field: "zip directory entry \(number)", problem: problem)
        }
        guard reader.next(UInt32.self) == 0x0201_4b50, reader.next(UInt32.self) != nil, let flags: UInt16 = reader.next(),
            let code: UInt16 = reader.next(), reader.next(UInt32.self) != nil, let checksum: UInt32 = reader.next(),
            let stored: UInt32 = reader.next(), let original: UInt32 = reader.next(), let nameLength: UInt16 = reader.next(),
            let extraLength: UInt16 = reader.next(), let commentLength: UInt16 = reader.next(),
            reader.next(count: 8) != nil, let offset: UInt32 = reader.next(),
            let nameBytes = reader.next(count: Int(nameLength)), let extra = reader.next(count: Int(extraLength)),
            reader.next(count: Int(commentLength)) != nil
        else { throw damaged("the record is cut short or has a wrong signature") }
        guard let name = String(validating: nameBytes, as: UTF8.self), !name.isEmpty else { throw damaged("its name is not valid UTF-8") }
        guard flags & 1 == 0 else {
            throw CheckpointError.unsupported(file: file, what: "the encrypted zip entry \(quoted(name))", hint: deflated ? "write the archive without a password" : "save the weights as safetensors")
        }
        guard let method = ZipArchive.Method(rawValue: code), deflated || method == .stored else {
            throw CheckpointError.unsupported(
                file: file, what: "the compressed zip entry \(quoted(name)) (method \(code))",
                hint: deflated
                    ? "write the archive with numpy.savez or numpy.savez_compressed"
                    : "torch.save stores without compression: save the weights again, best as safetensors")
        }
        var wide = ZipRecord.wideFields(extra)
        func resolve(_ value: UInt32) throws -> UInt64 {
            guard value == .max else { return UInt64(value) }
            guard let wideValue: UInt64 = wide.next() else { throw damaged("a 64-bit field is missing") }
            return wideValue
        }
        // The order of these in the zip64 field is fixed: original size, stored size, offset.
        let originalSize = try resolve(original)
        let storedSize = try resolve(stored)
        guard method == .deflated || storedSize == originalSize else { throw damaged("a stored entry has two different sizes") }
        guard let size = Int(exactly: originalSize), let held = Int(exactly: storedSize), let place = Int(exactly: try resolve(offset)) else {
            throw damaged("a size or offset is beyond all files")
        }
        self.name = name
        self.method = method
        self.stored = held
        self.size = size
        self.offset = place
        self.checksum = checksum
        self.flags = flags
    }

    /// The content of the zip64 extra field, empty where there is none.
    private static func wideFields(_ extra: ArraySlice<UInt8>) -> LittleEndianReader {
        var reader = LittleEndianReader(extra)
        while let tag: UInt16 = reader.next(), let length: UInt16 = reader.next(), let content = reader.next(count: Int(length)) {
            if tag == 1 { return LittleEndianReader(content) }
        }
        return LittleEndianReader([])
    }

    /// Compares the local header with this record; returns where the data starts. All of it must lie before `limit`.
    func checkLocalHeader(in file: CheckpointFile, before limit: Int) throws -> Int {
        func damaged(_ problem: String) -> CheckpointError {
            .malformed(file: file.path, field: "zip entry \(quoted(name))", problem: problem)
        }
        guard offset <= limit, limit - offset >= 30 else { throw damaged("its header would lie at byte \(offset), outside the file") }
        var reader = LittleEndianReader(try file.array(offset..<offset + 30)[...])
        guard reader.next(UInt32.self) == 0x0403_4b50, reader.next(UInt16.self) != nil, let localFlags: UInt16 = reader.next(),
            let code: UInt16 = reader.next(), reader.next(UInt32.self) != nil, reader.next(UInt32.self) != nil,
            let stored: UInt32 = reader.next(), let original: UInt32 = reader.next(), let nameLength: UInt16 = reader.next(),
            let extraLength: UInt16 = reader.next()
        else { throw damaged("there is no header at byte \(offset)") }
        let nameEnd = offset + 30 + Int(nameLength)
        let dataStart = nameEnd + Int(extraLength)
        guard dataStart <= limit, self.stored <= limit - dataStart else {
            throw damaged("its \(self.stored) bytes from byte \(dataStart) do not lie within the file")
        }
        guard code == method.rawValue, localFlags == flags, try file.array(offset + 30..<nameEnd) == Array(name.utf8) else {
            throw damaged("its header and the directory disagree")
        }
        // Bit 3: sizes follow the data, and the header's are zero. Otherwise they must be true, or say "see the zip64 field".
        let sizesFollow = localFlags & 8 != 0
        for (value, known) in [(stored, self.stored), (original, size)] where value != .max && !(sizesFollow && value == 0) && Int(value) != known {
            throw damaged("its header says \(value) bytes, the directory \(known)")
        }
        return dataStart
    }
}

/// The end of a zip file: where the directory lies.
private struct ZipEnd {
    let directory: Range<Int>
    let count: Int

    init(of file: CheckpointFile) throws {
        func damaged(_ problem: String) -> CheckpointError { .malformed(file: file.path, field: "zip end record", problem: problem) }
        let tailStart = max(0, file.size - 22 - 0xFFFF)
        let tail = try file.array(tailStart..<file.size)
        // The record is found from behind; its comment must reach exactly to the end of the file.
        let signature: [UInt8] = [0x50, 0x4b, 0x05, 0x06]
        let place = stride(from: tail.count - 22, through: 0, by: -1).first { (place: Int) -> Bool in
            guard tail[place] == signature[0], tail[place...].starts(with: signature) else { return false }
            let commentLength = Int(tail[place + 20]) | Int(tail[place + 21]) << 8
            return place + 22 + commentLength == tail.count
        }
        guard let place else { throw damaged("it is missing; the file is truncated or no zip file") }
        var reader = LittleEndianReader(tail[(place + 4)...])
        guard let disks: UInt32 = reader.next(), let countHere: UInt16 = reader.next(), let count: UInt16 = reader.next(),
            let size: UInt32 = reader.next(), let offset: UInt32 = reader.next()
        else { throw damaged("it is cut short") }
        guard disks == 0 || disks == .max, countHere == count else { throw damaged("the archive has several parts") }

        var end = tailStart + place
        var wide = (count: UInt64(count), size: UInt64(size), offset: UInt64(offset))
        if end >= 20 {
            var locator = LittleEndianReader(try file.array(end - 20..<end)[...])
            if locator.next(UInt32.self) == 0x0706_4b50 {
                guard locator.next(UInt32.self) == 0, let start = locator.next(UInt64.self).flatMap({ Int(exactly: $0) }),
                    start <= end - 20, end - 20 - start >= 56
                else { throw damaged("the 64-bit end record would lie outside the file") }
                var record = LittleEndianReader(try file.array(start..<start + 56)[...])
                guard record.next(UInt32.self) == 0x0606_4b50, record.next(count: 20) != nil, let here: UInt64 = record.next(),
                    let all: UInt64 = record.next(), let wideSize: UInt64 = record.next(), let wideOffset: UInt64 = record.next(),
                    here == all
                else { throw damaged("the 64-bit end record is damaged") }
                guard count == .max || UInt64(count) == all, size == .max || UInt64(size) == wideSize,
                    offset == .max || UInt64(offset) == wideOffset
                else { throw damaged("the end record and the 64-bit one disagree") }
                wide = (all, wideSize, wideOffset)
                end = start
            }
        }
        guard let start = Int(exactly: wide.offset), let length = Int(exactly: wide.size), let number = Int(exactly: wide.count),
            start <= end, length == end - start
        else { throw damaged("the directory does not end where the end record begins") }
        guard number <= length / 46 else { throw damaged("\(number) entries do not fit a directory of \(length) bytes") }
        directory = start..<end
        self.count = number
    }
}
