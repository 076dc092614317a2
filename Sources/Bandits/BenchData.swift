import JSON

/// One data set of `bench learn`: decisions with contexts per candidate, and what each candidate would pay.
public struct BenchData: Sendable {
  public enum Variant: String, Sendable, CaseIterable {
    case stationary, drift, slates, chained, coffee
  }
  /// One decision: candidates by arm, their contexts, their rewards.
  public struct Decision: Sendable {
    var arms: [Int]
    /// One per candidate, or one for all.
    var contexts: [[Double]]
    var rewards: [Double]
    /// Replay: the arm whose reward is known; -1 = all are.
    var logged = -1
  }
  public let name: String
  public let variants: [Variant]
  public let dimension: Int
  public let armCount: Int
  /// Arms keep a residual of their own (few arms, each met often).
  public let armsPersist: Bool
  let decisions: [Decision]
  let permutations: [[Int]]
  /// Name, mean, standard error (nil = one run) of stored peers and bounds, per variant.
  public let peers: [(variant: Variant, name: String, mean: Double, error: Double?)]

  /// Reads a folder by what it holds; nil when it is none of the layouts.
  public static func load(_ path: String) throws(DataError) -> BenchData? {
    if DataFile.exists(path + "/jester.csv.gz") { return try jester(path) }
    if DataFile.exists(path + "/slates.csv.gz") { return try slates(path) }
    if DataFile.exists(path + "/permutations.csv.gz") { return try replay(path) }
    if DataFile.exists(path + "/coffee.json") { return try coffee(path) }
    return nil
  }

  /// 33 numbers for 8 arms; under drift arm k pays what arm k + 3 paid, from the middle on.
  private static func jester(_ path: String) throws(DataError) -> BenchData {
    let table = try Table(path + "/jester.csv.gz")
    let contexts = try table.numbers(table.columns(numbered: "x"))
    let ratings = try table.numbers(table.columns(numbered: "y"))
    let decisions = contexts.indices.map { row in
      Decision(
        arms: Array(ratings[row].indices), contexts: [[1] + contexts[row].map { $0 / 10 }],
        rewards: ratings[row].map { ($0 + 10) / 20 })
    }
    var peers: [(Variant, String, Double, Double?)] = []
    if let json = try json(path + "/results_peers.json") {
      for (member, variant) in [("vw_stationary", Variant.stationary), ("vw_drift", .drift)] {
        peers += results(json[member]).map { (variant, "VW " + $0.0, $0.1, $0.2) }
      }
      for best in json["vw_best_6_runs"]?.object ?? [] {
        peers += results(best.value).map {
          (Variant(rawValue: $0.0) ?? .stationary, "VW best: " + best.key, $0.1, $0.2)
        }
      }
      peers += results(json["mabwiser_stationary"]).map { (.stationary, "MABWiser " + $0.0, $0.1, $0.2) }
    }
    for file in ["/results_own.json", "/results_own_6runs.json"] {
      for own in try json(path + file)?.object ?? [] {
        if let value = own.value.double {
          peers.append((.stationary, "bound " + own.key, value, nil))
          continue
        }
        peers += results(own.value).compactMap { result in
          Variant(rawValue: result.0).map { ($0, "reference " + own.key, result.1, result.2) }
        }
      }
    }
    return BenchData(
      name: "jester", variants: [.stationary, .drift], dimension: decisions[0].contexts[0].count,
      armCount: ratings[0].count, armsPersist: true, decisions: decisions, permutations: [], peers: peers)
  }

  /// 41 numbers per film and viewer, 10 films a slate.
  private static func slates(_ path: String) throws(DataError) -> BenchData {
    let items = try Table(path + "/items.csv.gz")
    let users = try Table(path + "/users.csv.gz")
    let slates = try Table(path + "/slates.csv.gz")
    func byKey(_ table: Table, _ columns: [Int]) throws(DataError) -> [String: [Double]] {
      let rows = try table.numbers(columns)
      var all: [String: [Double]] = [:]
      for row in rows.indices { all[table.rows[row][0]] = rows[row] }
      return all
    }
    let genres = try byKey(items, items.columns(from: "g_"))
    let facts = try byKey(items, [items.column("year_c"), items.column("logpop"), items.column("mean_c")])
    let tastes = try byKey(users, users.columns(from: "p_"))
    let means = try byKey(users, [users.column("mean_rating_c")])
    var index: [String: Int] = [:]
    for row in items.rows.indices { index[items.rows[row][0]] = row }
    let user = try slates.column("user")
    let itemColumns = slates.columns(numbered: "item")
    let ratingColumns = slates.columns(numbered: "rating")
    var decisions: [Decision] = []
    for row in slates.rows.indices {
      guard let taste = tastes[slates.rows[row][user]], let mean = means[slates.rows[row][user]] else {
        throw DataError("\(path)/slates.csv.gz, line \(row + 2): unknown user")
      }
      var decision = Decision(arms: [], contexts: [], rewards: [])
      for (item, rating) in zip(itemColumns, ratingColumns) {
        let id = slates.rows[row][item]
        guard let g = genres[id], let fact = facts[id], let arm = index[id] else {
          throw DataError("\(path)/slates.csv.gz, line \(row + 2): unknown item \(id)")
        }
        decision.arms.append(arm)
        decision.contexts.append([1] + g + fact + mean + zip(g, taste).map { $0 * $1 })
        decision.rewards.append(try slates.number(row, rating) == 5 ? 1 : 0)
      }
      decisions.append(decision)
    }
    var peers: [(Variant, String, Double, Double?)] = []
    peers += results(try json(path + "/results_peers.json")?["vw"]).map { (.slates, "VW " + $0.0, $0.1, $0.2) }
    peers += results(try json(path + "/results_own.json")).map { (.slates, "reference " + $0.0, $0.1, $0.2) }
    return BenchData(
      name: "slates-ml100k", variants: [.slates], dimension: decisions[0].contexts[0].count, armCount: index.count,
      armsPersist: false, decisions: decisions, permutations: [], peers: peers)
  }

