import Tensors

/// Interprets the pickle of a torch archive as data: a stack, a memo and the containers. There is nothing in it that
/// could import a module or call a function.
struct PickleMachine {
    private var reader: LittleEndianReader
    private let file: String
    private var stack: [PickleValue] = []
    private var marks: [Int] = []
    private var memo: [Int: PickleValue] = [:]
    private(set) var heap: PickleHeap

    /// Most values on the stack. Python writes members in batches of a thousand.
    static let stackLimit = 1 << 16
    /// Most values in the memo.
    static let memoLimit = 1 << 20
    /// Most open marks.
    static let markLimit = 256

    /// Runs a pickle to its STOP.
    ///
    /// - Returns: the value, and the heap that its containers live in.
    /// - Throws: `CheckpointError.refusedPickle` for what is not on the allow-list, `.limit`, `.malformed`.
    static func run(_ pickle: [UInt8], file: String) throws -> (value: PickleValue, heap: PickleHeap) {
        var machine = PickleMachine(pickle, file: file)
        while let byte: UInt8 = machine.reader.next() {
            guard let opcode = PickleOpcode(rawValue: byte) else {
                throw CheckpointError.refusedPickle(file: file, what: PickleOpcode.nameOfRefused(byte))
            }
            if opcode == .stop {
                let value = try machine.pop()
                guard machine.stack.isEmpty, machine.marks.isEmpty else { throw machine.damaged("values are left at its end") }
                return (value, machine.heap)
            }
            try machine.step(opcode)
        }
        throw machine.damaged("it ends without STOP")
    }

    private init(_ pickle: [UInt8], file: String) {
        reader = LittleEndianReader(pickle[...])
        self.file = file
        heap = PickleHeap(file: file)
    }

    private func damaged(_ problem: String) -> CheckpointError {
        .malformed(file: file, field: "pickle", problem: "\(problem), at byte \(reader.position)")
    }

    private mutating func step(_ opcode: PickleOpcode) throws {
        switch opcode {
        case .proto:
            let version = try argument(UInt8.self)
            guard (2...5).contains(version) else { throw damaged("its protocol \(version) is not one of 2 to 5") }
        case .frame: _ = try length(argument(UInt64.self))
        case .stop: break
        case .mark:
            guard marks.count < Self.markLimit else {
                throw CheckpointError.limit(file: file, field: "the nesting of marks in the pickle", value: marks.count + 1, limit: Self.markLimit)
            }
            marks.append(stack.count)
        case .none: try push(.none)
        case .newTrue: try push(.bool(true))
        case .newFalse: try push(.bool(false))
        case .binInt: try push(.integer(Int(Int32(bitPattern: argument()))))
        case .binInt1: try push(.integer(Int(argument(UInt8.self))))
        case .binInt2: try push(.integer(Int(argument(UInt16.self))))
        case .long1: try pushLong(byteCount: Int(argument(UInt8.self)))
        case .long4: try pushLong(byteCount: Int(argument(UInt32.self)))
        case .binFloat: try push(.float(Double(bitPattern: argument(UInt64.self).byteSwapped)))
        case .binUnicode: try push(.string(text(byteCount: length(UInt64(argument(UInt32.self))))))
        case .shortBinUnicode: try push(.string(text(byteCount: length(UInt64(argument(UInt8.self))))))
        case .binUnicode8: try push(.string(text(byteCount: length(argument(UInt64.self)))))
        case .emptyList: try push(.list(box: heap.box()))
        case .append: try extend(with: [pop()])
        case .appends: try extend(with: popToMark())
        case .emptyTuple: try push(.tuple(box: heap.box()))
        case .tuple: try push(.tuple(box: heap.box(popToMark())))
        case .tuple1: try pushTuple(count: 1)
        case .tuple2: try pushTuple(count: 2)
        case .tuple3: try pushTuple(count: 3)
        case .emptyDict: try push(.dict(box: heap.box()))
        case .setItem:
            let value = try pop()
            try setItems([pop(), value])
        case .setItems: try setItems(popToMark())
        case .binPut: try remember(Int(argument(UInt8.self)))
        case .longBinPut: try remember(Int(argument(UInt32.self)))
        case .memoize: try remember(memo.count)
        case .binGet: try recall(Int(argument(UInt8.self)))
        case .longBinGet: try recall(Int(argument(UInt32.self)))
        case .global: try pushGlobal(module: line(), name: line())
        case .stackGlobal:
            guard case .string(let name) = try pop(), case .string(let module) = try pop() else {
                throw damaged("a global is not named by two strings")
            }
            try pushGlobal(module: module, name: name)
        case .reduce:
            let arguments = try pop()
            try push(reduce(pop(), arguments))
        case .build:
            // State of an OrderedDict, such as `_metadata`: attributes beside its members, which no tensor needs.
            let state = try pop()
            guard case .dict = state, case .dict = try top() else { throw CheckpointError.refusedPickle(file: file, what: "the opcode BUILD on \(try top().kind)") }
        case .binPersId: try push(.storage(storage(pop())))
        }
    }
}

