import COneDNN
import Glibc

/// oneDNN's matmul on plain layouts.
///
/// The weight is used as it lies in the checkpoint (`[columns, inner]`, so the library sees it transposed). With its
/// blocked kernels (`brg:…`, AVX-512 and later) a row's result came out the same for every number of rows and one or two
/// threads; with its older kernels it does not, and `rowsAreIndependent` says so.
public final class OneDNNMultiplier: MatrixMultiplier {
    private struct Extents: Hashable {
        var rows, columns, inner: Int
    }

    private struct Primitive {
        var primitive: dnnl_primitive_t
        var source, weights, target: dnnl_memory_t
        var scratch: dnnl_memory_t
        var scratchBytes: Int
    }

    private var engine: dnnl_engine_t?
    private var stream: dnnl_stream_t?
    private var primitives: [Extents: Primitive] = [:]
    private var scratch = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    private var implementation = ""
    private let threads: Int

    /// More shapes than this are forgotten all at once: batches come in few sizes, and building one again takes microseconds.
    private static let shapeLimit = 2048

    /// - Parameter threads: size of OpenMP's pool for the calling thread, which must be the one that multiplies.
    public init(threads: Int) throws {
        self.threads = threads
        OneDNNMultiplier.setOpenMPThreads(threads)
        try check(dnnl_engine_create(&engine, dnnl_cpu, 0), "create a CPU engine")
        try check(dnnl_stream_create(&stream, engine, UInt32(dnnl_stream_default_flags.rawValue)), "create a stream")
        // A small multiplication tells which kernels this CPU gets.
        let values = [Float](repeating: 1, count: 64 * 64)
        var result = values
        try values.withUnsafeBufferPointer { values in
            try result.withUnsafeMutableBufferPointer { result in
                guard let input = values.baseAddress, let output = result.baseAddress else { return }
                try multiply(input, input, into: output, rows: 8, columns: 64, inner: 64)
            }
        }
    }

    deinit {
        forgetPrimitives()
        scratch.deallocate()
        dnnl_stream_destroy(stream)
        dnnl_engine_destroy(engine)
    }

    public var summary: String {
        let version = dnnl_version().pointee
        return "oneDNN \(version.major).\(version.minor).\(version.patch) (\(implementation)), \(threads) thread\(threads == 1 ? "" : "s")"
    }

    public var rowsAreIndependent: Bool { implementation.hasPrefix("brg:") }

    public func multiply(
        _ a: UnsafePointer<Float>, _ w: UnsafePointer<Float>, into c: UnsafeMutablePointer<Float>, rows: Int, columns: Int,
        inner: Int
    ) throws {
        guard rows > 0, columns > 0, inner > 0 else { return }
        let primitive = try primitive(for: Extents(rows: rows, columns: columns, inner: inner))
        try check(dnnl_memory_set_data_handle(primitive.source, UnsafeMutableRawPointer(mutating: a)), "set the rows")
        try check(dnnl_memory_set_data_handle(primitive.weights, UnsafeMutableRawPointer(mutating: w)), "set the weights")
        try check(dnnl_memory_set_data_handle(primitive.target, c), "set the result")
        try check(dnnl_memory_set_data_handle(primitive.scratch, scratch.baseAddress), "set the scratchpad")
        var arguments = [
            dnnl_exec_arg_t(arg: DNNL_ARG_SRC_0, memory: primitive.source),
            dnnl_exec_arg_t(arg: DNNL_ARG_WEIGHTS_0, memory: primitive.weights),
            dnnl_exec_arg_t(arg: DNNL_ARG_DST_0, memory: primitive.target),
            dnnl_exec_arg_t(arg: DNNL_ARG_SCRATCHPAD, memory: primitive.scratch),
        ]
        try check(dnnl_primitive_execute(primitive.primitive, stream, Int32(arguments.count), &arguments), "multiply")
        try check(dnnl_stream_wait(stream), "wait for a multiplication")
    }