  /// 42 numbers per viewer, 20 films; only the logged film's reward is known.
  private static func replay(_ path: String) throws(DataError) -> BenchData {
    let contexts = try Table(path + "/contexts.csv.gz")
    let numbers = try contexts.numbers(contexts.columns(from: "x"))
    var byUser: [String: [Double]] = [:]
    for row in numbers.indices { byUser[contexts.rows[row][0]] = numbers[row] }
    let events = try Table(path + "/events.csv.gz")
    let (user, arm, reward) = (try events.column("user"), try events.column("arm"), try events.column("reward"))
    var decisions: [Decision] = []
    let armCount = Int(try events.numbers([arm]).map { $0[0] }.max() ?? 0) + 1
    for row in events.rows.indices {
      guard let x = byUser[events.rows[row][user]] else {
        throw DataError("\(path)/events.csv.gz, line \(row + 2): unknown user")
      }
      let logged = Int(try events.number(row, arm))
      var rewards = [Double](repeating: 0, count: armCount)
      rewards[logged] = try events.number(row, reward)
      decisions.append(Decision(arms: Array(0..<armCount), contexts: [x], rewards: rewards, logged: logged))
    }
    let orders = try Table(path + "/permutations.csv.gz", header: false)
    let permutations = orders.rows.map { $0.compactMap { Int($0) } }
    guard permutations.allSatisfy({ $0.allSatisfy { $0 >= 0 && $0 < decisions.count } }) else {
      throw DataError("\(path)/permutations.csv.gz names events that are not there")
    }
    var peers: [(Variant, String, Double, Double?)] = []
    peers += results(try json(path + "/results_peers.json")?["replay_chained"]).map {
      (.chained, "VW " + $0.0, $0.1, $0.2)
    }
    peers += results(try json(path + "/results_own_chained.json")).map { (.chained, "reference " + $0.0, $0.1, $0.2) }
    return BenchData(
      name: "replay-ml100k", variants: [.chained], dimension: numbers[0].count, armCount: armCount, armsPersist: true,
      decisions: decisions, permutations: permutations, peers: peers)
  }

  /// 36 contexts, 4 coffees; the layout is `pairs` over person, weather and time of day.
  private static func coffee(_ path: String) throws(DataError) -> BenchData {
    guard let coffees = try json(path + "/coffee.json")?.array?.compactMap({ $0["id"]?.string }),
      let users = try json(path + "/users.json")?.object
    else { throw DataError("\(path): coffee.json and users.json hold no coffees and users") }
    let weathers = users.first?.value.object?.map(\.key) ?? []
    let times = users.first?.value[weathers.first ?? ""]?.object?.map(\.key) ?? []
    let layout = ContextLayout.pairs(groups: [users.count, weathers.count, times.count])
    var decisions: [Decision] = []
    for (u, user) in users.enumerated() {
      for (w, weather) in weathers.enumerated() {
        for (t, time) in times.enumerated() {
          let wanted = user.value[weather]?[time]?.string
          decisions.append(
            Decision(
              arms: Array(coffees.indices), contexts: [layout.pairs([u, w, t])],
              rewards: coffees.map { $0 == wanted ? 1 : 0 }))
        }
      }
    }
    let stored: [(Variant, String, Double, Double?)] = [
      (.coffee, "bound reachable at 20 % uniform", 0.85, nil), (.coffee, "bound best constant", 0.306, nil),
      (.coffee, "VW with interactions, best", 0.868, nil),
      (.coffee, "reference disjoint LinUCB, pairs, 20 % uniform", 0.862, nil),
      (.coffee, "reference disjoint LinUCB, pairs, adaptive", 0.915, nil),
    ]
    return BenchData(
      name: "coffee", variants: [.coffee], dimension: layout.dimension, armCount: coffees.count, armsPersist: true,
      decisions: decisions, permutations: [], peers: stored)
  }

  private static func json(_ path: String) throws(DataError) -> JSONValue? {
    guard DataFile.exists(path) else { return nil }
    do {
      return try JSONValue(parsing: try DataFile.bytes(path))
    } catch let error as DataError {
      throw error
    } catch {
      throw DataError("\(path): \(error)")
    }
  }

  /// Name, mean, standard error of every result in an object.
  private static func results(_ value: JSONValue?) -> [(String, Double, Double?)] {
    (value?.object ?? []).compactMap { member in
      if let value = member.value.double { return (member.key, value, nil) }
      guard let reward = member.value["reward"] ?? member.value["ctr"] else { return nil }
      if let value = reward.double { return (member.key, value, nil) }
      return reward["mean"]?.double.map { (member.key, $0, reward["se"]?.double) }
    }
  }
}
