/// Takes the features of a row one by one: a store encoder, a dump, a table on a screen.
///
/// Names are those of `docs/FEATURES.md`. Maps, lists and objects nest by `begin…`/`end`; inside a list
/// names are ignored. Implementations are generic arguments, so a call costs what it does.
public protocol FeatureSink {
  mutating func integer(_ name: String, _ value: Int64)
  mutating func number(_ name: String, _ value: Double)
  mutating func flag(_ name: String, _ value: Bool)
  mutating func text(_ name: String, _ value: String)
  mutating func null(_ name: String)
  mutating func vector(_ name: String, _ value: UnsafeBufferPointer<Float>)
  mutating func beginObject(_ name: String)
  mutating func beginList(_ name: String)
  mutating func end()
  /// In place of so many features that a store has and that did not change; nobody else is told this.
  mutating func kept(_ count: Int)
}

extension FeatureSink {
  public mutating func kept(_ count: Int) { preconditionFailure("only a store has what it was given before") }
}
