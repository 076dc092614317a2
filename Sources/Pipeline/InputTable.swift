/// The partitions a worker reads, at a fixed place in memory: the record that arrives finds its queue without a
/// reference count or a copy.
final class InputTable: RandomAccessCollection {
  /// A source is numbered by 16 bits; this many partitions are more than one process reads.
  static let capacity = 16_384
  private let base: UnsafeMutablePointer<Intake.Input>
  private(set) var count = 0

  init() { base = .allocate(capacity: Self.capacity) }

  deinit {
    base.deinitialize(count: count)
    base.deallocate()
  }

  var startIndex: Int { 0 }
  var endIndex: Int { count }
  func index(after i: Int) -> Int { i + 1 }

  subscript(i: Int) -> Intake.Input {
    @inline(__always) unsafeAddress {
      precondition(i >= 0 && i < count, "no such source")
      return UnsafePointer(base + i)
    }
    @inline(__always) unsafeMutableAddress {
      precondition(i >= 0 && i < count, "no such source")
      return base + i
    }
  }

  func append(_ input: Intake.Input) {
    precondition(count < Self.capacity, "more partitions than one process reads; share the topics among several groups")
    (base + count).initialize(to: input)
    count += 1
  }
}
