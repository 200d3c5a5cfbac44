import CKernels

/// `log Σ exp(x)` in double precision.
func logSumExp(_ values: UnsafeBufferPointer<Float>) -> Double {
    values.baseAddress.map { ck_log_sum_exp($0, values.count) } ?? -.infinity
}
