import Events
import Learners
import Ports

/// Under which keys and fields rows are published.
public struct PublishForm: Sendable, Equatable {
  public enum Part: Sendable, Equatable { case viewerVector, titleTrust, titleArm, titleArmUpdates }
  /// One field of one key; fields of the same key form are written together.
  public struct View: Sendable, Equatable {
    public var part: Part
    /// What stands before and after the id.
    public var before: [UInt8]
    public var after: [UInt8]
    public var field: String
    public init(part: Part, before: String, after: String, field: String) {
      self.part = part
      self.before = Array(before.utf8)
      self.after = Array(after.utf8)
      self.field = field
    }
  }
  /// Empty = the standard rows of `docs/FEATURES.md`.
  public var views: [View] = []
  public init() {}
}

/// Encodes rows into the batch under way.
struct FeatureViews {
  private let viewerKeys: [[PublishForm.View]]
  private let titleKeys: [[PublishForm.View]]
  private let isStandard: Bool
  private let user = Array("user:".utf8)
  private let vector = Array("emb:user:".utf8)
  private let history = Array(":hist".utf8)
  private let content = Array("content:".utf8)
  private let decision = Array("decision:".utf8)
  private let arm = Array("arm:".utf8)
  private let options: LearnOptions
  private let foreign: (any ForeignRows)?
  /// Rows leave the store by themselves unless they are written again.
  var storeForgets = false

  init(options: WorkerOptions) {
    self.options = options.learn
    foreign = options.foreignRows
    isStandard = options.publish.views.isEmpty
    func grouped(_ views: [PublishForm.View]) -> [[PublishForm.View]] {
      views.reduce(into: []) { groups, view in
        if let i = groups.firstIndex(where: { $0[0].before == view.before && $0[0].after == view.after }) {
          groups[i].append(view)
        } else {
          groups.append([view])
        }
      }
    }
    viewerKeys = grouped(options.publish.views.filter { $0.part == .viewerVector })
    titleKeys = grouped(options.publish.views.filter { $0.part != .viewerVector })
  }

  func put(viewer slot: UInt32, of road: Road, into sink: inout StoreFeatureSink) {
    let id = road.ids.viewers.bytes(slot)
    if let foreign {
      let updated = road.viewers.row(slot).pointee.updatedAt
      var row = PlainRow()
      road.viewers.features(slot, ids: road.ids, options: options, into: &row)
      road.viewers.vectors(slot, asOf: updated, options: options, reader: road.historyReader(of: slot), into: &row)
      foreign.put(viewer: id, at: updated, row, into: &sink.batch)
    }
    guard isStandard else {
      for views in viewerKeys {
        sink.batch.begin(.put, key: views[0].before, id, views[0].after)
        for view in views { sink.vector(view.field, vector(slot, road)) }
      }
      return
    }
    let row = road.viewers.row(slot)
    let isRenewed = renews(slot, sink)
    sink.batch.begin(isRenewed ? .renew : .put, key: user, id)
    road.viewers.features(
      slot, ids: road.ids, options: options, leavingOut: isRenewed ? [] : row.pointee.standing, into: &sink)
    row.pointee.standing = .all
    guard road.viewers.dimension > 0 else { return }
    let updated = row.pointee.updatedAt
    if options.folds.contains(.vector) {
      sink.batch.begin(.put, key: vector, id)
      sink.vector("vector", self.vector(slot, road))
      sink.integer("updated_at", updated)
    }
    if options.folds.contains(.history) { put(historyOf: slot, id, isRenewed: isRenewed, of: road, into: &sink) }
  }

  /// About every 16th write of a row leaves nothing out, in case somebody else changed something or took it out.
  private func renews(_ slot: UInt32, _ sink: borrowing StoreFeatureSink) -> Bool {
    let mixed = slot &* 0x9e37_79b1 &+ UInt32(truncatingIfNeeded: sink.batch.version.turn) &* 0x85eb_ca6b
    return storeForgets || mixed >> 28 == 0
  }

  /// The history vector as of its newest title, unless the store has it: until then it changes only when the history
  /// does.
  private func put(
    historyOf slot: UInt32, _ id: UnsafeRawBufferPointer, isRenewed: Bool, of road: Road,
    into sink: inout StoreFeatureSink
  ) {
    let row = road.viewers.row(slot)
    let mark = road.catalog.genreGeneration & 0x7f_ffff | 0x80_0000
    guard isRenewed || row.pointee.historyMark != mark else { return }
    let newest = road.viewers.newestInHistory(of: slot)
    let updated = newest ?? row.pointee.updatedAt
    sink.batch.begin(.put, key: vector, id, history)
    let past = road.historyReader(of: slot).vector(of: slot, in: road.viewers, asOf: updated)
    sink.vector("vector_history", UnsafeBufferPointer(start: past, count: road.viewers.dimension))
    sink.integer("updated_at", updated)
    if newest != nil { row.pointee.historyMark = mark }
  }

