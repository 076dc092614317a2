import JSON

/// Lines of `decisions.resolved` gathered into the arrays of the Open Bandit Pipeline.
///
/// A round is one learned item: `action` numbers its title, `pscore` is its logged propensity, `position` its slot
/// from 0, `reward` what it was worth. OBP's `context` is one per round and knows nothing of the action, so it is the
/// mean of x over what was available in the slot; `action_context` is the mean of x over all rounds in which the title
/// was available; `x` (not OBP's) is the item's own. Of several lines about one item of one decision the last counts.
struct DecisionExport {
  private struct Round {
    var action: Int
    var reward: Double
    var pscore: Double
    var position: Int
    var context: [Double]
    var own: [Double]
    var time: String
  }
  private var rounds: [Round] = []
  /// Round of an item, by its event id.
  private var places: [String: Int] = [:]
  private(set) var actions: [String] = []
  private var numbers: [String: Int] = [:]
  private var sums: [[Double]] = []
  private var counts: [Double] = []
  private var dimension: Int?
  /// Lines left out: no DSJSON of ours, no logged propensity, or no features (of the others' length).
  private(set) var skipped = 0
  var count: Int { rounds.count }
  var dimensionCount: Int { dimension ?? 0 }

  /// Takes one record's value.
  mutating func take(_ value: [UInt8]) {
    guard let line = try? JSONValue(parsing: value), let candidates = line["c"]?["_multi"]?.array,
      let index = line["_labelIndex"]?.int, candidates.indices.contains(index),
      let propensity = line["propensity"]?.double, propensity > 0, let reward = line["reward"]?.double,
      let event = line["EventId"]?.string
    else {
      skipped += 1
      return
    }
    let rows = candidates.map { $0["x"]?.array?.compactMap(\.double) ?? [] }
    let d = dimension ?? rows[index].count
    guard d > 0, rows.allSatisfy({ $0.count == d }), candidates.allSatisfy({ $0["_tag"]?.string != nil }) else {
      skipped += 1
      return
    }
    dimension = d
    var mean = [Double](repeating: 0, count: d)
    for (candidate, x) in zip(candidates, rows) {
      let action = number(candidate["_tag"]!.string!, d)
      for i in 0..<d {
        sums[action][i] += x[i]
        mean[i] += x[i] / Double(rows.count)
      }
      counts[action] += 1
    }
    let id = candidates[index]["_tag"]!.string!
    let round = Round(
      action: number(id, d), reward: reward, pscore: propensity, position: max(0, (line["slot"]?.int ?? 1) - 1),
      context: mean, own: rows[index], time: line["Timestamp"]?.string ?? "")
    if let place = places[event] {
      rounds[place] = round
    } else {
      places[event] = rounds.count
      rounds.append(round)
    }
  }

  private mutating func number(_ id: String, _ d: Int) -> Int {
    if let known = numbers[id] { return known }
    numbers[id] = actions.count
    actions.append(id)
    sums.append(Array(repeating: 0, count: d))
    counts.append(0)
    return actions.count - 1
  }

  /// Name and bytes of each file.
  var files: [(name: String, bytes: [UInt8])] {
    let (n, d) = (rounds.count, dimensionCount)
    func whole(_ value: (Round) -> Int) -> [UInt8] { NumpyFile.bytes(rounds.map { Int64(value($0)) }, shape: [n]) }
    func real(_ value: (Round) -> Double) -> [UInt8] { NumpyFile.bytes(rounds.map(value), shape: [n]) }
    let means = zip(sums, counts).flatMap { sum, count in sum.map { $0 / max(1, count) } }
    var about = JSONWriter()
    about.beginObject()
    about.field("n_rounds", n)
    about.field("n_actions", actions.count)
    about.field("dim_context", d)
    about.field("len_list", (rounds.map(\.position).max() ?? -1) + 1)
    about.field("skipped", skipped)
    about.beginArray("actions")
    for action in actions { about.string(action) }
    about.endArray()
    about.endObject()
    about.newline()
    return [
      ("context.npy", NumpyFile.bytes(rounds.flatMap(\.context), shape: [n, d])),
      ("x.npy", NumpyFile.bytes(rounds.flatMap(\.own), shape: [n, d])),
      ("action_context.npy", NumpyFile.bytes(means, shape: [actions.count, d])),
      ("action.npy", whole(\.action)), ("position.npy", whole(\.position)), ("reward.npy", real(\.reward)),
      ("pscore.npy", real(\.pscore)), ("about.json", about.bytes),
    ]
  }
}
