import JSON

/// `check bandits`: both forms of the disjoint learner against stored answers.
///
/// The Double form must meet them; the production form's differences are counted and shown.
public struct ReferenceCheck {
  public struct Section: Sendable {
    public var name: String
    public var forms: [FormReport]
    public var tolerance: Double
    /// Thompson shares: largest difference in standard errors of the reference; nil = not in this folder.
    public var shares: Double?
    /// The first form is judged.
    public var isRight: Bool {
      (forms[0].worst <= tolerance) && forms[0].choices.allSatisfy { $0.differing == 0 } && (shares ?? 0) <= 4
    }
  }
  public private(set) var sections: [Section] = []
  public var isRight: Bool { sections.allSatisfy(\.isRight) }

  /// Runs every sub-folder, `stress.json` and published top-ten lists under `data` (and the folder itself).
  public init(data: String, write: String? = nil) throws(DataError) {
    let nested = OutFile.folders(data).filter { DataFile.exists(data + "/" + $0 + "/sequence.csv.gz") }
    for name in nested { try run(data + "/" + name, name, write) }
    if nested.isEmpty, DataFile.exists(data + "/sequence.csv.gz") {
      try run(data, data.split(separator: "/").last.map(String.init) ?? "data", write)
    }
    if DataFile.exists(data + "/stress.json") { try stress(data + "/stress.json") }
    for folder in [data, data + "/mab2rec-ml100k", data + "/../mab2rec-ml100k"]
    where DataFile.exists(folder + "/data_train.csv.gz") {
      try lists(folder)
      break
    }
    if sections.isEmpty { throw DataError("nothing to check in \(data)") }
  }

  private mutating func run(_ path: String, _ name: String, _ write: String?) throws(DataError) {
    let folder = try ReferenceFolder(path, name: name)
    let scale = folder.scale
    let (exact, shares) = Self.replay(folder, DisjointModel<Exact>(scale: scale, lambda: folder.lambda), "double")
    let (production, _) = Self.replay(
      folder, DisjointModel<Production>(scale: scale, lambda: folder.lambda), "production")
    let (inverse, _) = Self.replay(
      folder, InverseModel<Exact>(scale: scale, lambda: folder.lambda), "inverse double")
    let (single, _) = Self.replay(
      folder, InverseModel<Production>(scale: scale, lambda: folder.lambda), "inverse float")
    sections.append(
      Section(name: name, forms: [exact, production, inverse, single], tolerance: 1e-9, shares: shares))
    if let write {
      try OutFile.makeFolder(write + "/" + name)
      try OutFile.write(exact.csv, to: write + "/" + name + "/double.csv")
      try OutFile.write(production.csv, to: write + "/" + name + "/production.csv")
    }
  }

  private static func replay<M: BanditModel>(_ folder: ReferenceFolder, _ fresh: M, _ form: String) -> (
    FormReport, Double?
  ) {
    var report = FormReport(form)
    var model = fresh
    var done = 0
    for checkpoint in folder.checkpoints {
      while done < min(checkpoint.n, folder.logged.count) {
        model.learn(
          folder.logged[done], folder.contexts[done], reward: folder.rewards[done][folder.logged[done]], at: 0)
        done += 1
      }
      model.publish(at: 0)
      for arm in 0..<folder.armCount {
        let answer: JSONValue? = arm < checkpoint.arms.count ? .some(checkpoint.arms[arm]) : Optional.none
        let mean = ReferenceFolder.numbers(answer?["mean"])
        let width = ReferenceFolder.numbers(answer?["width"])
        let narrow = ReferenceFolder.numbers(answer?["ucb_a0_2"])
        let wide = ReferenceFolder.numbers(answer?["ucb_a1_0"])
        for (p, probe) in folder.probes.enumerated() {
          let estimate = model.estimate(arm, probe)
          report.csv += "\(checkpoint.n),\(arm),\(p),\(estimate.mean),\(estimate.width)\n"
          report.note("mean", estimate.mean, p < mean.count ? mean[p] : nil)
          report.note("width", estimate.width, p < width.count ? width[p] : nil)
          report.note("ucb", estimate.mean + 0.2 * estimate.width, p < narrow.count ? narrow[p] : nil)
          report.note("ucb", estimate.mean + estimate.width, p < wide.count ? wide[p] : nil)
        }
        guard let answer else { continue }
        if let disjoint = model as? any SolvedArms {
          note(
            disjoint.posterior(arm) ?? Posterior(dimension: folder.dimension, lambda: folder.lambda), answer, &report)
        }
      }
    }
    for (alpha, choices) in folder.closedLoops {
      var loop = fresh
      var differing = 0
      for t in 0..<min(choices.count, folder.contexts.count) {
        let scores = (0..<folder.armCount).map { arm in
          let estimate = loop.estimate(arm, folder.contexts[t])
          return estimate.mean + alpha * estimate.width
        }
        let chosen = Exploration.argmax(scores)
        if chosen != choices[t] { differing += 1 }
        loop.learn(chosen, folder.contexts[t], reward: folder.rewards[t][chosen], at: 0)
      }
      report.choices.append((alpha, differing, choices.count))
    }
    var shares: Double?
    if !folder.winShares.isEmpty, form == "double" {
      while done < folder.logged.count {
        model.learn(
          folder.logged[done], folder.contexts[done], reward: folder.rewards[done][folder.logged[done]], at: 0)
        done += 1
      }
      var most = 0.0
      for (v, probes) in folder.winShares {
        for (p, expected) in probes.enumerated() {
          let own = Belief.winners(
            (0..<folder.armCount).map { arm in
              let estimate = model.estimate(arm, folder.probes[p])
              return .normal(mean: estimate.mean, deviation: v * estimate.width)
            })
          for (a, b) in zip(own, expected) {
            most = max(most, abs(a - b) / max((a * (1 - a) / 400_000).squareRoot(), 1.0 / 400_000))
          }
        }
      }
      shares = most
    }
    return (report, shares)
  }

