/// Features of a viewer that the store has as they are, as far as the worker knows: making them again would give the
/// same bytes. A part is given up by whatever changes what it is made of, and all of them where a batch may not have
/// arrived.
public struct Standing: OptionSet, BitwiseCopyable, Sendable {
  public let rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// The three maps of affinities, and the tolerance made of them.
  public static let affinities = Standing(rawValue: 1 << 3)
  /// Hours and weekdays.
  public static let histograms = Standing(rawValue: 1 << 4)
  /// Explicit preferences, blocked titles, queries.
  public static let memory = Standing(rawValue: 1 << 5)
  public static let all: Standing = [.affinities, .histograms, .memory]
}

extension ViewerRow {
  public var standing: Standing {
    get { Standing(rawValue: s.bits & Standing.all.rawValue) }
    set { s.bits = s.bits & ~Standing.all.rawValue | newValue.rawValue }
  }

  @inline(__always)
  mutating func change(_ part: Standing) { s.bits &= ~part.rawValue }

  /// Under which genre vectors the history vector that the store has was made, 24 bits; 0 = it has another one.
  public var historyMark: UInt32 {
    get { s.bits >> 8 }
    set { s.bits = s.bits & 0xff | newValue << 8 }
  }

  /// Nothing is known of what the store has.
  public mutating func forgetStanding() { s.bits &= 7 }
}
