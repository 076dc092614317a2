import Glibc

/// Lists to and from a viewer's stored row: `[count u32][entries]` each, in an order of their own.
///
/// Layout 3 stores entries as they stand in memory; layout 1 had affinities of 32 bytes and history entries of 16.
extension ListBlock {
  private static let storedOrder: [Index] = [
    .affinities, .historyTitles, .history, .caps, .flags, .ratings, .counts, .decisions, .shown, .decisionIDs,
    .queries, .explicit,
  ]

  static func encode(_ block: ListBlock?, into bytes: inout [UInt8]) {
    guard let block else {
      bytes.append(contentsOf: repeatElement(0, count: Index.count * 4))
      return
    }
    for list in storedOrder {
      let count = block.count(list)
      bytes.put(UInt32(count))
      bytes.append(
        contentsOf: UnsafeRawBufferPointer(start: block.base + block.start(list), count: count * list.stride))
    }
  }

  /// A block that holds just what is stored; one layout's reader.
  static func decode(
    _ reader: inout ByteReader, layout: UInt8, in arena: BlockArena, for place: BlockArena.Place
  ) throws(StateError) {
    var stored: [12 of UnsafeRawPointer?] = .init(repeating: nil)
    var counts = Sizes(repeating: 0)
    for list in storedOrder {
      let at = reader.at
      let count = Int(try reader.take(UInt32.self))
      guard list.rawValue < Index.wide || count <= UInt16.max else { throw .truncated(at: at) }
      counts[list.rawValue] = count
      stored[list.rawValue] = try reader.bytes(count * (layout == 1 ? list.firstStride : list.stride)).baseAddress
    }
    let block = make(in: arena, for: place, counts: counts)
    for list in Index.allCases {
      guard counts[list.rawValue] > 0, let from = stored[list.rawValue] else { continue }
      let to = block.base + block.start(list)
      switch (layout, list) {
      case (1, .affinities): readFirstAffinities(from, counts[list.rawValue], to)
      case (1, .history): readFirstHistory(from, counts[list.rawValue], to)
      default: memcpy(to, from, counts[list.rawValue] * list.stride)
      }
    }
  }

  private static func readFirstAffinities(_ from: UnsafeRawPointer, _ count: Int, _ to: UnsafeMutableRawPointer) {
    for index in 0..<count {
      let at = from + index * 32
      to.storeBytes(
        of: Affinity(
          raw: at.loadUnaligned(as: Double.self), timed: at.loadUnaligned(fromByteOffset: 8, as: Double.self),
          at: at.loadUnaligned(fromByteOffset: 16, as: Int64.self),
          updates: at.loadUnaligned(fromByteOffset: 24, as: UInt32.self),
          genre: at.loadUnaligned(fromByteOffset: 28, as: UInt16.self)),
        toByteOffset: index * MemoryLayout<Affinity>.stride, as: Affinity.self)
    }
  }

  private static func readFirstHistory(_ from: UnsafeRawPointer, _ count: Int, _ to: UnsafeMutableRawPointer) {
    for index in 0..<count {
      to.storeBytes(
        of: HistoryCell((from + index * 16).loadUnaligned(as: HistoryEntry.self)),
        toByteOffset: index * MemoryLayout<HistoryCell>.stride, as: HistoryCell.self)
    }
  }
}

extension ListBlock {
  /// ``Index/stride`` by index.
  static var strides: Sizes {
    [
      1, 1, 1, MemoryLayout<ShownDecision>.stride, 8, 8, 8, 8, MemoryLayout<Affinity>.stride, 4,
      MemoryLayout<HistoryCell>.stride, 8,
    ]
  }
}

extension ListBlock.Index {
  /// Bytes of an entry.
  var stride: Int { ListBlock.strides[rawValue] }

  /// Of an entry in layout 1.
  fileprivate var firstStride: Int {
    switch self {
    case .affinities: 32
    case .history: 16
    default: stride
    }
  }
}