    private func primitive(for extents: Extents) throws -> Primitive {
        if let known = primitives[extents] { return known }
        if primitives.count >= Self.shapeLimit { forgetPrimitives() }
        let made = try makePrimitive(extents)
        primitives[extents] = made
        return made
    }

    private func makePrimitive(_ extents: Extents) throws -> Primitive {
        var source = try plain([extents.rows, extents.inner], strides: [extents.inner, 1])
        var weights = try plain([extents.inner, extents.columns], strides: [1, extents.inner])
        var target = try plain([extents.rows, extents.columns], strides: [extents.columns, 1])
        var operation = dnnl_matmul_desc_t()
        try check(dnnl_matmul_desc_init(&operation, &source, &weights, nil, &target), "describe a multiplication")
        var attributes: dnnl_primitive_attr_t?
        try check(dnnl_primitive_attr_create(&attributes), "create attributes")
        defer { dnnl_primitive_attr_destroy(attributes) }
        // One scratchpad for all shapes: by default every primitive would keep its own.
        try check(dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user), "choose a scratchpad")
        var description: dnnl_primitive_desc_t?
        try check(dnnl_primitive_desc_create(&description, &operation, attributes, engine, nil), "find a kernel")
        defer { dnnl_primitive_desc_destroy(description) }
        if implementation.isEmpty {
            var text: UnsafePointer<CChar>?
            try check(dnnl_primitive_desc_query(description, dnnl_query_impl_info_str, 0, &text), "name the kernel")
            implementation = text.map { String(cString: $0) } ?? "unknown"
        }
        let scratchDescription = dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0)
        let scratchBytes = dnnl_memory_desc_get_size(scratchDescription)
        if scratchBytes > scratch.count {
            scratch.deallocate()
            scratch = .allocate(byteCount: scratchBytes, alignment: Storage.alignment)
        }
        var primitive: dnnl_primitive_t?
        try check(dnnl_primitive_create(&primitive, description), "create a kernel")
        guard let primitive else { throw ComputeError(description: "oneDNN made no kernel for \(extents)") }
        return Primitive(
            primitive: primitive, source: try memory(&source), weights: try memory(&weights), target: try memory(&target),
            scratch: try memory(scratchDescription), scratchBytes: scratchBytes)
    }

    private func plain(_ extents: [Int], strides: [Int]) throws -> dnnl_memory_desc_t {
        var description = dnnl_memory_desc_t()
        let dims = extents.map { dnnl_dim_t($0) }
        let steps = strides.map { dnnl_dim_t($0) }
        try check(
            dnnl_memory_desc_init_by_strides(&description, Int32(dims.count), dims, dnnl_f32, steps), "describe a matrix")
        return description
    }

    private func memory(_ description: UnsafePointer<dnnl_memory_desc_t>?) throws -> dnnl_memory_t {
        var memory: dnnl_memory_t?
        try check(dnnl_memory_create(&memory, description, engine, nil), "create a memory object")
        guard let memory else { throw ComputeError(description: "oneDNN made no memory object") }
        return memory
    }

    private func forgetPrimitives() {
        for entry in primitives.values {
            for memory in [entry.source, entry.weights, entry.target, entry.scratch] { dnnl_memory_destroy(memory) }
            dnnl_primitive_destroy(entry.primitive)
        }
        primitives.removeAll()
    }

    private func check(_ status: dnnl_status_t, _ action: String) throws {
        guard status == dnnl_success else { throw ComputeError(description: "oneDNN cannot \(action): status \(status.rawValue)") }
    }

    /// Sizes the OpenMP pool of the calling thread. The library is oneDNN's dependency, not ours: it is found at run time.
    private static func setOpenMPThreads(_ count: Int) {
        guard let symbol = dlsym(nil, "omp_set_num_threads") else { return }
        typealias SetThreads = @convention(c) (Int32) -> Void
        unsafeBitCast(symbol, to: SetThreads.self)(Int32(count))
    }
}
