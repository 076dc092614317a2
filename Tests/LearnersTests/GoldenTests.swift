import Events
import Foundation
import Kernels
import Testing

@testable import Learners

/// The worked cases of `goldens.json` that concern trust, profiles, reward values, drift and sessions.
struct GoldenTests {
  struct Case {
    var id: String
    var function: String
    var input: [String: Any]
    var output: Any

    func number(_ name: String) -> Double {
      if let value = input[name] as? NSNumber { return value.doubleValue }
      guard let text = input[name] as? String else { return .nan }
      let parts = text.split(separator: "/").map { Double($0)! }
      return parts.count == 2 ? parts[0] / parts[1] : parts[0]
    }
    func numbers(_ name: String) -> [Double] { (input[name] as! [NSNumber]).map(\.doubleValue) }
    func flag(_ name: String) -> Bool { (input[name] as? NSNumber)?.boolValue ?? false }
    var preset: TrustPreset { TrustPreset.named(input["profile"] as? String ?? "v2")! }
  }

  static let rows: Set<String> = [
    "C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "C9", "D1", "D2", "D3", "D4", "D5", "D6", "D7", "D8", "D9", "D10",
    "E6", "E7", "G8", "G9", "F1", "B5", "B6",
  ]

  static func cases() throws -> [Case] {
    (try golden("goldens.json") as! [[String: Any]]).filter { !rows.isDisjoint(with: $0["rows"] as! [String]) }.map {
      Case(
        id: $0["id"] as! String, function: $0["fn"] as! String, input: $0["in"] as! [String: Any], output: $0["out"]!)
    }
  }

  static let ids: [String] = ((try? cases()) ?? []).map(\.id)

  @Test(arguments: ids)
  func `a worked case comes out as written`(_ id: String) throws {
    let c = try Self.cases().first { $0.id == id }!
    let got = try #require(try result(c), "no such function: \(c.function)")
    let found = difference(c.output, got, at: c.id, tolerance: 1.0e-6)
    #expect(found == nil)
  }