  private func vector(_ slot: UInt32, _ road: Road) -> UnsafeBufferPointer<Float> {
    guard road.viewers.dimension > 0 else { return UnsafeBufferPointer(start: nil, count: 0) }
    return UnsafeBufferPointer(start: road.viewers.vector(slot), count: road.viewers.dimension)
  }

  func put(title slot: UInt32, of road: Road, into sink: inout StoreFeatureSink) {
    let id = road.ids.titles.bytes(slot)
    let row = road.titles.row(slot)
    if let foreign {
      let updated = row.pointee.updatedAt
      var plain = PlainRow()
      road.titles.features(slot, asOf: updated, catalog: road.catalog, options: options, into: &plain)
      foreign.put(title: id, at: updated, plain, into: &sink.batch)
    }
    guard isStandard else {
      guard row.pointee.hasEvents else { return }
      for views in titleKeys {
        sink.batch.begin(.put, key: views[0].before, id, views[0].after)
        for view in views {
          switch view.part {
          case .titleTrust: trust(slot, row, view.field, road, into: &sink)
          case .titleArm:
            if let arms = road.arms {
              sink.vector(view.field, arms.arm(slot, key: road.ids.titles.hash(of: slot)).theta)
            }
          case .titleArmUpdates:
            if let arms = road.arms {
              sink.integer(view.field, Int64(arms.arm(slot, key: road.ids.titles.hash(of: slot)).updates))
            }
          case .viewerVector: break
          }
        }
      }
      return
    }
    sink.batch.begin(renews(slot, sink) ? .renew : .put, key: content, id)
    road.titles.features(slot, asOf: row.pointee.updatedAt, catalog: road.catalog, options: options, into: &sink)
    if let arms = road.arms, row.pointee.hasEvents {
      put(armOf: slot, id, row.pointee.updatedAt, arms, road, into: &sink)
    }
  }

  /// theta and count of a title's arm; a title without one has no such key.
  private func put(
    armOf slot: UInt32, _ id: UnsafeRawBufferPointer, _ updated: Int64, _ arms: ArmStage, _ road: Road,
    into sink: inout StoreFeatureSink
  ) {
    let key = road.ids.titles.hash(of: slot)
    guard arms.contains(slot, key: key) else { return sink.batch.begin(.delete, key: arm, id) }
    let (theta, updates) = arms.arm(slot, key: key)
    sink.batch.begin(.put, key: arm, id)
    sink.vector("theta", theta)
    sink.integer("count", Int64(updates))
    sink.integer("updated_at", updated)
  }

  /// Item -> `{"reward", "stage"}`, null while nothing was learned of it.
  func put(decision: PendingDecision, of road: Road, into sink: inout StoreFeatureSink) {
    decision.id.withUnsafeBytes { id in
      if decision.owesDelete { sink.batch.begin(.delete, key: self.decision, id) }
      guard decision.state == .open || decision.state == .finished else { return }
      let isRenewed = renews(UInt32(truncatingIfNeeded: decision.hash), sink)
      sink.batch.begin(isRenewed ? .renew : .put, key: self.decision, id)
      for item in decision.items where item.isListed {
        let name = road.ids.titles.text(item.title)
        guard let told = item.reward.told else {
          sink.null(name)
          continue
        }
        sink.beginObject(name)
        sink.number("reward", told)
        sink.integer("stage", Int64(item.reward.best?.stage ?? 0))
        sink.end()
      }
      sink.integer("updated_at", decision.updatedAt)
    }
  }

  /// The five components and the overall score as six Float32, as of the title's last event.
  private func trust(
    _ slot: UInt32, _ row: UnsafeMutablePointer<TitleRow>, _ field: String, _ road: Road,
    into sink: inout StoreFeatureSink
  ) {
    let score = row.pointee.trust(at: row.pointee.lastEvent, road.catalog.title(slot).pointee, options.trust)
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 6) { six in
      six[0] = Float(score.source)
      six[1] = Float(score.metadata)
      six[2] = Float(score.availability)
      six[3] = Float(score.quality)
      six[4] = Float(score.preference)
      six[5] = Float(score.overall)
      sink.vector(field, UnsafeBufferPointer(six))
    }
  }

  func delete(viewer id: UnsafeRawBufferPointer, from sink: inout StoreFeatureSink) {
    foreign?.delete(viewer: id, from: &sink.batch)
    guard isStandard else {
      for views in viewerKeys { sink.batch.begin(.delete, key: views[0].before, id, views[0].after) }
      return
    }
    sink.batch.begin(.delete, key: user, id)
    sink.batch.begin(.delete, key: vector, id)
    sink.batch.begin(.delete, key: vector, id, history)
  }
}
