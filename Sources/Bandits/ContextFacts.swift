import Kernels

/// What is known of one viewer, one title and one situation when a context is put together: on the road, and by who
/// serves. What a caller does not know keeps its neutral value.
public struct ContextFacts: Sendable {
  /// The viewer's vector and the title's, unit length; empty = none.
  public var profile: [Float] = []
  public var content: [Float] = []
  /// Affinity times genre by genre slot.
  public var affinities: [(slot: Int, value: Double)] = []
  public var cosine = 0.0
  /// Five trust parts and the overall score; neutral = those of a title nobody has met.
  public var trust = [0.98, 0.75, 0.56, 0.5, 0, 0.6195]
  /// ln(1 + decayed watches) / ln 1001, at most 1.
  public var popularity = 0.0
  /// exp(-age / 365 d) of the release.
  public var freshness = 0.0
  /// (mean rating - 1) / 4; neutral = that of 3.5.
  public var rating = 0.625
  public var runtimeMinutes = 0.0
  public var isOnPlatform = false
  /// Minutes the viewer has; NaN = unknown.
  public var timeAvailable = Double.nan
  /// Local time, Unix ms.
  public var localTime: Int64 = 0
  /// 0 tv, 1 mobile, 2 web, 3 other, 4 tablet; nil = unknown.
  public var device: Int?
  /// Scaled session six.
  public var session: [Double] = []
  /// Index of the mood (light, intense, thoughtful, relaxing, exciting) and how well the title meets it, 0-1.
  public var mood: (index: Int, match: Double)?
  /// 0 alone, 1 family, 2 date, 3 friends; nil = unknown.
  public var companions: Int?
  /// The viewer's events so far.
  public var events = 0
  /// Diversity tolerance, exploration tendency, recency bias.
  public var traits: [Double] = []
  public var previousReward = 0.0
  public init() {}

  /// ``freshness`` of what came out in a year, at a time in Unix ms.
  public static func freshness(year: Int, at time: Int64) -> Double {
    let days = Double(time) / 86_400_000 - (Double(year) - 1970) * 365.2425
    return Elementary.exp(-max(0, days) / 365)
  }

  /// ln(1 + n) / ln 1001, at most 1: how ``popularity`` and experience are scaled.
  public static func logShare(_ n: Double) -> Double { min(1, Elementary.ln(1 + n) / 6.90875477931522) }

  /// Sets ``cosine`` from profile and content, where both are there.
  public mutating func relate() {
    guard !profile.isEmpty, profile.count == content.count else { return }
    var sum = 0.0
    for i in profile.indices { sum += Double(profile[i]) * Double(content[i]) }
    cosine = max(-1, min(1, sum))
  }
}

