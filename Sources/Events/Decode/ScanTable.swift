/// A ``PathTable`` as the scanner walks it: flat, padded, and learning which member follows which.
///
/// Producers write members in one order and with the same blanks nearly always, so each member remembers its successor
/// and what stood before its value, from the comma to the colon: both are compared at once, and only where they differ
/// is the key searched for.
struct ScanTable: ~Copyable {
  struct Member {
    /// The name and its closing quote.
    var key: UnsafeMutablePointer<UInt8>
    /// Bytes of the name and its quote.
    var length: Int
    var slot: Int32
    var node: Int32
    /// The member seen after this one last time, -1 at first.
    var next: Int32
    /// What stood between the value before and this one's.
    var lead: Lead
  }
  struct Node {
    var start: Int32
    var count: Int32
    /// The member this object began with last time.
    var first: Int32
    /// What stood from the brace to its value.
    var lead: Lead
  }

  /// Up to 32 bytes that were read as `,"name":` once, blanks included: met again, they mean the same.
  struct Lead {
    /// 32 bytes.
    let bytes: UnsafeMutablePointer<UInt8>
    /// 0 = nothing learned.
    private(set) var length = 0
    private(set) var mask: UInt32 = 0

    init() {
      bytes = .allocate(capacity: 32)
      bytes.initialize(repeating: 0, count: 32)
    }

    mutating func learn(_ from: UnsafePointer<UInt8>, _ count: Int) {
      guard count > 0, count <= 32 else { return }
      bytes.update(from: from, count: count)
      length = count
      mask = UInt32.max >> UInt32(32 - count)
    }
  }

  let members: UnsafeMutablePointer<Member>
  let nodes: UnsafeMutablePointer<Node>
  let memberCount: Int
  let nodeCount: Int
  let rootSlot: Int

  init(_ table: PathTable) {
    memberCount = table.nodes.reduce(0) { $0 + $1.count }
    nodeCount = table.nodes.count
    members = .allocate(capacity: max(1, memberCount))
    nodes = .allocate(capacity: nodeCount)
    rootSlot = table.rootSlot
    var at = 0
    for (n, list) in table.nodes.enumerated() {
      nodes[n] = Node(start: Int32(at), count: Int32(list.count), first: list.isEmpty ? -1 : Int32(at), lead: Lead())
      for (i, member) in list.enumerated() {
        let length = member.name.count + 1
        let key = UnsafeMutablePointer<UInt8>.allocate(capacity: length)
        for (j, byte) in member.name.enumerated() { key[j] = byte }
        key[length - 1] = 0x22
        members[at] = Member(
          key: key, length: length, slot: Int32(member.slot), node: Int32(member.node),
          next: i + 1 < list.count ? Int32(at + 1) : -1, lead: Lead())
        at += 1
      }
    }
  }

  deinit {
    for i in 0..<memberCount {
      members[i].key.deallocate()
      members[i].lead.bytes.deallocate()
    }
    for i in 0..<nodeCount { nodes[i].lead.bytes.deallocate() }
    members.deallocate()
    nodes.deallocate()
  }
}
