/// Stages of the road that shards fold side by side.
public enum ExchangeStage: UInt8, Sendable, CaseIterable {
  case viewer, title
}

/// Hands a turn from stage to stage: what one stage left beside the events is there for the next, whoever owns the
/// rows it touches.
///
/// *Local* owns everything and is a fork and join over threads. A carrier over Kafka takes the same call: it sends the
/// effects of a stage by key, under (turn, shard, index), and returns when the stage's own part has arrived.
public protocol Exchange: AnyObject {
  /// Shards it runs side by side.
  var shards: Int { get }
  /// Runs one stage of a turn once per shard; returns when all are done.
  func run(_ stage: ExchangeStage, turn: UInt64, _ work: (_ shard: Int) -> Void)
  func stop()
}
