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
      if let vector = road.viewers.vector(slot) { sink.vector(form.userVector, vector) }
      return
    }
    let updated = road.viewers.updatedAt(slot)
    sink.batch.begin(.put, key: Joined(user, id))
    road.viewers.features(slot, ids: road.ids, into: &sink)
    sink.integer("updated_at", updated)
    if options.folds.contains(.vector), road.catalog.dimension > 0 {
      sink.batch.begin(.put, key: Joined(vector, id))
      road.viewers.vectorFeature(slot, into: &sink)
      sink.integer("updated_at", updated)
    }
    if options.folds.contains(.history), road.catalog.dimension > 0 {
      sink.batch.begin(.put, key: Joined(vector, id, history))
      road.viewers.historyFeature(slot, into: &sink)
      sink.integer("updated_at", updated)
    }
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
    row.pointee.features(at: row.pointee.updatedAt, facts.pointee, options, into: &sink)
    sink.integer("updated_at", row.pointee.updatedAt)
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