  private static func note(_ posterior: Posterior, _ answer: JSONValue, _ report: inout FormReport) {
    let d = posterior.dimension
    for (i, reference) in ReferenceFolder.numbers(answer["theta"]).enumerated() where i < d {
      report.note("theta", posterior.theta[i], reference)
    }
    for (i, reference) in ReferenceFolder.numbers(answer["Ainv_diag"]).enumerated() where i < d {
      report.note("A^-1 diagonal", posterior.inverse(i, i), reference)
    }
    for (i, reference) in ReferenceFolder.numbers(answer["Ainv_row0"]).enumerated() where i < d {
      report.note("A^-1 row 0", posterior.inverse(i, 0), reference)
    }
    report.note("ln det A", posterior.logDeterminant, answer["logdetA"]?.double)
    let trace = (0..<d).reduce(0.0) { $0 + posterior.inverse($1, $1) }
    report.note("trace of the draw", 0.25 * trace, answer["ts_cov_trace_v0_5"]?.double)
  }
}

/// A model whose arms can be looked into.
protocol SolvedArms {
  func posterior(_ arm: Int) -> Posterior?
}
extension DisjointModel: SolvedArms {}

extension ReferenceCheck {
  /// 100,000 ill-conditioned updates against 60-digit answers.
  private mutating func stress(_ path: String) throws(DataError) {
    let json: JSONValue
    do {
      json = try JSONValue(parsing: try DataFile.bytes(path))
    } catch let error as DataError {
      throw error
    } catch {
      throw DataError("\(path): \(error)")
    }
    for run in json["runs"]?.array ?? [] {
      guard let seed = run["seed"]?.int64, let d = run["d"]?.int, let near = run["near"]?.double,
        let factor = run["scale"]?.double
      else { throw DataError("\(path): a run without seed, d, near or scale") }
      var limits = [Double](repeating: 1, count: d)
      limits[d - 1] = max(1, factor / 2)
      let scale = ContextScale(limits: limits)
      sections.append(
        Section(
          name: "stress, seed \(seed)",
          forms: [
            Self.stressed(run, DisjointModel<Exact>(scale: scale), "double", UInt64(seed), d, near, factor),
            Self.stressed(run, DisjointModel<Production>(scale: scale), "production", UInt64(seed), d, near, factor),
            Self.stressed(run, InverseModel<Exact>(scale: scale), "inverse double", UInt64(seed), d, near, factor),
            Self.stressed(run, InverseModel<Production>(scale: scale), "inverse float", UInt64(seed), d, near, factor),
          ], tolerance: 1e-6))
    }
  }

  private static func stressed<M: BanditModel>(
    _ run: JSONValue, _ fresh: M, _ form: String, _ seed: UInt64, _ d: Int, _ near: Double, _ factor: Double
  ) -> FormReport {
    var report = FormReport(form)
    var model = fresh
    var random = SplitMix(seed: seed)
    var x = [Double](repeating: 0, count: d)
    var done = 0
    let checkpoints = (run["checkpoints"]?.object ?? []).compactMap { m in Int(m.key).map { ($0, m.value) } }
    for (n, answer) in checkpoints.sorted(by: { $0.0 < $1.0 }) {
      while done < n {
        let u = (0...d).map { _ in random.uniform() }
        for j in 0..<d { x[j] = u[j] - 0.5 }
        x[0] = 1
        x[1] = x[2] + near * u[1]
        x[d - 1] *= factor
        let p = 0.3 + 0.3 * x[2] + 0.1 * (u[3] - 0.5)
        model.learn(0, x, reward: u[d] < p ? 1 : 0, at: 0)
        done += 1
      }
      model.publish(at: 0)
      for probe in ["probe_mid", "probe_collinear"] {
        let context = ReferenceFolder.numbers(answer[probe]?["x"])
        guard context.count == d else { continue }
        let estimate = model.estimate(0, context)
        report.note("mean", estimate.mean, answer[probe]?["mean"]?.double, relative: true)
        report.note("width", estimate.width, answer[probe]?["width"]?.double, relative: true)
      }
    }
    return report
  }

