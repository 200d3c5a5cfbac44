/// The exponential function from additions and multiplications alone.
///
/// The `exp` of C libraries differs in its last bits from one to the other; a sampled answer must not depend on which one is linked.
enum PortableExponential {
    /// e^x for x ≤ 0, within a few units in the last place; 0 below −708.
    static func exp(_ x: Double) -> Double {
        guard x > -708 else { return 0 }
        // x = n·ln 2 + r with |r| ≤ ½ ln 2; ln 2 in two parts keeps r exact (Cody and Waite).
        let n = (x * 1.442_695_040_888_963_4).rounded()
        let r = (x - n * 0x1.62e42feep-1) - n * 0x1.a39ef35793c76p-33
        // The Taylor series to r¹³: the first term left out is below 2⁻⁵⁶.
        var sum = 1.0
        for k in stride(from: 13.0, to: 0, by: -1) { sum = 1 + sum * r / k }
        return sum * Double(sign: .plus, exponent: Int(n), significand: 1)
    }
}
