import Testing
@testable import MedMoE
