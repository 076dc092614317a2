/// Layouts as the configuration writes them: the name of one that ships, or a list of blocks.
extension ContextLayout {
  /// - Parameter names: `media-100`, `w1`, `pairs(3,4,5)` (group sizes), or blocks such as `bias`,
  ///   `profile[0..<64]`, `content[0..<26]`, `affinity(30)`, `device`, `crosses(24)`. nil = ``fault(in:)`` says why.
  public init?(parsing names: [String]) {
    if names.count == 1 {
      switch names[0] {
      case "media-100": self = .media100
      case "w1": self = .w1
      default:
        if let (head, inner) = Self.parts(names[0]), head == "pairs" {
          let groups = inner.split(separator: ",").compactMap { Int($0.trimmed) }
          guard !groups.isEmpty, groups.allSatisfy({ $0 > 0 }), Self.pairCount(groups) <= 1024 else { return nil }
          self = .pairs(groups: groups)
          return
        }
        guard let block = Self.block(names[0]) else { return nil }
        self.init(name: names[0], [block])
      }
      return
    }
    let blocks = names.compactMap(Self.block)
    guard !blocks.isEmpty, blocks.count == names.count, Set(blocks.map(\.name)).count == blocks.count else {
      return nil
    }
    self.init(name: names.joined(separator: ","), blocks)
    if dimension > 1024 { return nil }
  }

  /// Why a list is no layout; nil = it is one.
  public static func fault(in names: [String]) -> String? {
    if ContextLayout(parsing: names) != nil { return nil }
    guard names.count > 1 else {
      return "\(names.first ?? "nothing") is neither media-100, w1, pairs(A,B) nor a block"
    }
    if let wrong = names.first(where: { block($0) == nil }) { return "\(wrong) is no block" }
    return "blocks are named once and have at most 1,024 slots together"
  }

  /// Name and what stands in the brackets.
  private static func parts(_ text: String) -> (head: String, inner: String)? {
    guard let open = text.firstIndex(where: { $0 == "(" || $0 == "[" }), text.last == ")" || text.last == "]" else {
      return nil
    }
    return (String(text[..<open]), String(text[text.index(after: open)...].dropLast()))
  }

  private static func block(_ text: String) -> ContextBlock? {
    let (head, inner) = parts(text) ?? (text, "")
    func range() -> Range<Int>? {
      guard let dots = inner.firstIndex(of: "."), inner[dots...].hasPrefix("..<"), let low = Int(inner[..<dots]),
        let high = Int(inner[inner.index(dots, offsetBy: 3)...]), low >= 0, low < high, high <= 1024
      else { return nil }
      return low..<high
    }
    if head == "profile" || head == "content" {
      return range().map { ContextBlock(head, head == "profile" ? .profile($0) : .content($0)) }
    }
    if head == "affinity" || head == "crosses" {
      guard let n = Int(inner.isEmpty ? (head == "affinity" ? "30" : "24") : inner), n > 0, n <= 512 else { return nil }
      return head == "affinity"
        ? ContextBlock(head, .affinityGenre(n)) : ContextBlock(head, .crosses(n), limit: 2)
    }
    guard inner.isEmpty, let source = plainBlocks[head] else { return nil }
    return ContextBlock(head, source)
  }

  private static let plainBlocks: [String: ContextBlock.Source] = [
    "bias": .bias, "cosine": .cosine, "trust": .trust, "popularity": .popularity, "freshness": .freshness,
    "rating": .rating, "runtime": .runtime, "platform": .platform, "fits": .fitsTime, "clock": .clock,
    "weekend": .weekend, "season": .season, "device": .device, "screen": .screen, "daypart": .dayPart,
    "session": .session,
    "mood": .mood, "companions": .companions, "experience": .experience, "traits": .traits,
    "previous_reward": .previousReward,
  ]
}

extension StringProtocol {
  fileprivate var trimmed: SubSequence {
    var text = self[...]
    while text.first == " " { text.removeFirst() }
    while text.last == " " { text.removeLast() }
    return text
  }
}