// MARK: - Stack and memo

extension PickleMachine {
    private mutating func push(_ value: PickleValue) throws {
        guard stack.count < Self.stackLimit else {
            throw CheckpointError.limit(file: file, field: "the stack of the pickle", value: stack.count + 1, limit: Self.stackLimit)
        }
        stack.append(value)
    }

    /// The value on top, which must lie above the last mark.
    private func top() throws -> PickleValue {
        guard let value = stack.last, stack.count > marks.last ?? 0 else { throw damaged("its stack is empty") }
        return value
    }

    private mutating func pop() throws -> PickleValue {
        let value = try top()
        stack.removeLast()
        return value
    }

    private mutating func popToMark() throws -> [PickleValue] {
        guard let mark = marks.popLast() else { throw damaged("a mark is missing") }
        defer { stack.removeLast(stack.count - mark) }
        return Array(stack[mark...])
    }

    private mutating func pushTuple(count: Int) throws {
        guard stack.count - (marks.last ?? 0) >= count else { throw damaged("its stack is empty") }
        let values = Array(stack.suffix(count))
        stack.removeLast(count)
        try push(.tuple(box: heap.box(values)))
    }

    private mutating func extend(with values: [PickleValue]) throws {
        guard case .list(let box) = try top() else { throw damaged("something is appended to \(try top().kind)") }
        try heap.append(values, to: box)
    }

    private mutating func setItems(_ values: [PickleValue]) throws {
        guard case .dict(let box) = try top() else { throw damaged("items are set in \(try top().kind)") }
        guard values.count % 2 == 0 else { throw damaged("a key has no value") }
        try heap.append(values, to: box)
    }

    private mutating func remember(_ place: Int) throws {
        guard memo.count < Self.memoLimit || memo[place] != nil else {
            throw CheckpointError.limit(file: file, field: "the memo of the pickle", value: memo.count + 1, limit: Self.memoLimit)
        }
        memo[place] = try top()
    }

    private mutating func recall(_ place: Int) throws {
        guard let value = memo[place] else { throw damaged("its memo has nothing at \(place)") }
        try push(value)
    }
}

// MARK: - Arguments of opcodes

extension PickleMachine {
    private mutating func argument<Number: FixedWidthInteger & UnsignedInteger>(_ type: Number.Type = Number.self) throws -> Number {
        guard let number: Number = reader.next() else { throw damaged("it is cut short") }
        return number
    }

    /// A length that what is left of the pickle can satisfy.
    private func length(_ value: UInt64) throws -> Int {
        guard let count = Int(exactly: value), count <= reader.remaining else {
            throw damaged("a length of \(value) bytes is beyond its end")
        }
        return count
    }

    private mutating func text(byteCount: Int) throws -> String {
        guard let bytes = reader.next(count: byteCount), let text = String(validating: bytes, as: UTF8.self) else {
            throw damaged("a string is not valid UTF-8")
        }
        return text
    }

