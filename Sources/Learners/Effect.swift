import Events

/// What one event moves beyond its viewer: filled by ``ViewerFold``, read by ``TitleFold``, ``MetricFold`` and the
/// bandits. Free of pointers, so that a batch of them crosses between shards as it is.
public struct Effect: Sendable, BitwiseCopyable {
  public struct Flags: OptionSet, Sendable, BitwiseCopyable {
    public let rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// The event was folded (not a duplicate).
    public static let folded = Flags(rawValue: 1 << 0)
    /// A watch that is not a heartbeat.
    public static let watch = Flags(rawValue: 1 << 1)
    /// A complete watch.
    public static let complete = Flags(rawValue: 1 << 2)
    /// The completion is within the viewer's cap.
    public static let countedCompletion = Flags(rawValue: 1 << 3)
    /// The click is within the viewer's cap.
    public static let countedClick = Flags(rawValue: 1 << 4)
    /// Feedback that names a decision which showed this title to this viewer.
    public static let attributed = Flags(rawValue: 1 << 5)
    /// Feedback that does not.
    public static let unattributed = Flags(rawValue: 1 << 6)
    /// A user's correction of the title's metadata.
    public static let correction = Flags(rawValue: 1 << 7)
    /// The viewer's row was deleted by this event.
    public static let erased = Flags(rawValue: 1 << 8)
    /// The viewer's vector moved.
    public static let moved = Flags(rawValue: 1 << 9)
    /// The event carries an opinion (`value`, `media`, `signal` hold).
    public static let feedback = Flags(rawValue: 1 << 10)
  }

  public var flags: Flags = []
  public var signal = RewardSignal.none
  /// Change of the title's rating count: 1 a new rating, 0 a replaced one.
  public var ratingCount: Int8 = 0
  /// Change of the title's rating sum, half stars.
  public var ratingHalfStars: Int32 = 0
  /// Of a watch, 0-1.
  public var completion = 0.0
  /// Of a watch, 0-1.
  public var engagement = 0.0
  /// By the configured reward table.
  public var value = 0.0
  /// By `media-v1`, in [-1, 1].
  public var media = 0.0
  /// What the title's trend gains.
  public var trendWeight = 0.0

  public init() {}
}
