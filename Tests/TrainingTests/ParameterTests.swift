import Tensors
import Testing
import Training

@Test func aParameterCollectsAGradientOnlyWhileItLearns() throws {
    let weight = try Parameter(name: "w", tensor: Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3]))
    #expect(weight.gradient == nil)
    weight.setLearns(true)
    #expect(weight.gradient?.values == [0, 0, 0, 0, 0, 0])
    weight.setLearns(false)
    #expect(weight.gradient == nil)
}
