import Learners
import Ports

/// Rows in another program's layout, written beside ours from the same features and in the same batches.
public protocol ForeignRows: Sendable {
  /// - Parameter time: When the row last changed, Unix ms.
  func put(viewer id: UnsafeRawBufferPointer, at time: Int64, _ row: PlainRow, into batch: inout FeatureBatch)
  func put(title id: UnsafeRawBufferPointer, at time: Int64, _ row: PlainRow, into batch: inout FeatureBatch)
  func delete(viewer id: UnsafeRawBufferPointer, from batch: inout FeatureBatch)
}

/// The features of a row that every table can hold: scalars and vectors by name, no maps, no lists.
public struct PlainRow: FeatureSink, Sendable {
  public enum Value: Sendable, Equatable {
    case integer(Int64)
    case number(Double)
    case flag(Bool)
    case text(String)
    case vector([Float])
  }
  private var values: [String: Value] = [:]
  private var depth = 0

  public init() {}

  /// nil = the row does not know it.
  public subscript(name: String) -> Value? { values[name] }

  private mutating func set(_ name: String, _ value: Value) {
    if depth == 0 { values[name] = value }
  }
  public mutating func integer(_ name: String, _ value: Int64) { set(name, .integer(value)) }
  public mutating func number(_ name: String, _ value: Double) { set(name, .number(value)) }
  public mutating func flag(_ name: String, _ value: Bool) { set(name, .flag(value)) }
  public mutating func text(_ name: String, _ value: String) { set(name, .text(value)) }
  public mutating func null(_ name: String) {}
  public mutating func vector(_ name: String, _ value: UnsafeBufferPointer<Float>) { set(name, .vector(Array(value))) }
  public mutating func beginObject(_ name: String) { depth += 1 }
  public mutating func beginList(_ name: String) { depth += 1 }
  public mutating func end() { depth -= 1 }
}
