import Events
import Learners
import Ports

/// Changed rows on their way to the feature store.
extension Road {
  /// True while something changed that no batch holds.
  public var hasUnpublished: Bool { unpublishedRows > 0 }

  /// Rows that changed and that no batch holds.
  var unpublishedRows: Int { publishRows { $0.count } }

  /// Those of them that do not rest until the next period.
  var awakeRows: Int { publishRows { $0.awake } }

  private func publishRows(_ count: (borrowing PublishQueue) -> Int) -> Int {
    var sum = 0
    for shard in 0..<shards {
      sum += count(viewerFolds[shard].publishing) + count(titleFolds[shard].publishing)
      if let pendingFolds { sum += count(pendingFolds[shard].publishing) }
    }
    return sum
  }

  /// Rows that rest are due now.
  func beginPublishPeriod() {
    for shard in 0..<shards {
      viewerFolds[shard].publishing.beginPeriod()
      titleFolds[shard].publishing.beginPeriod()
      pendingFolds?[shard].publishing.beginPeriod()
    }
  }

  /// Changed keys that the store has not confirmed: those that wait, and those under way.
  public var dirtyKeys: Int {
    var count = unpublishedRows
    // What changed again while it is under way waits too, and is one key.
    for keys in [encodedKeys, inFlightKeys] {
      for slot in keys.viewers where !viewerFolds[shard(ofViewer: slot)].publishing.contains(slot) { count += 1 }
      for slot in keys.titles where !titleFolds[shard(ofTitle: slot)].publishing.contains(slot) { count += 1 }
      guard let pendingFolds else { continue }
      for (row, _) in keys.decisions where !pendingFolds[shard(ofDecision: row)].publishing.contains(row) {
        count += 1
      }
    }
    return count
  }

  /// Appends changed rows, at most about `limit`; true when nothing is left but rows that rest.
  ///
  /// Each kind of each shard gives as large a part of what it has as the others, so that none waits for more rounds.
  func publish(into sink: inout StoreFeatureSink, limit: Int, letsRest: Bool = false) -> Bool {
    let rows = letsRest ? awakeRows : unpublishedRows
    let share = PublishShare(limit: limit, of: max(limit, rows), letsRest: letsRest)
    if hasThreads, min(limit, rows) >= Self.encodedSideBySide {
      publishSideBySide(into: &sink, share)
    } else {
      settleArms()
      for shard in 0..<shards { publish(share, shard: shard, into: &sink, keys: &encodedKeys) }
    }
    return letsRest ? awakeRows == 0 : !hasUnpublished
  }

  /// Each shard encodes its own rows; the parts are joined by shard.
  private func publishSideBySide(into sink: inout StoreFeatureSink, _ share: PublishShare) {
    settleArms()
    for part in publishParts.indices {
      publishParts[part].sink.batch.removeAll(version: sink.batch.version)
      publishParts[part].keys.removeAll()
    }
    publishParts.withUnsafeMutableBufferPointer { parts in
      exchange.run(turn: nil) { shard in
        if shard == 0 {
          publish(share, shard: 0, into: &sink, keys: &encodedKeys)
        } else {
          publish(share, shard: shard, into: &parts[shard - 1].sink, keys: &parts[shard - 1].keys)
        }
      }
    }
    for part in publishParts {
      sink.batch.append(part.sink.batch)
      encodedKeys.append(part.keys)
    }
  }

  /// The share of one shard's rows.
  private func publish(
    _ share: PublishShare, shard: Int, into sink: inout StoreFeatureSink, keys: inout BatchKeys
  ) {
    publishViewers(share, shard, into: &sink, keys: &keys)
    publishTitles(share, shard, into: &sink, keys: &keys)
    publishDecisions(share, shard, into: &sink, keys: &keys)
  }

