import Kernels
import Ports

/// What a state says of itself: its place in every log, its version, its timers. Saved in the same transaction as
/// the rows, so the two can never disagree.
public struct Manifest: Sendable, Equatable {
  /// Format of the rows; another one is migrated or refused, never misread.
  public static let format: UInt32 = 1
  /// Changes whenever the same log would fold to other bytes.
  public static let maths: UInt32 = 1

  public struct SourceState: Sendable, Equatable {
    public var partition: TopicPartition
    /// Next offset to read.
    public var next: Int64
    /// Running maximum of the merge time; `Int64.min` before the first event.
    public var maximum: Int64
    /// The newest record folded: its offset (-1 = none) and hash. A topic made again does not have it.
    public var lastOffset: Int64 = -1
    public var lastHash: UInt64 = 0
    public init(partition: TopicPartition, next: Int64, maximum: Int64) {
      self.partition = partition
      self.next = next
      self.maximum = maximum
    }
  }
  public var group = ""
  public var logIdentity = ""
  public var lineage: UInt32 = 0
  public var epoch: UInt32 = 0
  /// Last turn this state contains.
  public var turn: UInt64 = 0
  /// The worker stopped after this checkpoint with nothing planned behind it.
  public var isClean = false
  public var fingerprint: UInt64 = 0
  public var sources: [SourceState] = []
  public var nextSweep: Int64 = .min
  /// Greatest merge time folded, and the wall time then: the idle frontier grows from these.
  public var lastMergeTime: Int64 = .min
  public var lastMergeWall: Int64 = 0
  /// Every change up to this turn was confirmed by the feature store.
  public var publishedTurn: UInt64 = 0
  public var dedupTail: UInt64 = 0
  public var dedupHead: UInt64 = 0
  public var symbols: [String] = [""]
  /// Totals by counter.
  public var tally: [UInt64] = []
  public var eventsFolded: UInt64 = 0
  /// The first complete read of the reference topics is contained.
  public var hasReference = false

  public init() {}

  public var encoded: [UInt8] {
    var bytes: [UInt8] = []
    bytes.put(Self.format)
    bytes.put(Self.maths)
    bytes.putText(group)
    bytes.putText(logIdentity)
    bytes.put(lineage)
    bytes.put(epoch)
    bytes.put(turn)
    bytes.put(UInt8(isClean ? 1 : 0))
    bytes.put(fingerprint)
    bytes.put(UInt32(sources.count))
    for source in sources {
      bytes.putText(source.partition.topic)
      bytes.put(source.partition.partition)
      bytes.put(source.next)
      bytes.put(source.maximum)
      bytes.put(source.lastOffset)
      bytes.put(source.lastHash)
    }
    bytes.put(nextSweep)
    bytes.put(lastMergeTime)
    bytes.put(lastMergeWall)
    bytes.put(publishedTurn)
    bytes.put(dedupTail)
    bytes.put(dedupHead)
    bytes.put(UInt32(symbols.count))
    for word in symbols { bytes.putText(word) }
    bytes.put(UInt32(tally.count))
    for n in tally { bytes.put(n) }
    bytes.put(eventsFolded)
    bytes.put(UInt8(hasReference ? 1 : 0))
    return bytes
  }

  public init(decoding bytes: [UInt8]) throws(StateFault) {
    self.init()
    var fault: StateFault?
    bytes.withUnsafeBytes { raw in
      var reader = ByteReader(raw)
      let format = reader.take(UInt32.self)
      let maths = reader.take(UInt32.self)
      guard format == Self.format, maths == Self.maths else {
        fault = .format(
          "the state is of format \(format), maths \(maths); this program writes format \(Self.format), maths \(Self.maths). Rebuild it from the log: thalweg state rebuild"
        )
        return
      }
      group = reader.takeText()
      logIdentity = reader.takeText()
      lineage = reader.take(UInt32.self)
      epoch = reader.take(UInt32.self)
      turn = reader.take(UInt64.self)
      isClean = reader.take(UInt8.self) == 1
      fingerprint = reader.take(UInt64.self)
      for _ in 0..<reader.take(UInt32.self) where !reader.isTorn {
        let topic = reader.takeText()
        let partition = reader.take(Int32.self)
        var source = SourceState(
          partition: TopicPartition(topic, partition), next: reader.take(Int64.self), maximum: reader.take(Int64.self))
        source.lastOffset = reader.take(Int64.self)
        source.lastHash = reader.take(UInt64.self)
        sources.append(source)
      }
      nextSweep = reader.take(Int64.self)
      lastMergeTime = reader.take(Int64.self)
      lastMergeWall = reader.take(Int64.self)
      publishedTurn = reader.take(UInt64.self)
      dedupTail = reader.take(UInt64.self)
      dedupHead = reader.take(UInt64.self)
      symbols.removeAll()
      for _ in 0..<reader.take(UInt32.self) where !reader.isTorn { symbols.append(reader.takeText()) }
      for _ in 0..<reader.take(UInt32.self) where !reader.isTorn { tally.append(reader.take(UInt64.self)) }
      eventsFolded = reader.take(UInt64.self)
      hasReference = reader.take(UInt8.self) == 1
      if reader.isTorn || reader.remaining > 0 { fault = .corrupt("the manifest is cut short") }
    }
    if let fault { throw fault }
  }
}
