import Foundation
import Tensors
import Testing

@testable import MedMoE

@Suite struct TilePlanTests {
    private func routing(_ experts: [[Int]], width: Int, random: inout SeededRandom, meta: Bool = true) -> Routing {
        Routing(
            experts: experts, factors: experts.map { $0.map { _ in Float.random(in: 0...1, using: &random) } },
            metaFactors: meta ? experts.map { _ in 1 } : nil, logits: Rows(count: experts.count, width: 4))
    }

    @Test func everyRowGoesToItsExpertsOnceAndTilesKeepTheLimit() throws {
        var random = SeededRandom(seed: 11)
        for _ in 0..<60 {
            let (count, width, k) = (Int.random(in: 1...700, using: &random), [8, 2048, 2560][Int.random(in: 0..<3, using: &random)], Int.random(in: 1...2, using: &random))
            let experts = (0..<count).map { _ in Array((0..<4).shuffled(using: &random).prefix(k)) }
            let routing = routing(experts, width: width, random: &random)
            let plan = TilePlan(layer: 3, routing: routing, width: width)
            var seen = Array(repeating: Set<Int>(), count: count)
            for piece in plan.pieces {
                #expect(piece.rows.count <= ExpertTile.rowLimit(width: width) && !piece.rows.isEmpty)
                #expect(piece.rows == piece.rows.sorted())
                for row in piece.rows {
                    #expect(experts[row][piece.choice] == piece.expert)
                    #expect(seen[row].insert(piece.choice).inserted)
                }
            }
            #expect(seen.allSatisfy { $0.count == k })
        }
    }

    @Test func aPayloadFitsOneMessage() {
        for width in [1, 64, 192, 2048, 2560, 1 << 20] {
            let rows = ExpertTile.rowLimit(width: width)
            #expect(rows >= 1 && rows <= 256)
            #expect(rows == 1 || rows * width * 4 <= ExpertTile.payloadLimit)
        }
        #expect(ExpertTile.rowLimit(width: 192) == 256)
        #expect(ExpertTile.rowLimit(width: 2560) == 102)
    }

    @Test func combiningPutsFirstChoicesThenAddsSecondOnes() throws {
        var random = SeededRandom(seed: 12)
        let experts = (0..<50).map { _ in Array((0..<4).shuffled(using: &random).prefix(2)) }
        let h = Rows(count: 50, width: 8)
        for i in 0..<h.elementCount { h.pointer[i] = Float.random(in: -1...1, using: &random) }
        let routing = routing(experts, width: 8, random: &random)
        let plan = TilePlan(layer: 0, routing: routing, width: 8)
        // An expert that multiplies by its number, and a meta expert that adds 100.
        let results = try plan.tiles(of: h, routing: routing).map { tile in
            let rows = try Rows(tile.rows)
            for row in 0..<rows.count {
                for i in 0..<8 {
                    rows.row(row)[i] = rows.row(row)[i] * Float(tile.address.expert + 1) * tile.factors[row] + 100 * (tile.metaFactors?[row] ?? 0)
                }
            }
            return TileResult(rows: try rows.tensor(), worker: "w", expertRows: rows.count, computeNanoseconds: 0)
        }
        let y = try plan.combine(results, rows: 50, width: 8)
        for row in 0..<50 {
            for i in 0..<8 {
                let x = h.row(row)[i]
                let first = x * Float(experts[row][0] + 1) * routing.factors[row][0] + 100
                #expect(y.row(row)[i] == first + x * Float(experts[row][1] + 1) * routing.factors[row][1])
            }
        }
        #expect(throws: DispatchError.self) { try plan.combine(Array(results.dropLast()), rows: 50, width: 8) }
        var wrong = results
        wrong[0] = TileResult(rows: try Tensor([Float(0)], shape: [1, 1]), worker: "w", expertRows: 1, computeNanoseconds: 0)
        #expect(throws: DispatchError.self) { try plan.combine(wrong, rows: 50, width: 8) }
    }
}

@Suite struct RouterTests {
    @Test func theLowestIndexWinsWhenEqual() {
        func largest(_ values: [Float], except: Int? = nil) -> Int { values.withUnsafeBufferPointer { GateChoice.largest($0, except: except) } }
        #expect(largest([1, 3, 3, 2]) == 1)
        #expect(largest([5, 5, 5]) == 0)
        #expect(largest([5, 5, 5], except: 0) == 1)
        #expect(largest([1, 3, 3, 2], except: 1) == 2)
    }

    @Test func softmaxSumsToOneForAnyLogits() {
        for values: [Float] in [[0, 0, 0, 0], [1000, 999], [-1e30, 0, 1e30], [3]] {
            let g = values.withUnsafeBufferPointer(GateChoice.softmax)
            #expect(abs(g.reduce(0, +) - 1) < 1e-6)
            #expect(g.allSatisfy { $0.isFinite })
        }
    }
}
