import StrictJSON
import Tensors

/// The fingerprints of a whole model as a shard carries them in `__metadata__`, so that tensors which it lacks are known too.
///
/// JSON: `{"version":1,"tokenizer":HEX,"tensors":{NAME:[DTYPE,[EXTENT,…],HEX],…}}`.
struct RecordedDigests: Sendable, Equatable {
    var fingerprints: TensorFingerprints
    var tokenizer: CheckpointDigest

    /// The key in `__metadata__`.
    static let key = "medmoe.digests"

    init(fingerprints: TensorFingerprints, tokenizer: CheckpointDigest) {
        self.fingerprints = fingerprints
        self.tokenizer = tokenizer
    }

    /// Reads the text that `json` made.
    init(json: String, file: String) throws {
        func damaged(_ problem: String) -> CheckpointError { .malformed(file: file, field: "metadata \(Self.key)", problem: problem) }
        var version: Int?
        var tokenizer: CheckpointDigest?
        var tensors: [String: TensorFingerprint] = [:]
        do {
            var scanner = JSONScanner(Array(json.utf8))
            try scanner.object { key, scanner in
                switch key {
                case "version": version = try scanner.natural()
                case "tokenizer": tokenizer = try CheckpointDigest(hex: scanner.string())
                case "tensors":
                    try scanner.object { name, scanner in
                        guard tensors.count < SafetensorsHeader.tensorLimit else { throw scanner.problem("too many tensors") }
                        tensors[name] = try RecordedDigests.fingerprint(&scanner)
                    }
                default: try scanner.skip()
                }
            }
            try scanner.end()
        } catch let problem as JSONScanner.Problem {
            throw damaged("\(problem.text), at byte \(problem.position)")
        }
        guard version == 1 else { throw damaged("its version is not 1; it was written by a later medmoe") }
        guard let tokenizer else { throw damaged("the tokenizer's digest is missing") }
        self.init(fingerprints: TensorFingerprints(tensors), tokenizer: tokenizer)
    }

    private static func fingerprint(_ scanner: inout JSONScanner) throws -> TensorFingerprint {
        try scanner.expect("[")
        guard let dtype = try DType(rawValue: scanner.string()) else { throw scanner.problem("an unknown dtype") }
        try scanner.expect(",")
        var shape: [Int] = []
        try scanner.array(limit: SafetensorsHeader.rankLimit) { shape.append(try $0.natural()) }
        guard (try? Tensor.byteCount(dtype: dtype, shape: shape)) != nil else { throw scanner.problem("a shape overflows") }
        try scanner.expect(",")
        guard let content = try CheckpointDigest(hex: scanner.string()) else { throw scanner.problem("a digest is not 64 hexadecimal digits") }
        try scanner.expect("]")
        return TensorFingerprint(descriptor: TensorDescriptor(dtype: dtype, shape: shape), content: content)
    }

    /// One line of JSON, names in byte order.
    var json: String {
        let members = fingerprints.tensors.sorted { inByteOrder($0.key, $1.key) }.map { name, tensor in
            let shape = tensor.descriptor.shape.map(String.init).joined(separator: ",")
            return "\(JSONValue.literal(name)):[\"\(tensor.descriptor.dtype.rawValue)\",[\(shape)],\"\(tensor.content)\"]"
        }
        return "{\"version\":1,\"tokenizer\":\"\(tokenizer)\",\"tensors\":{\(members.joined(separator: ","))}}"
    }
}
