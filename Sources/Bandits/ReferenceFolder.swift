import JSON

/// One folder of the reference layout: a sequence of logged decisions, and the answers at checkpoints.
struct ReferenceFolder {
  struct Checkpoint {
    var n: Int
    /// Per arm; empty = not compared.
    var arms: [JSONValue]
  }
  let name: String
  let dimension: Int
  let armCount: Int
  let lambda: Double
  let logged: [Int]
  let rewards: [[Double]]
  let contexts: [[Double]]
  let probes: [[Double]]
  let checkpoints: [Checkpoint]
  /// Key ("alpha_0.2") to the arm at every step.
  let closedLoops: [(alpha: Double, choices: [Int])]
  let winShares: [(v: Double, probes: [[Double]])]

  init(_ path: String, name: String) throws(DataError) {
    self.name = name
    let table = try Table(path + "/sequence.csv.gz")
    let arm = try table.column("arm")
    logged = try table.numbers([arm]).map { Int($0[0]) }
    rewards = try table.numbers(table.columns(numbered: "r"))
    contexts = try table.numbers(table.columns(numbered: "x"))
    let json: JSONValue
    do {
      json = try JSONValue(parsing: try DataFile.bytes(path + "/expected.json.gz"))
    } catch let error as DataError {
      throw error
    } catch {
      throw DataError("\(path)/expected.json.gz: \(error)")
    }
    dimension = json["d"]?.int ?? contexts.first?.count ?? 0
    armCount = json["K"]?.int ?? rewards.first?.count ?? 0
    lambda = json["lambda_"]?.double ?? 1
    probes = ReferenceFolder.matrix(json["probes"])
    checkpoints = (json["checkpoints"]?.object ?? []).compactMap { member in
      Int(member.key).map { Checkpoint(n: $0, arms: member.value.array ?? []) }
    }.sorted { $0.n < $1.n }
    closedLoops = (json["closed_loop"]?["runs"]?.object ?? []).compactMap { member in
      guard let alpha = Double(member.key.dropFirst("alpha_".count)) else { return nil }
      if let text = member.value["choices"]?.string {
        return (alpha, text.utf8.map { Int($0) - 48 })
      }
      return (alpha, (member.value["choices"]?.array ?? []).compactMap(\.int))
    }
    winShares = (json["thompson"]?["win_probability"]?.object ?? []).compactMap { member in
      Double(member.key.dropFirst("v_".count)).map { ($0, ReferenceFolder.matrix(member.value)) }
    }
    guard contexts.allSatisfy({ $0.count == dimension }), rewards.allSatisfy({ $0.count == armCount }),
      probes.allSatisfy({ $0.count == dimension }), logged.allSatisfy({ $0 >= 0 && $0 < armCount })
    else { throw DataError("\(path): columns, d and K do not fit together") }
  }

  static func numbers(_ value: JSONValue?) -> [Double] { (value?.array ?? []).compactMap(\.double) }
  static func matrix(_ value: JSONValue?) -> [[Double]] { (value?.array ?? []).map { numbers($0) } }

  /// Ranges of the production form: what the folder's contexts reach.
  var scale: ContextScale {
    var limits = [Double](repeating: 0x1p-10, count: dimension)
    for x in contexts + probes { for i in x.indices { limits[i] = max(limits[i], abs(x[i])) } }
    return ContextScale(limits: limits)
  }
}

/// Largest difference per quantity of one form, and where its choices differ.
public struct FormReport: Sendable {
  public let form: String
  /// |difference| / max(1, |reference|), in order of first appearance.
  public private(set) var errors: [(quantity: String, error: Double)] = []
  public var choices: [(alpha: Double, differing: Int, of: Int)] = []
  public var csv = "n,arm,probe,mean,width\n"

  init(_ form: String) { self.form = form }

  mutating func note(_ quantity: String, _ value: Double, _ reference: Double?, relative: Bool = false) {
    guard let reference else { return }
    let size = relative ? max(abs(reference), 1e-300) : max(1, abs(reference))
    var error = abs(value - reference) / size
    if error.isNaN { error = .infinity }
    if let at = errors.firstIndex(where: { $0.quantity == quantity }) {
      errors[at].error = max(errors[at].error, error)
    } else {
      errors.append((quantity, error))
    }
  }
  public var worst: Double { errors.reduce(0) { max($0, $1.error) } }
}