  /// Published top-ten lists of a batch-trained disjoint LinUCB: every user's ten best items and their scores.
  private mutating func lists(_ path: String) throws(DataError) {
    let users = try Table(path + "/features_user.csv.gz")
    let features = try users.numbers(users.columns(numbered: "u"))
    let train = try Table(path + "/data_train.csv.gz")
    var contexts: [String: [Double]] = [:]
    for row in users.rows.indices { contexts[users.rows[row][0]] = features[row] }
    let scale = ContextScale(dimension: features.first?.count ?? 0, limit: 1)
    var forms = [FormReport("double"), FormReport("production")]
    try Self.top(path, train, contexts, DisjointModel<Exact>(scale: scale), &forms[0])
    try Self.top(path, train, contexts, DisjointModel<Production>(scale: scale), &forms[1])
    sections.append(Section(name: "published top-ten lists", forms: forms, tolerance: 1e-9))
  }

  private static func top<M: BanditModel>(
    _ path: String, _ train: Table, _ contexts: [String: [Double]], _ fresh: M, _ report: inout FormReport
  ) throws(DataError) {
    var model = fresh
    var items: [String] = []
    var index: [String: Int] = [:]
    for row in train.rows.indices {
      guard let x = contexts[train.rows[row][0]] else { throw DataError("\(path): a user without features") }
      let item = train.rows[row][1]
      if index[item] == nil {
        index[item] = items.count
        items.append(item)
      }
      model.learn(index[item]!, x, reward: try train.number(row, 2), at: 0)
    }
    model.publish(at: 0)
    for alpha in [0.2, 1.0] {
      let file = path + "/expected_top10_linucb_\(alpha).csv.gz"
      guard DataFile.exists(file) else { continue }
      let expected = try Table(file)
      let itemColumns = expected.columns(numbered: "item")
      let scoreColumns = expected.columns(numbered: "ucb")
      var differing = 0
      for row in expected.rows.indices {
        guard let x = contexts[expected.rows[row][0]] else { throw DataError("\(file): a user without features") }
        let scores = items.indices.map { arm in
          let estimate = model.estimate(arm, x)
          return estimate.mean + alpha * estimate.width
        }
        let order = items.indices.sorted { scores[$0] > scores[$1] || (scores[$0] == scores[$1] && $0 < $1) }
        for (place, column) in itemColumns.enumerated() {
          if items[order[place]] != expected.rows[row][column] { differing += 1 }
          report.note("ucb", scores[order[place]], try expected.number(row, scoreColumns[place]))
        }
      }
      report.choices.append((alpha, differing, expected.rows.count * itemColumns.count))
    }
  }

  /// The report as text, both forms side by side.
  public var text: String {
    var lines: [String] = []
    for section in sections {
      lines.append("\(section.name): \(section.isRight ? "right" : "WRONG") (tolerance \(section.tolerance))")
      for form in section.forms {
        let errors = form.errors.map { "\($0.quantity) \(OutFile.scientific($0.error))" }.joined(separator: ", ")
        let choices = form.choices.map { "alpha \($0.alpha): \($0.differing) of \($0.of) choices differ" }
        let name = form.form + String(repeating: " ", count: max(0, 15 - form.form.count))
        lines.append("  \(name) \(([errors] + choices).filter { !$0.isEmpty }.joined(separator: "; "))")
      }
      if let shares = section.shares {
        lines.append("  thompson        win shares within \(OutFile.decimal(shares, 2)) standard errors")
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The same on one line.
  public var json: String {
    let rows = sections.map { section in
      let forms = section.forms.map { form in
        let errors = form.errors.map { "\"\($0.quantity)\":\($0.error.isFinite ? String($0.error) : "null")" }
        let choices = form.choices.map { "{\"alpha\":\($0.alpha),\"differing\":\($0.differing),\"of\":\($0.of)}" }
        return "{\"form\":\"\(form.form)\",\"errors\":{\(errors.joined(separator: ","))},"
          + "\"choices\":[\(choices.joined(separator: ","))]}"
      }
      return "{\"folder\":\"\(section.name)\",\"right\":\(section.isRight),\"tolerance\":\(section.tolerance),"
        + "\"forms\":[\(forms.joined(separator: ","))]}"
    }
    return "{\"right\":\(isRight),\"folders\":[\(rows.joined(separator: ","))]}"
  }
}
