import Learners
import Pipeline
import Ports
import RedisPort

/// The views `thalweg_user` (key `user_id`) and `thalweg_content` (key `content_id`) as Feast's Redis store has them:
/// integers Int64, scalars Float64, flags Bool, vectors arrays of Float32; maps and lists have no place there.
struct FeastRows: ForeignRows {
  /// Features of a view with their Feast types, in the order of `docs/FEATURES.md`.
  static let user: [(name: String, type: String)] = [
    ("n", "Int64"), ("watches", "Int64"), ("diversity_tolerance", "Float64"), ("exploration_tendency", "Float64"),
    ("recency_bias", "Float64"), ("session_count", "Int64"), ("vector", "Array(Float32)"),
    ("vector_history", "Array(Float32)"),
  ]
  static let content: [(name: String, type: String)] = [
    ("impressions", "Int64"), ("clicks", "Int64"), ("completions", "Int64"), ("watches", "Int64"),
    ("completion_mean", "Float64"), ("rating_count", "Int64"), ("rating_sum_half_stars", "Int64"),
    ("avg_rating", "Float64"), ("available", "Int64"), ("unavailable", "Int64"), ("user_corrections", "Int64"),
    ("last_updated", "Int64"), ("last_check", "Int64"), ("last_event", "Int64"), ("source_reliability", "Float64"),
    ("metadata_accuracy", "Float64"), ("availability_confidence", "Float64"), ("quality", "Float64"),
    ("preference_confidence", "Float64"), ("overall", "Float64"), ("evidence", "Int64"), ("unproven", "Bool"),
    ("passes_filter", "Bool"), ("trend", "Float64"), ("popularity", "Float64"),
  ]

  private let viewers: FeastView
  private let titles: FeastView

  init(project: String) {
    viewers = FeastView(
      project: project, name: "thalweg_user", joinKeys: ["user_id"], features: Self.user.map(\.name))
    titles = FeastView(
      project: project, name: "thalweg_content", joinKeys: ["content_id"], features: Self.content.map(\.name))
  }

  func put(viewer id: UnsafeRawBufferPointer, at time: Int64, _ row: PlainRow, into batch: inout FeatureBatch) {
    viewers.put([Self.entity(id)], at: time, Self.user.map { Self.value(row[$0.name]) }, into: &batch)
  }

  func put(title id: UnsafeRawBufferPointer, at time: Int64, _ row: PlainRow, into batch: inout FeatureBatch) {
    titles.put([Self.entity(id)], at: time, Self.content.map { Self.value(row[$0.name]) }, into: &batch)
  }

  func delete(viewer id: UnsafeRawBufferPointer, from batch: inout FeatureBatch) {
    viewers.delete([Self.entity(id)], from: &batch)
  }

  private static func entity(_ id: UnsafeRawBufferPointer) -> FeastEntity { .text(String(decoding: id, as: UTF8.self)) }

  private static func value(_ value: PlainRow.Value?) -> FeastValue? {
    switch value {
    case .integer(let value): .integer(value)
    case .number(let value): .double(value)
    case .flag(let value): .flag(value)
    case .text(let value): .text(value)
    case .vector(let value): .floats(value)
    case nil: nil
    }
  }
}
