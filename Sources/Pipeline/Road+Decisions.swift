import Bandits
import Events
import Kernels
import Learners

/// Waiting decisions and models as the dump and the status show them.
extension Road {
  /// Decisions waiting for a reward, feedback waiting for its decision, and their declared bytes.
  public var pendingDecisions: (waiting: Int, early: Int, bytes: Int) {
    guard let pendingFolds else { return (0, 0, 0) }
    return (0..<shards).reduce(into: (0, 0, 0)) { sum, shard in
      sum.0 += pendingFolds[shard].waiting
      sum.1 += pendingFolds[shard].early
      sum.2 += pendingFolds[shard].bytes
    }
  }

  /// The models that learn here; empty where none does.
  /// How the arms of titles stand, for metrics; nil where titles have none. Between turns only.
  public func lookAtArms() -> ArmHealth? { arms?.look() }

  public var learningModels: [LearningModel] { models?.models ?? [] }

  /// Snapshots published since the start, and those that were larger than `model.max_bytes`.
  public var modelSnapshots: (published: UInt64, tooLarge: UInt64) {
    models.map { ($0.snapshots, $0.tooLarge) } ?? (0, 0)
  }

  /// Stored parts of models under other settings than these: deleted with the next checkpoint.
  var foreignModelRows: Int { models?.foreignRows.count ?? 0 }

  /// Decisions by viewer and id, sorted.
  func eachDecision(_ body: ([UInt8], PendingDecision) -> Void) {
    guard let pendingFolds else { return }
    var all: [(key: [UInt8], decision: PendingDecision)] = []
    for shard in 0..<shards {
      for row in pendingFolds[shard].kept {
        let decision = pendingFolds[shard].decision(row)!
        all.append((Array(ids.viewers.bytes(decision.viewer)) + [32] + decision.id, decision))
      }
    }
    for entry in all.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) { body(entry.key, entry.decision) }
  }

  /// Parts of models by model, arm and bucket.
  func eachModelRow(_ body: ([UInt8], (inout DumpSink) -> Void) -> Void) {
    for model in learningModels.sorted(by: { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) })
    where model.learned + model.refused > 0 {
      body(Array(model.name.utf8)) { sink in
        sink.text("learner", model.options.spec.learner.rawValue)
        sink.integer("learned", Int64(clamping: model.learned))
        sink.integer("clamped", Int64(clamping: model.clamped))
        sink.integer("refused", Int64(clamping: model.refused))
        sink.integer("armless", Int64(clamping: model.armless))
        if !model.onlineWeights.isEmpty {
          sink.beginList("weights")
          for weight in model.onlineWeights { sink.number("", weight) }
          sink.end()
        }
        sink.beginList("buckets")
        for row in model.rows {
          sink.beginObject("")
          if let arm = row.arm { sink.text("arm", arm) }
          sink.integer("bucket", row.bucket)
          sink.integer("count", row.count)
          sink.beginList("b")
          for cell in row.b { sink.integer("", cell) }
          sink.end()
          sink.text("a_xxh3", String(row.a, radix: 16))
          sink.end()
        }
        sink.end()
      }
    }
  }
}

extension PendingDecision {
  func dump(ids: Identities, dimension: Int, into sink: inout DumpSink) {
    sink.text("state", "\(state)")
    if state == .open || state == .finished { sink.integer("start", start) }
    if decidedAt != .max { sink.integer("decided_at", decidedAt) }
    if shownAt != .max { sink.integer("shown_at", shownAt) }
    sink.flag("deferred", isDeferred)
    sink.integer("updated_at", updatedAt)
    if due != .max { sink.integer("due", due) }
    sink.text("policy", String(decoding: policy, as: UTF8.self))
    sink.beginList("items")
    for (i, item) in items.enumerated() {
      sink.beginObject("")
      sink.text("content", ids.titles.text(item.title))
      sink.integer("position", Int64(item.position))
      sink.flag("listed", item.isListed)
      sink.flag("closed", item.isClosed)
      sink.flag("explored", item.explored)
      sink.number("propensity", Double(item.propensity))
      sink.text("context", "\(item.context)")
      if let told = item.reward.told { sink.number("reward", told) }
      if let best = item.reward.best {
        sink.integer("stage", Int64(best.stage))
        sink.integer("time", best.time)
        sink.text("event", best.event)
      }
      sink.integer("heard", Int64(item.heard.count))
      if !cells.isEmpty {
        let hash = cells[(i * dimension)..<((i + 1) * dimension)].withUnsafeBytes { xxh3($0) }
        sink.text("x_xxh3", String(hash, radix: 16))
      }
      sink.end()
    }
    sink.end()
  }
}
