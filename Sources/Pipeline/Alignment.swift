/// What the alignment knows of one partition.
struct PartitionState {
  /// Waiting entries' newest merge time (or the last one folded); `Int64.min` when nothing was read yet.
  var lastTime: Int64
  /// All that was written before this start has been read.
  var hasCaughtUp: Bool
  /// The broker is known to hold more than was read.
  var isBehind: Bool
  /// For how long it has been behind, in nanoseconds.
  var behindNs: Int64
}

/// How far a turn may fold: everything before (time, partition), and that partition's own records at that time.
struct FoldBound: Equatable {
  var time: Int64
  /// Partitions up to this index may fold records of exactly `time`; those after it may not.
  var source: Int
  static let unlimited = FoldBound(time: .max, source: .max)
}

/// Decides how far partitions may fold without overtaking one another.
///
/// Records fold in the order (merge time, topic, partition, offset); a partition that is known to have more holds
/// the others at its own newest record. During the first catch-up without limit, afterwards for at most `maxWaitNs`
/// of wall time. One that is caught up never holds anybody, so live latency pays nothing.
struct Alignment {
  var maxWaitNs: Int64

  func bound(_ partitions: some Sequence<PartitionState>) -> FoldBound {
    var bound = FoldBound.unlimited
    for (source, partition) in partitions.enumerated() {
      let holds = !partition.hasCaughtUp || (partition.isBehind && partition.behindNs < maxWaitNs)
      guard holds else { continue }
      // What it will still bring sorts after its newest record.
      if partition.lastTime < bound.time { bound = FoldBound(time: partition.lastTime, source: source) }
    }
    return bound
  }
}
