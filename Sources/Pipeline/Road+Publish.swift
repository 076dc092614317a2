import Events
import Learners
import Ports

/// Changed rows on their way to the feature store.
extension Road {
  /// True while something changed that no batch holds.
  public var hasUnpublished: Bool {
    for shard in 0..<shards {
      if viewerFolds[shard].publishing.count > 0 || titleFolds[shard].publishing.count > 0 { return true }
      if let pendingFolds, pendingFolds[shard].publishing.count > 0 { return true }
    }
    return false
  }

  /// Changed keys that the store has not confirmed: those that wait, and those under way.
  public var dirtyKeys: Int {
    var count = 0
    for shard in 0..<shards {
      count += viewerFolds[shard].publishing.count + titleFolds[shard].publishing.count
      if let pendingFolds { count += pendingFolds[shard].publishing.count }
    }
    // What changed again while it is under way waits too, and is one key.
    for slot in inFlightViewers where !viewerFolds[shard(ofViewer: slot)].publishing.contains(slot) { count += 1 }
    for slot in inFlightTitles where !titleFolds[shard(ofTitle: slot)].publishing.contains(slot) { count += 1 }
    if let pendingFolds {
      for (row, _) in inFlightDecisions where !pendingFolds[shard(ofDecision: row)].publishing.contains(row) {
        count += 1
      }
    }
    return count
  }

  /// Appends changed rows, at most about `limit`; true when nothing is left.
  ///
  /// Viewers and titles of each shard take turns at being first, so that no crowd of one holds the others back.
  func publish(into sink: inout StoreFeatureSink, limit: Int) -> Bool {
    var left = limit
    publishRound &+= 1
    for step in 0..<(3 * shards) {
      let place = (publishRound &+ step) % (3 * shards)
      switch place / shards {
      case 0: left -= publishViewers(shard: place, into: &sink, limit: left)
      case 1: left -= publishTitles(shard: place - shards, into: &sink, limit: left)
      default: left -= publishDecisions(shard: place - 2 * shards, into: &sink, limit: left)
      }
    }
    return !hasUnpublished
  }

  private func publishViewers(shard: Int, into sink: inout StoreFeatureSink, limit: Int) -> Int {
    viewerFolds[shard].publishing.drain(atMost: limit) { slot in
      if viewers.row(slot).pointee.isAlive {
        views.put(viewer: slot, of: self, into: &sink)
      } else {
        views.delete(viewer: ids.viewers.bytes(slot), from: &sink)
        unconfirmedDeletes.insert(slot)
      }
      inFlightViewers.append(slot)
    }
  }

  private func publishTitles(shard: Int, into sink: inout StoreFeatureSink, limit: Int) -> Int {
    guard limit > 0 else { return 0 }
    settleArms()
    return titleFolds[shard].publishing.drain(atMost: limit) { slot in
      guard titles.row(slot).pointee.isAlive else { return }
      views.put(title: slot, of: self, into: &sink)
      inFlightTitles.append(slot)
    }
  }

  private func publishDecisions(shard: Int, into sink: inout StoreFeatureSink, limit: Int) -> Int {
    guard let pendingFolds else { return 0 }
    return pendingFolds[shard].publishing.drain(atMost: limit) { row in
      guard let decision = pendingFolds[shard].decision(row) else { return }
      views.put(decision: decision, of: self, into: &sink)
      inFlightDecisions.append((row, decision.deletion))
    }
  }

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

  /// Appends the sorted sets where they are due; compact forms have none.
  func publishRankings(into sink: inout StoreFeatureSink, turn: UInt64, now: Int64, force: Bool) {
    guard hasRankings, rankings.isDue(turn: turn, now: now, force: force) else { return }
    Rankings.write(
      into: &sink.batch, titles: titles, catalog: catalog, ids: ids, options: options.learn, at: max(0, lastMergeTime))
  }

  private var hasRankings: Bool {
    lastMergeTime != .min && options.publish.views.isEmpty
      && (options.learn.folds.contains(.trend) || options.learn.folds.contains(.trust))
  }

  /// Sorted sets that no batch has yet as of this turn: due although nothing else changed since.
  func hasDueRankings(turn: UInt64, now: Int64, force: Bool) -> Bool {
    hasRankings && rankings.mayBeDue(turn: turn, now: now, force: force)
  }

  func confirmInFlight() {
    inFlightViewers.removeAll(keepingCapacity: true)
    inFlightTitles.removeAll(keepingCapacity: true)
    if let pendingFolds {
      for (row, deletion) in inFlightDecisions {
        pendingFolds[shard(ofDecision: row)].confirm(row, deletion: deletion)
      }
      inFlightDecisions.removeAll(keepingCapacity: true)
    }
    models?.confirm()
    // What stood in the state for them goes with the next checkpoint.
    for slot in unconfirmedDeletes { viewerFolds[shard(ofViewer: slot)].saving.mark(slot) }
    unconfirmedDeletes.removeAll()
  }

  /// The batch under way may not have arrived: its keys are due again.
  func republishInFlight() {
    for slot in inFlightViewers { viewerFolds[shard(ofViewer: slot)].publishing.mark(slot) }
    for slot in inFlightTitles { titleFolds[shard(ofTitle: slot)].publishing.mark(slot) }
    rankings.forget()
    if let pendingFolds {
      for (row, _) in inFlightDecisions { pendingFolds[shard(ofDecision: row)].publishing.mark(row) }
      inFlightDecisions.removeAll(keepingCapacity: true)
    }
    models?.takeBack()
    confirmInFlight()
  }

  /// Every row is due again: the store lost what it had, or what it has is unknown.
  func markAllUnpublished() {
    republishInFlight()
    for slot in 0..<UInt32(ids.viewers.count) where viewers.row(slot).pointee.isAlive {
      viewerFolds[shard(ofViewer: slot)].publishing.mark(slot)
    }
    for slot in 0..<UInt32(ids.titles.count) where titles.row(slot).pointee.isAlive {
      titleFolds[shard(ofTitle: slot)].publishing.mark(slot)
    }
    if let pendingFolds {
      for shard in 0..<shards { for row in pendingFolds[shard].published { pendingFolds[shard].publishing.mark(row) } }
    }
    models?.markUnpublished()
  }
}
