import Bandits
import Events
import JSON
import Learners
import Ports

/// The models that learn from resolved items (stage M, on the road's thread), their stored rows and snapshots.
///
/// Shards hand over what their decisions taught; it is learned in one total order. Models of sums would not show
/// another order, the online baselines and the items handed out would.
final class ModelTable {
  private(set) var models: [LearningModel]
  private let options: DecisionOptions
  private let steps: [Double]
  private var free: [UInt32] = []
  private var rowCount: UInt32 = 1
  private var x: [Double]
  /// Models learned something that no snapshot has, or the store may lack the last one.
  private(set) var isUnpublished = false
  private var nextSnapshotNs: Int64 = 0
  private var isInFlight = false
  /// Snapshots published since this start, and those that did not fit.
  private(set) var snapshots: UInt64 = 0
  private(set) var tooLarge: UInt64 = 0
  /// Stored rows that no model could take: of other settings; deleted with the next save.
  private(set) var foreignRows: [UInt32] = []
  private var takenRows: Set<UInt32> = []

  init(_ options: DecisionOptions) {
    self.options = options
    models = options.models.map { LearningModel($0.learning) }
    steps = options.layout.scale.steps
    x = Array(repeating: 0, count: options.layout.dimension)
  }

  /// Learns what a turn taught; returns the resolved items in the same order.
  func learn(_ lists: [LessonList], catalog: Catalog, ids: Identities) -> [ResolvedItem] {
    let count = lists.reduce(0) { $0 + $1.lessons.count }
    guard count > 0 else { return [] }
    var order: [(list: Int, at: Int)] = []
    order.reserveCapacity(count)
    for (list, own) in lists.enumerated() { for at in own.lessons.indices { order.append((list, at)) } }
    order.sort { Lesson.precedes(lists[$0.list].lessons[$0.at], lists[$1.list].lessons[$1.at]) }
    var resolved: [ResolvedItem] = []
    for place in order {
      let list = lists[place.list]
      let lesson = list.lessons[place.at]
      if !models.isEmpty {
        for i in x.indices { x[i] = Double(list.cells[lesson.cells + i]) * steps[i] }
        isUnpublished = true
        for model in models.indices {
          for arm in arms(lesson, list, options.models[model].arm, catalog, ids) { learn(model, arm, lesson) }
        }
      }
      if lesson.resolved >= 0 { resolved.append(list.resolved[Int(lesson.resolved)]) }
    }
    return resolved
  }

  private func learn(_ model: Int, _ arm: String, _ lesson: Lesson) {
    switch lesson.change {
    case .learn(let reward): models[model].learn(arm, x, reward: reward, at: lesson.time)
    case .correct(let old, let new): models[model].correct(arm, x, from: old, to: new, at: lesson.time)
    case .retract(let reward): models[model].retract(arm, x, reward: reward, at: lesson.time)
    }
  }

  private func arms(
    _ lesson: Lesson, _ list: LessonList, _ key: ArmKey, _ catalog: Catalog, _ ids: Identities
  ) -> [String] {
    switch key {
    case .content: [ids.titles.text(lesson.title)]
    case .genre: catalog.title(lesson.title).pointee.genreSymbols.map { ids.symbols[$0] }
    case .policy: lesson.policy >= 0 ? [list.policies[Int(lesson.policy)]].filter { !$0.isEmpty } : []
    }
  }

  // MARK: Snapshots

  /// Appends the models' snapshots where they are due. Solved as of the last merge time.
  func publish(into sink: inout StoreFeatureSink, asOf time: Int64, now: Int64, force: Bool) {
    guard isUnpublished, !isInFlight, time != .min, force || now >= nextSnapshotNs else { return }
    for model in models.indices {
      var snapshot = models[model].snapshot(asOf: time)
      snapshot.version = sink.batch.version.text
      guard let bytes = snapshot.encoded(atMost: options.modelMaxBytes) else {
        tooLarge += 1
        continue
      }
      sink.batch.begin(.put, key: "model:\(models[model].name)")
      bytes.withUnsafeBytes { sink.batch.field("snapshot", $0) }
      sink.text("learner", snapshot.spec.learner.rawValue)
      sink.text("layout", snapshot.spec.layout)
      sink.integer("decisions", Int64(clamping: snapshot.decisions))
      sink.integer("updated_at", time)
      snapshots += 1
    }
    isUnpublished = false
    isInFlight = true
    nextSnapshotNs = now + Int64(options.modelIntervalMs) * 1_000_000
  }

  func isDue(now: Int64, force: Bool) -> Bool { isUnpublished && !isInFlight && (force || now >= nextSnapshotNs) }
  func confirm() { isInFlight = false }
  func takeBack() { if isInFlight { markUnpublished() } }

  func markUnpublished() {
    isUnpublished = models.contains { $0.learned > 0 }
    isInFlight = false
    nextSnapshotNs = 0
  }

  // MARK: State

  func save(into snapshot: inout Snapshot) {
    var given = foreignRows
    for row in foreignRows { snapshot.delete(.model, row) }
    foreignRows.removeAll()
    for model in models.indices {
      models[model].drainChanged { known, bytes in
        var row = known
        if row == 0 {
          row = free.popLast() ?? rowCount
          if row == rowCount { rowCount += 1 }
        }
        snapshot.append(.model, row) { $0 += bytes }
        return row
      } dropped: { row in
        snapshot.delete(.model, row)
        given.append(row)
      }
    }
    free += given
  }

  /// A row of a save that failed. Everything is saved again; a deletion is asked for again.
  func saveFailed(_ row: UInt32, isDeleted: Bool) {
    guard isDeleted else {
      for model in models.indices { models[model].markAllChanged() }
      return
    }
    if let at = free.firstIndex(of: row) {
      free.remove(at: at)
      foreignRows.append(row)
    }
  }

  /// False = the row is not what a model writes.
  func load(_ row: UInt32, _ bytes: UnsafeRawBufferPointer) -> Bool {
    rowCount = max(rowCount, row + 1)
    let bytes = Array(bytes)
    for model in models.indices {
      switch models[model].restore(bytes, row: row) {
      case .taken:
        takenRows.insert(row)
        return true
      case .other: continue
      case .foreign: break
      case .torn: return false
      }
    }
    foreignRows.append(row)
    return true
  }

  func finishLoading() {
    let foreign = Set(foreignRows)
    free = (1..<rowCount).filter { !takenRows.contains($0) && !foreign.contains($0) }.reversed()
    takenRows.removeAll()
    markUnpublished()
  }
}
