/// What a load does: how it asks, for how long.
public struct LoadPlan: Sendable, Hashable {
    public init() {}
}
