/// The begin or the end of a stage, with what it was told to do.
public struct StageRecord: Sendable, Hashable, Codable {
    public enum Event: String, Sendable, Hashable, Codable {
        case start
        /// The stage goes on from a checkpoint.
        case resume
        case end
    }

    /// A value of a setting.
    public enum Setting: Sendable, Hashable {
        case number(Double)
        case flag(Bool)
        case text(String)
    }

    public var stage: String
    public var event: Event
    /// How many steps the stage has, or had.
    public var steps: Int?
    /// With `end`: time since its start.
    public var seconds: Double?
    /// By name, as the recipe calls them.
    public var settings: [String: Setting]?

    public init(stage: String, event: Event, steps: Int? = nil, seconds: Double? = nil, settings: [String: Setting]? = nil) {
        self.stage = stage
        self.event = event
        self.steps = steps
        self.seconds = seconds
        self.settings = settings
    }
}

extension StageRecord.Setting: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let flag = try? container.decode(Bool.self) {
            self = .flag(flag)
        } else if let text = try? container.decode(String.self) {
            self = .text(text)
        } else {
            self = .number(try container.decode(Double.self))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .number(let number): try container.encode(number)
        case .flag(let flag): try container.encode(flag)
        case .text(let text): try container.encode(text)
        }
    }
}
