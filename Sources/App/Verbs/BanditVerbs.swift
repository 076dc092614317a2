import Bandits
import JSON
import Options
import Pipeline
import Ports
import Telemetry

struct BanditShow: Verb {
  static let about = "Prints the published models, or one with what moves it most."
  static let notes = "With --output json one object a model; of a named one with every coefficient."
  static let settings = ["store.kind", "store.path", "redis.url", "redis.prefix", "state_dir"]
  @Argument("model", "Name of a model; left out = all.", isRequired: false) var model = ""
  @Option("count", short: "c", "How many coefficients of a named model.", in: 1...2048) var count = 12

  func run(_ context: Context) throws {
    let reader = try Worded.errors { try WorkerHost.reader(context.settings) }
    guard model.isEmpty else {
      let found = try ModelStore.one(model, reader)
      return show(found.model, found.version, context)
    }
    let names = try Worded.errors { try PublishedModels.names(in: reader) }
    guard !names.isEmpty else { throw Failure(ExitCode.failed, "no model is published yet") }
    var rows: [[String]] = []
    for name in names {
      guard let (model, version) = try Worded.errors({ try ModelStore.read(name, reader) }) else { continue }
      if context.output.isJSON {
        var json = JSONWriter()
        json.beginObject()
        ModelText.head(model, version, into: &json)
        json.endObject()
        context.output.line(json.text)
      } else {
        let snapshot = model.snapshot
        rows.append([
          name, snapshot.spec.learner.rawValue, snapshot.spec.layout, "\(snapshot.spec.dimension)",
          "\(snapshot.decisions)", "\(snapshot.arms.count)", Telemetry.Timestamp.utc(snapshot.asOf), version,
        ])
      }
    }
    if !context.output.isJSON {
      context.output.table(["MODEL", "LEARNER", "LAYOUT", "SLOTS", "DECISIONS", "ARMS", "AS OF", "VERSION"], rows)
    }
  }

  /// One model: what it was told, and its coefficients by size, with how sure they are.
  private func show(_ model: PublishedModel, _ version: String, _ context: Context) {
    let spec = model.spec
    let slots = ModelText.coefficients(model, ModelStore.slotNames(spec, context.settings))
    if context.output.isJSON {
      var json = JSONWriter()
      json.beginObject()
      ModelText.head(model, version, into: &json)
      json.beginArray("coefficients")
      for slot in slots {
        json.beginObject()
        json.field("slot", slot.name)
        json.field("theta", slot.theta)
        json.field("deviation", slot.deviation)
        json.endObject()
      }
      json.endArray()
      json.endObject()
      return context.output.line(json.text)
    }
    let snapshot = model.snapshot
    context.output.line(
      "\(spec.name)  \(spec.learner.rawValue) over \(spec.layout) (\(spec.dimension) slots)  version \(version)")
    context.output.line(
      "\(snapshot.decisions) decisions, "
        + (spec.learner.hasArms ? "\(snapshot.arms.count) arms, " : "")
        + "as of \(Telemetry.Timestamp.utc(snapshot.asOf))"
        + (snapshot.leftOut > 0 ? ", \(snapshot.leftOut) arms left out to stay below model.max_bytes" : ""))
    context.output.line(
      ModelText.parameters(spec).map { "\($0.name) \(FeatureAnswer.short($0.value))" }.joined(separator: "  "))
    let largest = slots.sorted { abs($0.theta) > abs($1.theta) }.prefix(count)
    guard !largest.isEmpty else { return }
    context.output.table(
      ["SLOT", "THETA", "DEVIATION"],
      largest.map { [$0.name, FeatureAnswer.short($0.theta), $0.deviation.map { FeatureAnswer.short($0) } ?? "-"] })
  }
}

/// What of a model is told in words.
enum ModelText {
  static func head(_ model: PublishedModel, _ version: String, into json: inout JSONWriter) {
    let (spec, snapshot) = (model.spec, model.snapshot)
    json.field("model", spec.name)
    json.field("version", version)
    json.field("learner", spec.learner.rawValue)
    json.field("layout", spec.layout)
    json.field("slots", spec.dimension)
    json.field("decisions", Int64(clamping: snapshot.decisions))
    json.field("arms", snapshot.arms.count)
    json.field("arms_left_out", Int64(clamping: snapshot.leftOut))
    json.field("as_of", snapshot.asOf)
    json.field("weight", snapshot.shared?.weight)
    for (name, value) in [
      ("alpha", spec.alpha), ("lambda", spec.lambda), ("rho", spec.rho), ("gamma", spec.gamma), ("floor", spec.floor),
    ] { json.field(name, value) }
  }

  /// What of the parameters moves this learner or its choices.
  static func parameters(_ spec: ModelSpec) -> [(name: String, value: Double)] {
    let (alpha, lambda, floor) = (("alpha", spec.alpha), ("lambda", spec.lambda), ("floor", spec.floor))
    return switch spec.learner {
    case .shared, .disjoint: [alpha, lambda, floor]
    case .hybrid: [alpha, lambda, ("rho", spec.rho), floor]
    case .thompson: [alpha, lambda]
    case .beta: [alpha]
    case .squarecb: [lambda, ("gamma", spec.gamma)]
    case .linear, .logistic: [("epsilon", max(0.1, spec.floor))]
    }
  }

