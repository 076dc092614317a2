import Events
import Learners
import Ports

/// Under which keys and fields rows are published.
public struct PublishForm: Sendable, Equatable {
  /// The features of `docs/FEATURES.md`, or only vector and trust under names of the user's choice.
  public enum Kind: Sendable, Equatable { case standard, compact }
  public var kind = Kind.standard
  /// Compact: what stands before the viewer's and the title's id, and the field names.
  public var userPrefix = "user:"
  public var userVector = "vector"
  public var titlePrefix = "content:"
  public var titleTrust = "trust"
  public var titleArm = "theta"
  /// Rows in Feast's layout beside them; the project's name, nil = off.
  public var feastProject: String?
  public init() {}
}

/// Encodes rows into the batch under way.
struct FeatureViews {
  private let form: PublishForm
  private let user = Array("user:".utf8)
  private let vector = Array("emb:user:".utf8)
  private let history = Array(":hist".utf8)
  private let content = Array("content:".utf8)
  private let compactUser: [UInt8]
  private let compactTitle: [UInt8]
  private let options: LearnOptions

  init(options: WorkerOptions) {
    form = options.publish
    self.options = options.learn
    compactUser = Array(options.publish.userPrefix.utf8)
    compactTitle = Array(options.publish.titlePrefix.utf8)
  }

  func put(viewer slot: UInt32, of road: Road, into sink: inout StoreFeatureSink) {
    let id = road.ids.viewers.bytes(slot)
    guard form.kind == .standard else {
      sink.batch.begin(.put, key: Joined(compactUser, id))
      sink.vector(form.userVector, vector(slot, road))
      return
    }
    sink.batch.begin(.put, key: Joined(user, id))
    road.viewers.features(slot, ids: road.ids, options: options, into: &sink)
    guard road.viewers.dimension > 0 else { return }
    let updated = road.viewers.row(slot).pointee.updatedAt
    if options.folds.contains(.vector) {
      sink.batch.begin(.put, key: Joined(vector, id))
      sink.vector("vector", self.vector(slot, road))
      sink.integer("updated_at", updated)
    }
    if options.folds.contains(.history) {
      sink.batch.begin(.put, key: Joined(vector, id, history))
      let past = road.historyReader.vector(of: slot, in: road.viewers, asOf: updated)
      sink.vector("vector_history", UnsafeBufferPointer(start: past, count: road.viewers.dimension))
      sink.integer("updated_at", updated)
    }
  }

  private func vector(_ slot: UInt32, _ road: Road) -> UnsafeBufferPointer<Float> {
    guard road.viewers.dimension > 0 else { return UnsafeBufferPointer(start: nil, count: 0) }
    return UnsafeBufferPointer(start: road.viewers.vector(slot), count: road.viewers.dimension)
  }

  func put(title slot: UInt32, of road: Road, into sink: inout StoreFeatureSink) {
    let id = road.ids.titles.bytes(slot)
    let row = road.titles.row(slot)
    let facts = road.catalog.title(slot)
    guard form.kind == .standard else {
      sink.batch.begin(.put, key: Joined(compactTitle, id))
      let score = row.pointee.trust(at: row.pointee.lastEvent, facts.pointee, options.trust)
      withUnsafeTemporaryAllocation(of: Float.self, capacity: 6) { six in
        let parts = [score.source, score.metadata, score.availability, score.quality, score.preference, score.overall]
        for (i, part) in parts.enumerated() { six[i] = Float(part) }
        sink.vector(form.titleTrust, UnsafeBufferPointer(six))
      }
      return
    }
    sink.batch.begin(.put, key: Joined(content, id))
    road.titles.features(slot, asOf: row.pointee.updatedAt, catalog: road.catalog, options: options, into: &sink)
  }

  func delete(viewer id: UnsafeRawBufferPointer, from sink: inout StoreFeatureSink) {
    guard form.kind == .standard else {
      sink.batch.begin(.delete, key: Joined(compactUser, id))
      return
    }
    sink.batch.begin(.delete, key: Joined(user, id))
    sink.batch.begin(.delete, key: Joined(vector, id))
    sink.batch.begin(.delete, key: Joined(vector, id, history))
  }
}

/// A key made of up to three runs of bytes, without building it.
struct Joined: Collection {
  let before: [UInt8]
  let id: UnsafeRawBufferPointer
  let after: [UInt8]

  init(_ before: [UInt8], _ id: UnsafeRawBufferPointer, _ after: [UInt8] = []) {
    self.before = before
    self.id = id
    self.after = after
  }
  var startIndex: Int { 0 }
  var endIndex: Int { before.count + id.count + after.count }
  func index(after i: Int) -> Int { i + 1 }
  subscript(i: Int) -> UInt8 {
    if i < before.count { return before[i] }
    if i < before.count + id.count { return id[i - before.count] }
    return after[i - before.count - id.count]
  }
}