  private func publishViewers(
    _ share: PublishShare, _ shard: Int, into sink: inout StoreFeatureSink, keys: inout BatchKeys
  ) {
    func put(_ slot: UInt32) {
      if viewers.row(slot).pointee.isAlive {
        views.put(viewer: slot, of: self, into: &sink)
      } else {
        views.delete(viewer: ids.viewers.bytes(slot), from: &sink)
        keys.deletes.insert(slot)
      }
      keys.viewers.append(slot)
    }
    let limit = share.part(of: viewerFolds[shard].publishing)
    var ahead = Lookahead()
    viewerFolds[shard].publishing.drain(atMost: limit, letsRest: share.letsRest) { slot in
      ahead.take(slot, far: viewers.prefetch, near: viewers.prefetchLists, put)
    }
    ahead.finish(near: viewers.prefetchLists, put)
  }

  private func publishTitles(
    _ share: PublishShare, _ shard: Int, into sink: inout StoreFeatureSink, keys: inout BatchKeys
  ) {
    let limit = share.part(of: titleFolds[shard].publishing)
    titleFolds[shard].publishing.drain(atMost: limit, letsRest: share.letsRest) { slot in
      guard titles.row(slot).pointee.isAlive else { return }
      views.put(title: slot, of: self, into: &sink)
      keys.titles.append(slot)
    }
  }

  private func publishDecisions(
    _ share: PublishShare, _ shard: Int, into sink: inout StoreFeatureSink, keys: inout BatchKeys
  ) {
    guard let pendingFolds else { return }
    let limit = share.part(of: pendingFolds[shard].publishing)
    pendingFolds[shard].publishing.drain(atMost: limit, letsRest: share.letsRest) { row in
      guard let decision = pendingFolds[shard].decision(row) else { return }
      views.put(decision: decision, of: self, into: &sink)
      keys.decisions.append((row, decision.deletion))
    }
  }

  /// Of the shard that owns a viewer: its thread alone uses it while shards work side by side.
  func historyReader(of viewer: UInt32) -> HistoryReader { historyReaders[shard(ofViewer: viewer)] }

  /// A model learned something and its next snapshot is due.
  func hasDueModels(now: Int64, force: Bool) -> Bool { models?.isDue(now: now, force: force) ?? false }

  /// A model knows something that no snapshot has.
  public var hasUnpublishedModels: Bool { models?.isUnpublished ?? false }

  /// Appends the models' snapshots where they are due.
  func publishModels(into sink: inout StoreFeatureSink, now: Int64, force: Bool) {
    models?.publish(into: &sink, asOf: lastMergeTime, now: now, force: force)
  }

  /// Arms have folded what was handed to them, and titles that lost theirs are due.
  func settleArms() {
    guard let arms else { return }
    arms.settle()
    arms.takeLost { titleFolds[shard(ofTitle: $0)].publishing.mark($0) }
  }

  /// Appends the next part of the sorted sets that are due, or all of them; compact forms have none.
  func publishRankings(into sink: inout StoreFeatureSink, turn: UInt64, now: Int64, force: Bool, whole: Bool) {
    guard hasDueRankings(turn: turn, now: now, force: force) else { return }
    if whole || !rankings.isUnderWay { rankings.begin(turn: turn, now: now, at: max(0, lastMergeTime)) }
    rankings.write(
      into: &sink.batch, whole: whole, titles: titles, catalog: catalog, ids: ids, options: options.learn)
  }

  private var hasRankings: Bool {
    lastMergeTime != .min && options.publish.views.isEmpty
      && (options.learn.folds.contains(.trend) || options.learn.folds.contains(.trust))
  }

  /// Sorted sets that no batch has yet as of this turn: due although nothing else changed since.
  func hasDueRankings(turn: UInt64, now: Int64, force: Bool) -> Bool {
    hasRankings && rankings.isDue(turn: turn, now: now, force: force)
  }

  /// Rows of the batch made last.
  var encodedRows: Int { encodedKeys.viewers.count + encodedKeys.titles.count + encodedKeys.decisions.count }

  /// The batch made last is under way now.
  func handOver() { swap(&encodedKeys, &inFlightKeys) }

