/// An option: the declaration is its row in every table.
///
/// ```swift
/// @Option("session_timeout", "Silence after which the broker gives our partitions away.",
///   in: .seconds(6)...(.seconds(300))) var sessionTimeout: Duration = .seconds(10)
/// ```
@propertyWrapper
public struct Option<Value: OptionValue>: Sendable {
  public var wrappedValue: Value

  public init(wrappedValue: Value, _ name: String, short: Character? = nil, _ help: String) {
    let row = Row(path: name, short: short, help: help, shape: Value.shape, standard: wrappedValue.node)
    self.wrappedValue = Loader.take(row, wrappedValue)
  }

  public init(
    wrappedValue: Value, _ name: String, short: Character? = nil, _ help: String, in range: ClosedRange<Value>
  ) where Value: Comparable {
    let row = Row(
      path: name, short: short, help: help, shape: Value.shape, standard: wrappedValue.node,
      range: .init(least: range.lowerBound.text, most: range.upperBound.text))
    self.wrappedValue = Loader.take(row, wrappedValue) { range.contains($0) ? nil : complaint(range) }
  }

  public init<Wrapped: OptionValue & Comparable>(
    wrappedValue: Wrapped?, _ name: String, short: Character? = nil, _ help: String, in range: ClosedRange<Wrapped>
  ) where Value == Wrapped? {
    let row = Row(
      path: name, short: short, help: help, shape: Value.shape, standard: wrappedValue.node,
      range: .init(least: range.lowerBound.text, most: range.upperBound.text))
    self.wrappedValue = Loader.take(row, wrappedValue) { value in
      value.map { range.contains($0) ? nil : complaint(range) } ?? nil
    }
  }
}

private func complaint<Value: OptionValue & Comparable>(_ range: ClosedRange<Value>) -> String {
  "is out of range; allowed are \(range.lowerBound.text) to \(range.upperBound.text)"
}

/// A group of options under a common name; without a name its options stand among their neighbours.
@propertyWrapper
public struct Section<Body: Sendable>: Sendable {
  public var wrappedValue: Body

  public init(wrappedValue body: @autoclosure () -> Body, _ name: String? = nil, _ help: String = "") {
    wrappedValue = Loader.inside(name, help, body)
  }
}

/// A word of the command line that is known by its place. An array takes all that remain.
@propertyWrapper
public struct Argument<Value: OptionValue>: Sendable {
  public var wrappedValue: Value

  /// Required when the default is empty text or an empty list and `isRequired` is left true.
  public init(wrappedValue: Value, _ name: String, _ help: String, isRequired: Bool = true) {
    var row = Row(path: name, short: nil, help: help, shape: Value.shape, standard: wrappedValue.node)
    row.place = Value.shape.isList ? .rest : isRequired ? .required : .optional
    self.wrappedValue = Loader.take(row, wrappedValue)
  }
}