    private mutating func line() throws -> String {
        let start = reader
        var count = 0
        while let byte: UInt8 = reader.next(), byte != 0x0A {
            count += 1
            guard count <= 256 else { throw damaged("the name of a global is longer than 256 bytes") }
        }
        var again = start
        guard let bytes = again.next(count: count), reader.position == again.position + 1,
            let text = String(validating: bytes, as: UTF8.self)
        else { throw damaged("the name of a global is cut short or not valid UTF-8") }
        return text
    }

    private mutating func pushLong(byteCount: Int) throws {
        guard byteCount <= 8 else { throw damaged("an integer of \(byteCount) bytes is larger than any size of a tensor") }
        guard let bytes = reader.next(count: byteCount) else { throw damaged("it is cut short") }
        let negative = bytes.last.map { $0 & 0x80 != 0 } ?? false
        try push(.integer(bytes.reversed().reduce(negative ? -1 : 0) { $0 << 8 | Int($1) }))
    }
}

// MARK: - What torch's names stand for

extension PickleMachine {
    private mutating func pushGlobal(module: String, name: String) throws {
        guard let global = PickleGlobal(module: module, name: name) else {
            throw CheckpointError.refusedPickle(file: file, what: quoted("\(module).\(name)"))
        }
        try push(.global(global))
    }

    private mutating func reduce(_ callable: PickleValue, _ arguments: PickleValue) throws -> PickleValue {
        guard case .global(let global) = callable, case .tuple = arguments, let values = heap.sequence(arguments) else {
            throw CheckpointError.refusedPickle(file: file, what: "a call of \(callable.kind)")
        }
        switch (global, values.count) {
        case (.orderedDict, 0): return .dict(box: try heap.box())
        case (.size, 1):
            guard let extents = heap.sequence(values[0]) else { throw damaged("a torch.Size is made of \(values[0].kind)") }
            return .tuple(box: try heap.box(extents))
        case (.rebuildParameter, 3):
            guard case .tensor = values[0] else { throw damaged("a parameter is made of \(values[0].kind)") }
            return values[0]
        case (.rebuildTensor, 6...7):
            return try tensor(values, dtype: nil)
        case (.rebuildTypedTensor, 7...8):
            guard case .global(.dtype(let dtype)) = values[6] else { throw damaged("the dtype of a tensor is \(values[6].kind)") }
            return try tensor(values, dtype: dtype)
        default:
            throw CheckpointError.refusedPickle(file: file, what: "\(global) with \(values.count) arguments")
        }
    }

    private mutating func tensor(_ values: [PickleValue], dtype: DType?) throws -> PickleValue {
        guard case .storage(let storage) = values[0], case .integer(let offset) = values[1],
            let shape = naturals(values[2]), let strides = naturals(values[3]), offset >= 0, shape.count == strides.count
        else { throw damaged("a tensor does not have a storage, an offset, and as many strides as extents, none negative") }
        guard let type = dtype ?? storage.dtype, storage.dtype == nil || storage.dtype == type else {
            throw damaged("the number type of a tensor is unknown or differs from its storage's")
        }
        return heap.tensor(TorchTensor(storage: storage, dtype: type, offset: offset, shape: shape, strides: strides))
    }

    private func naturals(_ value: PickleValue) -> [Int]? {
        guard let values = heap.sequence(value), values.count <= SafetensorsHeader.rankLimit else { return nil }
        var numbers: [Int] = []
        for case .integer(let number) in values where number >= 0 { numbers.append(number) }
        return numbers.count == values.count ? numbers : nil
    }

    /// `("storage", type, key, location, count)`
    private func storage(_ id: PickleValue) throws -> TorchStorage {
        guard case .tuple = id, let values = heap.sequence(id), values.count == 5, values[0] == .string("storage"),
            case .string(let key) = values[2], case .integer(let count) = values[4], count >= 0
        else { throw damaged("a storage is not referred to as torch does") }
        switch values[1] {
        case .global(.typedStorage(let dtype)): return TorchStorage(dtype: dtype, key: key, count: count)
        case .global(.untypedStorage): return TorchStorage(dtype: nil, key: key, count: count)
        default: throw damaged("a storage has \(values[1].kind) as its type")
        }
    }
}