  /// The batch under way has arrived.
  ///
  /// - Parameter again: The store had lost some of its rows: all of them are due again.
  func confirmInFlight(again: Bool = false) {
    if again {
      republish(inFlightKeys)
      models?.takeBack()
    }
    if let pendingFolds {
      for (row, deletion) in inFlightKeys.decisions {
        pendingFolds[shard(ofDecision: row)].confirm(row, deletion: deletion)
      }
    }
    models?.confirm()
    // What stood in the state for them goes with the next checkpoint.
    for slot in inFlightKeys.deletes { viewerFolds[shard(ofViewer: slot)].saving.mark(slot) }
    inFlightKeys.removeAll()
  }

  /// The batch under way may not have arrived, and the one made after it was never sent: their keys are due again.
  func republishInFlight() {
    republish(encodedKeys)
    republish(inFlightKeys)
    rankings.forget()
    models?.takeBack()
    for slot in encodedKeys.deletes.union(inFlightKeys.deletes) {
      viewerFolds[shard(ofViewer: slot)].saving.mark(slot)
    }
    encodedKeys.removeAll()
    inFlightKeys.removeAll()
  }

  private func republish(_ keys: borrowing BatchKeys) {
    for slot in keys.viewers { republish(viewer: slot) }
    for slot in keys.titles { titleFolds[shard(ofTitle: slot)].publishing.mark(slot) }
    guard let pendingFolds else { return }
    for (row, _) in keys.decisions { pendingFolds[shard(ofDecision: row)].publishing.mark(row) }
  }

  /// The whole row is due again.
  private func republish(viewer slot: UInt32) {
    viewers.row(slot).pointee.forgetStanding()
    viewerFolds[shard(ofViewer: slot)].publishing.mark(slot)
  }

  /// A viewer ended and the store has not confirmed that its keys are gone.
  func owesDelete(ofViewer slot: UInt32) -> Bool {
    viewerFolds[shard(ofViewer: slot)].publishing.contains(slot) || encodedKeys.deletes.contains(slot)
      || inFlightKeys.deletes.contains(slot)
  }

  /// Every row is due again: the store lost what it had, or what it has is unknown.
  func markAllUnpublished() {
    republishInFlight()
    for slot in 0..<UInt32(ids.viewers.count) where viewers.row(slot).pointee.isAlive { republish(viewer: slot) }
    for slot in 0..<UInt32(ids.titles.count) where titles.row(slot).pointee.isAlive {
      titleFolds[shard(ofTitle: slot)].publishing.mark(slot)
    }
    if let pendingFolds {
      for shard in 0..<shards { for row in pendingFolds[shard].published { pendingFolds[shard].publishing.mark(row) } }
    }
    models?.markUnpublished()
  }
}

/// Rows a batch was made of: due again if it does not arrive.
struct BatchKeys {
  var viewers: [UInt32] = []
  var titles: [UInt32] = []
  /// Rows, and the number of their deletion that goes with it.
  var decisions: [(row: UInt32, deletion: UInt8)] = []
  /// Viewers whose keys it deletes.
  var deletes: Set<UInt32> = []

  mutating func append(_ other: borrowing BatchKeys) {
    viewers += other.viewers
    titles += other.titles
    decisions += other.decisions
    deletes.formUnion(other.deletes)
  }

  mutating func removeAll() {
    viewers.removeAll(keepingCapacity: true)
    titles.removeAll(keepingCapacity: true)
    decisions.removeAll(keepingCapacity: true)
    deletes.removeAll()
  }
}

/// How much of all that waits a batch takes.
struct PublishShare {
  let limit: Int
  let of: Int
  let letsRest: Bool

  /// Rounded up.
  func part(of queue: borrowing PublishQueue) -> Int {
    ((letsRest ? queue.awake : queue.count) * limit + of - 1) / of
  }
}

/// One shard's part of a batch, and the rows it was made of.
struct PublishPart {
  var sink = StoreFeatureSink(batch: FeatureBatch(version: .zero))
  var keys = BatchKeys()
}