extension ContextLayout {
  /// Fills a context; nil where a block (`pairs`) can only come from who decided.
  ///
  /// - Complexity: O(dimension + crosses).
  public func fill(_ facts: ContextFacts) -> [Double]? {
    var x = [Double](repeating: 0, count: dimension)
    for (block, start) in zip(blocks, starts) {
      func put(_ values: some Sequence<Double>) {
        for (i, value) in values.prefix(block.count).enumerated() { x[start + i] = value }
      }
      switch block.source {
      case .bias: x[start] = 1
      case .profile(let range): put(facts.profile.dropFirst(range.lowerBound).prefix(range.count).lazy.map(Double.init))
      case .content(let range): put(facts.content.dropFirst(range.lowerBound).prefix(range.count).lazy.map(Double.init))
      case .affinityGenre(let n):
        for entry in facts.affinities where entry.slot < n { x[start + entry.slot] += entry.value }
      case .cosine: x[start] = facts.cosine
      case .trust: put(facts.trust)
      case .popularity: x[start] = facts.popularity
      case .freshness: x[start] = facts.freshness
      case .rating: x[start] = facts.rating
      case .runtime: x[start] = min(1, facts.runtimeMinutes / 300)
      case .platform: x[start] = facts.isOnPlatform ? 1 : 0
      case .fitsTime:
        x[start] = facts.runtimeMinutes > 0 && facts.runtimeMinutes <= facts.timeAvailable ? 1 : 0
      case .clock: put(CalendarPlace(facts.localTime).circle)
      case .weekend: x[start] = CalendarPlace(facts.localTime).weekday >= 5 ? 1 : 0
      case .season: x[start + CalendarPlace(facts.localTime).season] = 1
      case .device: if let device = facts.device { x[start + min(3, device == 4 ? 1 : device)] = 1 }
      case .screen: if let device = facts.device, let at = [1: 0, 0: 1, 2: 2, 4: 3][device] { x[start + at] = 1 }
      case .dayPart: x[start + CalendarPlace(facts.localTime).hour / 6] = 1
      case .session: put(facts.session)
      case .mood: if let mood = facts.mood, mood.index < 5 { x[start + mood.index] = mood.match }
      case .companions: if let with = facts.companions { x[start + (with + 3) % 4] = 1 }
      case .experience: x[start] = ContextFacts.logShare(Double(facts.events))
      case .traits: put(facts.traits)
      case .previousReward: x[start] = facts.previousReward
      case .crosses: break
      case .pairs: return nil
      }
    }
    x.withUnsafeMutableBufferPointer { cross($0.baseAddress!, crossedSlots) }
    return x
  }

  /// Slots whose products the `crosses` block takes: what a title is by where and with whom it is watched.
  var crossedSlots: [(Int, Int)] {
    func slots(_ names: [String]) -> [Int] { names.flatMap { range($0).map(Array.init) ?? [] } }
    let situation = slots(["device", "companions", "weekend", "experience"])
    return slots(["cosine", "popularity", "rating", "freshness", "runtime"]).flatMap { a in situation.map { (a, $0) } }
  }
}

/// Hour, weekday and season of a moment; no time zone of its own.
struct CalendarPlace {
  let hour: Int
  /// 0 = Monday.
  let weekday: Int
  /// 0 winter (December to February), 1 spring, 2 summer, 3 autumn.
  let season: Int

  init(_ time: Int64) {
    let day = time >= 0 ? time / 86_400_000 : -((-time + 86_399_999) / 86_400_000)
    hour = Int((time - day * 86_400_000) / 3_600_000)
    weekday = Int(((day + 3) % 7 + 7) % 7)
    // Month of a day by Howard Hinnant's civil_from_days.
    let shifted = day + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let ofEra = shifted - era * 146_097
    let year = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
    let ofYear = ofEra - (365 * year + year / 4 - year / 100)
    let place = (5 * ofYear + 2) / 153
    let month = place < 10 ? place + 3 : place - 9
    season = Int(month % 12 / 3)
  }

  /// Hour and weekday as sine and cosine, from tables: the same bits on every machine.
  var circle: [Double] {
    [Self.hourSine[hour], Self.hourSine[(hour + 6) % 24], Self.daySine[weekday], Self.dayCosine[weekday]]
  }

  private static let quarter = [
    0, 0.25881904510252074, 0.5, 0.7071067811865476, 0.8660254037844386, 0.9659258262890683, 1,
  ]
  private static let hourSine = (0..<24).map { h in
    let folded = h % 12 <= 6 ? h % 12 : 12 - h % 12
    return h < 12 ? quarter[folded] : -quarter[folded]
  }
  private static let daySine = [
    0, 0.7818314824680298, 0.9749279121818236, 0.4338837391175582, -0.4338837391175582, -0.9749279121818236,
    -0.7818314824680298,
  ]
  private static let dayCosine = [
    1, 0.6234898018587336, -0.2225209339563144, -0.9009688679024191, -0.9009688679024191, -0.2225209339563144,
    0.6234898018587336,
  ]
}
