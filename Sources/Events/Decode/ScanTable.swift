/// A ``PathTable`` as the scanner walks it: flat, padded, and learning which member follows which.
///
/// Producers write members in one order nearly always, so each member remembers its successor: the next key is
/// compared with that one first, 8 bytes at a time, and only searched for when it differs.
struct ScanTable: ~Copyable {
  struct Member {
    /// The name and its closing quote, padded to a multiple of 8.
    var key: UnsafeMutablePointer<UInt8>
    /// Bytes of the name and its quote.
    var length: Int
    var first: UInt64
    var mask: UInt64
    var slot: Int32
    var node: Int32
    /// The member seen after this one last time, -1 at first.
    var next: Int32
  }
  struct Node {
    var start: Int32
    var count: Int32
    /// The member this object began with last time.
    var first: Int32
  }

  let members: UnsafeMutablePointer<Member>
  let nodes: UnsafeMutablePointer<Node>
  let memberCount: Int
  let rootSlot: Int

  init(_ table: PathTable) {
    memberCount = table.nodes.reduce(0) { $0 + $1.count }
    members = .allocate(capacity: max(1, memberCount))
    nodes = .allocate(capacity: table.nodes.count)
    rootSlot = table.rootSlot
    var at = 0
    for (n, list) in table.nodes.enumerated() {
      nodes[n] = Node(start: Int32(at), count: Int32(list.count), first: list.isEmpty ? -1 : Int32(at))
      for (i, member) in list.enumerated() {
        let length = member.name.count + 1
        let padded = (length + 7) & ~7
        let key = UnsafeMutablePointer<UInt8>.allocate(capacity: padded)
        key.initialize(repeating: 0, count: padded)
        for (j, byte) in member.name.enumerated() { key[j] = byte }
        key[length - 1] = 0x22
        let mask: UInt64 = length >= 8 ? .max : (1 << UInt64(8 * length)) - 1
        members[at] = Member(
          key: key, length: length, first: UnsafeRawPointer(key).loadUnaligned(as: UInt64.self), mask: mask,
          slot: Int32(member.slot), node: Int32(member.node), next: i + 1 < list.count ? Int32(at + 1) : -1)
        at += 1
      }
    }
  }

  deinit {
    for i in 0..<memberCount { members[i].key.deallocate() }
    members.deallocate()
    nodes.deallocate()
  }
}