  @Test func `there are cases to run`() { #expect(Self.ids.count > 90) }

  private func result(_ c: Case) throws -> Any? {
    switch c.function {
    case "source_reliability":
      var preset = c.preset
      preset.freshRate = c.number("lambda")
      return preset.source(uptime: c.number("uptime"), ageDays: c.number("age_days"), official: c.flag("official"))
    case "metadata_accuracy":
      return c.preset.metadata(
        validation: c.number("cross_validation"), completeness: c.number("completeness"),
        corrections: c.number("corrections"))
    case "availability_confidence":
      var preset = c.preset
      if c.input["rate"] != nil { preset.checkRate = c.number("rate") }
      let age = c.input["age_days"] is NSNull ? nil : c.number("age_days")
      return preset.availability(
        deepLink: c.flag("deep_link"), available: c.number("available"), unavailable: c.number("unavailable"),
        ageDays: age)
    case "recommendation_quality":
      return c.preset.quality(
        impressions: c.number("impressions"), clicks: c.number("clicks"), completions: c.number("completions"),
        mean: c.number("avg_rating"), ratings: c.number("num_ratings"))
    case "preference_confidence":
      return c.preset.preference(
        impressions: c.number("impressions"), clicks: c.number("clicks"), ratings: c.number("ratings"))
    case "trust_overall":
      var score = TrustScore()
      let parts = c.numbers("components")
      (score.source, score.metadata, score.availability) = (parts[0], parts[1], parts[2])
      (score.quality, score.preference) = (parts[3], parts[4])
      return TrustPreset.v2.overall(score)
    case "running_mean": return runningMean(c.numbers("ratings"))
    case "trust_at": return trustAt(c)
    case "reward": return rewards(c)
    case "relative_drift": return drift(c)
    default: return try profile(c)
    }
  }

  private func profile(_ c: Case) throws -> Any? {
    switch c.function {
    case "engagement":
      return EngagementWeights().score(
        completion: c.number("completion"), liked: c.flag("liked"), favorited: c.flag("favorited"),
        shared: c.flag("shared"), skippedEarly: c.flag("skipped_early"), pausedFrequently: c.flag("paused_frequently"))
    case "ema", "ema_bias_corrected":
      let fold = ProfileBench(decay: c.number("decay"))
      let values = c.numbers("seq").map { fold.feel($0, start: c.input["start"] == nil ? 0 : c.number("start")) }
      return c.function == "ema" ? values : fold.corrected
    case "embedding_ema":
      let fold = ProfileBench(dimension: 3)
      return fold.move(c.numbers("u"), toward: c.numbers("c"), by: c.number("g"))
    case "temporal_histogram": return ProfileBench().hours(c.numbers("hours"))
    case "history_weight":
      // Against an entry of weight 1 now, at right angles, a direction tells the weight.
      let fold = ProfileBench(dimension: 3)
      fold.catalogue("A", [1, 0, 0], [])
      fold.catalogue("B", [0, 1, 0], [])
      let vector = fold.history([("A", c.number("rating"), c.number("days")), ("B", 5, 0)], genreShare: 0)
      return vector[0] / vector[1]
    case "user_embedding":
      let fold = ProfileBench(dimension: 3)
      fold.catalogue("A", [1, 0, 0], ["sci-fi", "drama"])
      fold.catalogue("B", [0, 1, 0], ["drama"])
      fold.catalogue("C", [0, 0, 1], ["comedy"])
      fold.catalogue("D", [-1, 2, 0], ["drama"])  // makes e2 the mean of drama
      return fold.history([("A", 5, 0), ("B", 4, 15), ("C", 1, 3)], genreShare: 0.3)
    case "forward_decay_mean":
      let fold = ProfileBench(dimension: 3)
      fold.catalogue("A", [1, 0, 0], [])
      fold.catalogue("B", [0, 1, 0], [])
      let unit = fold.history([("A", 5, 30), ("B", 4, 15)], genreShare: 0)
      let sum = unit.reduce(0, +)  // the mean's entries add up to 1, the vector is of unit length
      return unit.map { $0 / sum }
    case "weighted_mean":
      let fold = ProfileBench(dimension: 3, form: .d6)
      fold.catalogue("A", [1, 0, 0], [])
      fold.catalogue("B", [0, 1, 0], [])
      return fold.history([("A", 5, 0), ("B", 3, 0)], genreShare: 0)
    case "entropy":
      let nats = Entropy.nats(c.numbers("counts"))
      return ["nats": nats, "bits": nats / Elementary.ln(2)]
    case "session_features":
      var session = SessionFeatures()
      session.hours = c.number("duration_ms") / 3_600_000
      session.pageViews = c.number("pageViews")
      session.interactions = c.number("interactions")
      session.conversions = c.number("conversionEvents")
      session.bounceRate = c.number("bounceRate")
      let (plain, scaled) = (session.plain, session.scaled)
      return ["seed": plain.indices.map { plain[$0] }, "scaled": scaled.indices.map { scaled[$0] }]
    default: return nil
    }
  }

  private func runningMean(_ ratings: [Double]) -> [Double] {
    let fold = ProfileBench()
    return ratings.enumerated().map { index, stars in fold.rate("A", stars, viewer: "u\(index)", days: 0) }
  }

  private func trustAt(_ c: Case) -> Any {
    let m = Case(id: c.id, function: "", input: c.input["metrics"] as! [String: Any], output: 0)
    var preset = c.preset
    preset.freshRate = c.number("lambda")
    let now = 1_800_000_000_000.0
    var facts = TitleFacts()
    facts.isKnown = true
    facts.uptime = m.number("uptime")
    facts.isOfficial = m.flag("official")
    facts.validation = m.number("cross_validation")
    facts.completeness = m.number("completeness")
    facts.lastUpdated = Int64(now - m.number("age_days") * 86_400_000)
    var row = TitleRow()
    row.deepLink = m.flag("deep_link")
    row.s.corrections = Int64(m.number("corrections"))
    row.s.available = Int64(m.number("available"))
    row.s.unavailable = Int64(m.number("unavailable"))
    row.s.lastCheck = Int64(now - m.number("check_age_days") * 86_400_000)
    row.s.impressions = Int64(m.number("impressions"))
    row.s.clicks = Int64(m.number("clicks"))
    row.s.completions = Int64(m.number("completions"))
    row.s.ratingCount = Int64(m.number("num_ratings"))
    row.s.ratingHalfStars = Int64((m.number("num_ratings") * m.number("avg_rating") * 2).rounded())
    let score = row.trust(at: Int64(now + c.number("days_later") * 86_400_000), facts, preset)
    let named = [
      "SR": score.source, "MA": score.metadata, "AC": score.availability, "RQ": score.quality, "PC": score.preference,
      "overall": score.overall,
    ]
    if c.output is NSNumber { return score.overall }
    let wanted = (c.output as! [String: Any]).keys
    return Dictionary(
      uniqueKeysWithValues: wanted.map { key in
        let names = ["source_reliability": "SR", "availability_confidence": "AC"]
        return (key, named[names[key] ?? key] ?? .nan)
      })
  }

  private func rewards(_ c: Case) -> Any {
    let signals: [String: RewardSignal] = [
      "click": .click, "view": .view, "like": .like, "share": .share, "purchase": .purchase, "ignore": .ignore,
      "skip": .skip, "dislike": .dislike, "block": .block, "favorite": .favorite, "watch_complete": .watchComplete,
      "watch_partial": .watchPartial, "rate": .rate,
    ]
    func optional(_ name: String) -> Double? { c.input[name] is NSNumber ? c.number(name) : nil }
    var values: [String: Double] = [:]
    for table in ["seed-s3", "seed-s4", "media-v1"] {
      values[table] = RewardTable.named(table)!.value(
        signals[c.input["action"] as! String]!, completion: optional("completion") ?? 0, stars: optional("rating") ?? 0,
        feedbackMs: Int32(optional("time_to_feedback_ms") ?? -1), position: UInt16(optional("position") ?? 0))
    }
    return values
  }

  private func drift(_ c: Case) -> Any {
    let verdict = DriftRule.judge(
      current: c.number("current"), baseline: c.number("baseline"), threshold: c.number("threshold"),
      higherIsBetter: c.flag("higher_is_better"))
    return [
      "relative": verdict.relative, "signed": verdict.signed, "fires": verdict.fires,
      "direction": verdict.direction.map { $0.rawValue as Any } ?? NSNull(),
    ] as [String: Any]
  }
}
