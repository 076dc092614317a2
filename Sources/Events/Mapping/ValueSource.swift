/// Where a value comes from and what is done to it.
struct ValueStep: Sendable {
  enum Origin: Sendable {
    /// A captured member, by slot.
    case slot(Int)
    /// `topic:partition:offset`.
    case place
    /// The record's timestamp, ms.
    case recordTime
    case key
    /// 1-based place of an item in its list.
    case ordinal
    case literal(Literal)
    /// True or false.
    case test(Predicate)
  }
  var origin: Origin
  var prefix: [UInt8] = []
  var converter: Converter?

  /// Ms by definition: no converter guesses its unit.
  var isRecordTime: Bool { if case .recordTime = origin { true } else { false } }

  /// The slot, if the value is taken as it stands.
  var plainSlot: Int? {
    guard case .slot(let slot) = origin, prefix.isEmpty, converter == nil else { return nil }
    return slot
  }
}

/// A value written in the mapping.
struct Literal: Sendable {
  var text: [UInt8]
  var number: Double?
  var bool: Bool?

  init(_ scalar: String) {
    text = Array(scalar.utf8)
    number = Double(scalar)
    bool = scalar == "true" ? true : scalar == "false" ? false : nil
  }
}

/// Turns a value into another kind of value.
enum Converter: Sendable {
  case text, lower, number, bool, percent, milliseconds
  /// ISO 8601, `yyyy-MM-dd HH:mm:ss.SSS`, or a number whose size tells its unit.
  case time
  case scale(from: (Double, Double), to: (Double, Double))
  case table([(from: [UInt8], to: Literal)])
}

/// A condition on a record.
indirect enum Predicate: Sendable {
  case test([ValueStep], Test)
  case all([Predicate])
  case any([Predicate])
  case not(Predicate)

  enum Test: Sendable {
    case among([Literal])
    case differs(Literal)
    case exists(Bool)
    case begins([UInt8])
    case above(Double)
    case below(Double)
  }
}
