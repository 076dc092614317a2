import CSys
import Options

/// How many shards fold side by side: a number, or as many as the machine has processors for.
public enum ShardCount: OptionValue, Hashable {
  case auto
  case fixed(Int)

  private static let range = 1...64
  /// More pay only where one thread's part, reading and order, is the smaller one: `docs/PERFORMANCE.md`.
  private static let mostByItself = 4

  public static let shape = Shape(
    "auto, or a number from 1 to 64", .string, pattern: "^(auto|[1-9]|[1-5][0-9]|6[0-4])$", integers: range)

  public init(_ node: Node) throws(BadValue) {
    if try node.scalar() == "auto" {
      self = .auto
      return
    }
    guard let count = try? Int(node), Self.range.contains(count) else {
      throw BadValue("must be auto or a whole number from 1 to 64")
    }
    self = .fixed(count)
  }

  public var node: Node {
    switch self {
    case .auto: Node("auto")
    case .fixed(let count): count.node
    }
  }

  /// - Parameter hasArms: Arms that learn from every event take most of the work, on a thread of their own.
  func count(hasArms: Bool) -> Int {
    switch self {
    case .fixed(let count): count
    case .auto: hasArms ? 1 : max(1, min(Self.mostByItself, Self.processors))
    }
  }

  /// Processors that this process may use: of the machine, by its affinity and by its control group's quota.
  static var processors: Int {
    let count = Int(csys_processors())
    // "200000 100000": microseconds of a period; "max" where there is no quota.
    let quota = FileSystem.read("/sys/fs/cgroup/cpu.max").map { String(decoding: $0, as: UTF8.self) } ?? ""
    let parts = quota.split { $0 == " " || $0 == "\n" }.compactMap { Int($0) }
    return parts.count == 2 && parts[1] > 0 ? min(count, max(1, parts[0] / parts[1])) : count
  }
}
