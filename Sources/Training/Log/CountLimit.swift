/// What a count in a log may be: as many as fit a line can be added up without overflow.
enum CountLimit {
    static let range = 0...1_000_000_000_000
}
