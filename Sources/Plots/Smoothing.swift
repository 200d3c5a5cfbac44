extension Series {
    /// At most `most` of its points, evenly taken, each with the mean over the points around it: `reach` before and `reach` after, fewer at
    /// the ends, so that nothing is shifted.
    ///
    /// Values that are not finite count in no mean; where there are no others around, one stays.
    public func smoothed(reach: Int, most: Int = 1500) -> Series {
        var copy = self
        let (reach, stride) = (max(0, reach), max(1, (points.count + max(1, most) - 1) / max(1, most)))
        copy.points = Swift.stride(from: 0, to: points.count, by: stride).map { index in
            // Summed anew each time: differences of running sums would never forget one enormous value.
            let around = points[max(0, index - reach)..<min(points.count, index + reach + 1)].lazy.map(\.y).filter(\.isFinite)
            let (sum, count) = around.reduce((0.0, 0)) { ($0.0 + $1, $0.1 + 1) }
            return Point(points[index].x, count > 0 ? sum / Double(count) : points[index].y)
        }
        return copy
    }

    /// At most about `most` points that look the same: of each stretch the lowest and the highest, in their order, so that no peak is lost.
    ///
    /// The points must be in the order of their x. Stretches with a value that is not finite keep one such.
    public func thinned(to most: Int = 1500) -> Series {
        let stretch = (points.count * 2 + max(2, most) - 1) / max(2, most)
        guard stretch > 2 else { return self }
        var copy = self
        copy.points = stride(from: 0, to: points.count, by: stretch).flatMap { begin -> [Point] in
            let part = points[begin..<min(begin + stretch, points.count)]
            if let gap = part.first(where: { !$0.y.isFinite }) { return [gap] }
            guard let low = part.indices.min(by: { part[$0].y < part[$1].y }), let high = part.indices.max(by: { part[$0].y < part[$1].y })
            else { return [] }
            return low == high ? [part[low]] : [part[min(low, high)], part[max(low, high)]]
        }
        return copy
    }
}
