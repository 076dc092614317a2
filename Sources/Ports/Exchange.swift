/// What shards leave for each other within a turn, block by block.
public enum ExchangeStage: UInt8, Sendable, CaseIterable {
  /// A block's records in their order, each with the shard of its viewer: left by shard 0.
  case order
  /// The effects of a block's records on everything but their viewers: each shard leaves those of its own viewers.
  case viewer
}

/// Carries a turn through the shards: what one leaves beside a block's events is there for the others, whoever owns
/// the rows it touches.
///
/// *Local* shares memory and only says that it is there. A carrier over Kafka takes the same calls: it sends what is
/// left by key, under (turn, shard, block, index), and counts a block when the others' part has arrived.
public protocol Exchange: AnyObject {
  /// Shards it runs side by side.
  var shards: Int { get }
  /// Runs a turn once per shard; returns when all are done.
  ///
  /// - Parameter turn: nil = work between turns, of which nothing crosses.
  func run(turn: UInt64?, _ work: (_ shard: Int) -> Void)
  /// This shard has left its part of the next block of a stage.
  func leave(_ stage: ExchangeStage, by shard: Int)
  /// How many blocks of this turn everybody who leaves something in this stage has left.
  func blocks(_ stage: ExchangeStage) -> Int
  func stop()
}
