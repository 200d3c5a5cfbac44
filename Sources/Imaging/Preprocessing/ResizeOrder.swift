/// Which of the two passes of a resize comes first. The pixels are rounded to 8 bits in between, so single values differ by one or two steps.
public enum ResizeOrder: String, Sendable, CaseIterable {
    /// Along the rows, then along the columns: Pillow up to version 12, which the public models were trained with.
    case rowsFirst
    /// Along the columns first when the height loses more than twice as many pixels as the width: Pillow from version 13.
    /// Of the images that CLIP's processor sees, only those more than twice as high as wide are affected, and only when they are cut (`crop`).
    case columnsFirstWhenTall

    func startsWithColumns(width: Int, height: Int, newWidth: Int, newHeight: Int) -> Bool {
        switch self {
        case .rowsFirst: false
        case .columnsFirstWhenTall: newHeight < height && height - newHeight > 2 * (width - newWidth)
        }
    }
}
