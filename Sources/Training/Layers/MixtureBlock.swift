import CKernels
import Tensors

/// The FFN of a mixture layer, forward and backward: gate, experts wherever they learn, always-on module.
///
/// `y = Σ factor · E(h) + alwaysOnFactor · M(h)`
struct MixtureBlock {
    let layer: Int
    let gate: LinearLayer
    let coefficient: LinearLayer?
    let alwaysOn: FeedForwardLayer?
    /// Whether M is added with factor 1, besides the residual's coefficient.
    let hasMeta: Bool
    let topK: Int
    let trainers: any ExpertTrainers

    /// What a backward pass needs of the forward pass.
    struct Kept {
        let input: Rows
        let routing: MixtureRouting
        let alwaysOn: FeedForwardLayer.Kept?
        /// M(h); kept with a residual only, where its factor has a gradient.
        let alwaysOnOutput: Rows?
    }

    /// The parameters in this process besides the experts'.
    var parameters: [Parameter] { gate.parameters + (coefficient?.parameters ?? []) + (alwaysOn?.parameters ?? []) }

    /// - Parameters:
    ///   - h: normed rows, `[rows, hidden]`
    ///   - keeps: whether `backward` follows: experts keep what it needs only then.
    func forward(
        _ h: Rows, keeps: Bool, _ context: TrainingContext, isolation: isolated (any Actor)? = #isolation
    ) async throws -> (output: Rows, kept: Kept) {
        let routing = MixtureRouting(
            logits: gate.forward(h, context), coefficients: coefficient?.forward(h, context), topK: topK, hasMeta: hasMeta)
        let assignments = routing.assignments
        let batches = assignments.map { ExpertRows(expert: $0.expert, rows: gathered(h, $0.rows)) }
        try trainers.submitForward(layer: layer, batches, keeps: keeps)
        let always = alwaysOn?.forward(h, context)
        let outputs = try await trainers.outputs(layer: layer, isolation: isolation)
        let y = Rows(count: h.count, width: h.width)
        y.buffer.update(repeating: 0)
        for (assignment, output) in zip(assignments, outputs) {
            for (place, (row, choice)) in assignment.rows.enumerated() {
                var factor = routing.factors[row][choice]
                ck_add_scaled_rows(y.row(row), output.row(place), &factor, 1, h.width)
            }
        }
        guard let (output, kept) = always else {
            return (y, Kept(input: h, routing: routing, alwaysOn: nil, alwaysOnOutput: nil))
        }
        routing.alwaysOnFactors.withUnsafeBufferPointer { factors in
            guard let factors = factors.baseAddress else { return }
            context.forEachBlock(rows: y.count, width: y.width) { rows in
                ck_add_scaled_rows(
                    y.row(rows.lowerBound), output.row(rows.lowerBound), factors + rows.lowerBound, rows.count, y.width)
            }
        }
        return (y, Kept(input: h, routing: routing, alwaysOn: kept, alwaysOnOutput: coefficient == nil ? nil : output))
    }

    /// - Parameter dy: gradient of the output, `[rows, hidden]`
    /// - Returns: the gradient of the normed rows, if wanted.
    func backward(
        _ dy: Rows, _ kept: Kept, needsInput: Bool, _ context: TrainingContext, isolation: isolated (any Actor)? = #isolation
    ) async throws -> Rows? {
        let routing = kept.routing
        let assignments = routing.assignments
        let gradients = assignments.map { assignment in
            let rows = gathered(dy, assignment.rows)
            for (place, (row, choice)) in assignment.rows.enumerated() {
                var factor = routing.factors[row][choice]
                ck_scale_rows(rows.row(place), &factor, 1, rows.width)
            }
            return ExpertRows(expert: assignment.expert, rows: rows)
        }
        try trainers.submitBackward(layer: layer, gradients, needsInput: needsInput)
        let (alwaysOnDots, alwaysOnInput) = alwaysOnBackward(dy, kept, needsInput: needsInput, context)
        let results = try await trainers.gradients(layer: layer, isolation: isolation)
        var dots = routing.experts.map { [Float](repeating: 0, count: $0.count) }
        let dh: Rows? = needsInput ? Rows(count: dy.count, width: dy.width) : nil
        dh?.buffer.update(repeating: 0)
        for (assignment, result) in zip(assignments, results) {
            for (place, (row, choice)) in assignment.rows.enumerated() {
                dots[row][choice] = result.dots[place]
                if let dh, let input = result.input { ck_add(dh.row(row), input.row(place), dh.width) }
            }
        }
        if let alwaysOnInput { dh?.add(alwaysOnInput) }
        let learns = gate.weight.learns || coefficient?.weight.learns ?? false
        guard learns || needsInput else { return nil }
        let (dz, dc) = routing.gradients(dots: dots, alwaysOn: alwaysOnDots)
        gate.collect(dz, input: kept.input, context)
        if let dh { gate.inputGradient(dz, addedTo: dh, context) }
        if let coefficient, let dc {
            coefficient.collect(dc, input: kept.input, context)
            if let dh { coefficient.inputGradient(dc, addedTo: dh, context) }
        }
        return dh
    }

    /// The always-on module's part: per row ⟨dY, M(h)⟩ where its factor has a gradient, and the gradient of its input, if wanted.
    private func alwaysOnBackward(
        _ dy: Rows, _ kept: Kept, needsInput: Bool, _ context: TrainingContext
    ) -> (dots: [Float], input: Rows?) {
        guard let alwaysOn, let keptModule = kept.alwaysOn else { return ([], nil) }
        let dots = kept.alwaysOnOutput.map { rowDots(dy, $0, context) } ?? []
        // With a residual the gradient is not the same for every row; without one the factor is 1.
        let scaled = coefficient == nil ? dy : dy.slice(0..<dy.count)
        if coefficient != nil {
            kept.routing.alwaysOnFactors.withUnsafeBufferPointer { factors in
                if let factors = factors.baseAddress { ck_scale_rows(scaled.pointer, factors, scaled.count, scaled.width) }
            }
        }
        return (dots, alwaysOn.backward(scaled, keptModule, needsInput: needsInput, context))
    }

    private func gathered(_ x: Rows, _ rows: [(row: Int, choice: Int)]) -> Rows {
        let result = Rows(count: rows.count, width: x.width)
        for (place, (row, _)) in rows.enumerated() { result.row(place).update(from: x.row(row), count: x.width) }
        return result
    }
}