  /// Coefficients of the part that all arms share, and their standard deviation in units of the reward's noise.
  static func coefficients(_ model: PublishedModel, _ names: [String]) -> [(
    name: String, theta: Double, deviation: Double?
  )] {
    guard let part = model.snapshot.shared else { return [] }
    return part.theta.indices.map { i in
      let diagonal = (i + 1) * (i + 2) / 2 - 1
      return (
        i < names.count ? names[i] : "x\(i)", part.theta[i],
        diagonal < part.inverse.count ? max(0, part.inverse[diagonal]).squareRoot() : nil
      )
    }
  }
}

enum ArmOrder: String, Choice { case weight, mean, name }

struct BanditArms: Verb {
  static let about = "Prints a model's arms: how often each was met and what it is believed to be worth."
  static let notes = """
    The mean and width are those of an average context (all slots 0 but the constant). Models that share one regression \
    (shared, squarecb, linear, logistic) have no arms of their own. --titles prints the arms that titles have where \
    bandit.learn_from is events.
    """
  static let settings = ["store.kind", "store.path", "redis.url", "redis.prefix", "state_dir"]
  @Argument("model", "Name of the model; may be left out where there is one.", isRequired: false) var model = ""
  @Option("by", "What to sort by.") var by = ArmOrder.weight
  @Option("count", short: "c", "How many.", in: 1...1_000_000) var count = 20
  @Option("titles", "Arms of titles instead of a model's.") var titles = false

  func run(_ context: Context) throws {
    let reader = try Worded.errors { try WorkerHost.reader(context.settings) }
    let arms = titles ? try titleArms(reader) : try modelArms(reader, context)
    let sorted = arms.sorted { a, b in
      switch by {
      case .weight where a.weight != b.weight: a.weight > b.weight
      case .mean where a.mean != b.mean: a.mean > b.mean
      default: a.name.utf8.lexicographicallyPrecedes(b.name.utf8)
      }
    }.prefix(count)
    guard context.output.isJSON else {
      return context.output.table(
        ["ARM", "WEIGHT", titles ? "SIZE OF THETA" : "MEAN", "WIDTH"],
        sorted.map {
          [
            $0.name, FeatureAnswer.short($0.weight), FeatureAnswer.short($0.mean),
            $0.width.map { FeatureAnswer.short($0) } ?? "-",
          ]
        })
    }
    for arm in sorted {
      var json = JSONWriter()
      json.beginObject()
      json.field("arm", arm.name)
      json.field("weight", arm.weight)
      json.field(titles ? "theta_norm" : "mean", arm.mean)
      if !titles { json.field("width", arm.width) }
      json.endObject()
      context.output.line(json.text)
    }
  }

  private struct Arm {
    var name: String
    var weight: Double
    var mean: Double
    var width: Double?
  }

  private func modelArms(_ reader: any FeatureReader, _ context: Context) throws -> [Arm] {
    let model = try ModelStore.one(model, reader).model
    guard model.spec.learner.hasArms else {
      throw Failure(
        ExitCode.failed,
        "model \(model.spec.name) is one regression for all arms (\(model.spec.learner.rawValue)); see bandit show")
    }
    var neutral = [Double](repeating: 0, count: model.spec.dimension)
    let names = ModelStore.slotNames(model.spec, context.settings)
    if let bias = names.firstIndex(of: "bias") { neutral[bias] = 1 }
    return model.snapshot.arms.map { arm in
      let estimate = model.estimate(arm.name, neutral)
      return Arm(name: arm.name, weight: arm.part.weight, mean: estimate.mean, width: estimate.width)
    }
  }

  /// `arm:{content}`: theta and count of a title's own arm.
  private func titleArms(_ reader: any FeatureReader) throws -> [Arm] {
    let keys = try Worded.errors { try reader.keys(prefix: "arm:", limit: 1_000_000) }
    guard !keys.isEmpty else { throw Failure(ExitCode.failed, "no title has an arm of its own in the feature store") }
    return try keys.compactMap { key in
      guard let fields = try Worded.errors({ try reader.hash(key) }) else { return nil }
      let count = fields.first { $0.name == "count" }.flatMap { Double(String(decoding: $0.value, as: UTF8.self)) }
      let theta = fields.first { $0.name == "theta" }.map { Floats.read($0.value) } ?? []
      return Arm(
        name: String(key.dropFirst("arm:".count)), weight: count ?? 0,
        mean: theta.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot())
    }
  }
}

/// Little-endian Float32, as vectors are stored.
enum Floats {
  static func read(_ bytes: [UInt8]) -> [Float] {
    stride(from: 0, to: bytes.count - 3, by: 4).map { i in
      Float(bitPattern: (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[i + $1]) << UInt32(8 * $1) })
    }
  }
}
