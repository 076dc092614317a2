/// The members a mapping asks for, as a trie over their names; each has a slot where the scanner leaves its value.
struct PathTable: Sendable {
  struct Member: Sendable {
    var name: [UInt8]
    /// -1 = known, not captured.
    var slot: Int
    /// Node of its own members, -1 when nothing inside is asked for.
    var node: Int
  }
  /// Node 0 is the root object.
  var nodes: [[Member]] = [[]]
  var slotCount = 0
  /// Slot of the root itself (path `$`), -1 when nobody asks.
  var rootSlot = -1

  /// The slot of a path.
  mutating func slot(_ path: [String]) -> Int { add(path, slot: nil) }

  /// Gives a path a slot that another table knows.
  mutating func put(_ path: [String], slot: Int) { _ = add(path, slot: slot) }

  /// Marks a member of the root as known.
  mutating func know(_ name: String) {
    let name = Array(name.utf8)
    if !nodes[0].contains(where: { $0.name == name }) { nodes[0].append(Member(name: name, slot: -1, node: -1)) }
  }

  private mutating func add(_ path: [String], slot given: Int?) -> Int {
    if path.isEmpty {
      if rootSlot < 0 { rootSlot = given ?? fresh() }
      return rootSlot
    }
    var node = 0
    for (depth, part) in path.enumerated() {
      let name = Array(part.utf8)
      let last = depth == path.count - 1
      var at = nodes[node].firstIndex { $0.name == name }
      if at == nil {
        nodes[node].append(Member(name: name, slot: -1, node: -1))
        at = nodes[node].count - 1
      }
      if nodes[node][at!].slot < 0 { nodes[node][at!].slot = last ? given ?? fresh() : fresh() }
      if last { return nodes[node][at!].slot }
      if nodes[node][at!].node < 0 {
        nodes.append([])
        nodes[node][at!].node = nodes.count - 1
      }
      node = nodes[node][at!].node
    }
    return -1
  }

  private mutating func fresh() -> Int {
    slotCount += 1
    return slotCount - 1
  }
}
