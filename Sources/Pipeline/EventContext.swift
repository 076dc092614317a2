import Bandits
import Events

/// Writes the context of an event for the arm of its title, where the viewer's row and the title's vector are at hand.
///
/// It knows what the event, its viewer and its title's catalog row say before the event is folded; blocks that need
/// later stages are refused when settings are read (``refused(by:)``).
///
/// - Complexity: one pass over the layout's slots; allocates nothing.
struct EventContext: ~Copyable {
  private enum Step {
    case bias(at: Int)
    case previousReward(at: Int)
    case screen(at: Int)
    case dayPart(at: Int)
    case profile(from: Int, count: Int, at: Int)
    case content(from: Int, count: Int, at: Int)
  }
  let dimension: Int
  /// Floats from one context to the next; zeros behind the dimension.
  let padded: Int
  private let steps: UnsafeMutableBufferPointer<Step>

  /// - Precondition: every block is one of those this can write.
  init(_ layout: ContextLayout) {
    precondition(Self.refused(by: layout) == nil, "a block of the layout is not known when an event is folded")
    dimension = layout.dimension
    padded = BanditKernels.padded(layout.dimension)
    steps = .allocate(capacity: layout.blocks.count)
    for (i, block) in layout.blocks.enumerated() {
      steps.initializeElement(at: i, to: Self.step(block, layout.starts[i])!)
    }
  }

  deinit { steps.deallocate() }

  /// The first block that an event in hand cannot fill; nil = all can be filled.
  static func refused(by layout: ContextLayout) -> String? { layout.blocks.first { step($0, 0) == nil }?.name }

  private static func step(_ block: ContextBlock, _ at: Int) -> Step? {
    switch block.source {
    case .bias: .bias(at: at)
    case .previousReward: .previousReward(at: at)
    case .screen: .screen(at: at)
    case .dayPart: .dayPart(at: at)
    case .profile(let range): .profile(from: range.lowerBound, count: range.count, at: at)
    case .content(let range): .content(from: range.lowerBound, count: range.count, at: at)
    default: nil
    }
  }

  /// - Parameters:
  ///   - previous: Value of the viewer's latest opinion.
  ///   - profile: The viewer's vector, `stride` floats; nil = none is kept.
  ///   - content: The title's catalog vector, `stride` floats; nil = it has none.
  ///   - x: ``padded`` floats; those behind the dimension are left as they are.
  @inline(__always)
  func write(
    _ event: UnsafePointer<Event>, previous: Float, profile: UnsafePointer<Float>?, content: UnsafePointer<Float>?,
    stride: Int, to x: UnsafeMutablePointer<Float>
  ) {
    for i in steps.indices {
      switch steps[i] {
      case .bias(let at): x[at] = 1
      case .previousReward(let at): x[at] = previous
      case .screen(let at): Self.mark(Self.screen(event.pointee.device), x + at)
      case .dayPart(let at): Self.mark(Int(max(0, event.pointee.time) / 21_600_000 & 3), x + at)
      case .profile(let from, let count, let at): Self.copy(profile, from, count, stride, x + at)
      case .content(let from, let count, let at): Self.copy(content, from, count, stride, x + at)
      }
    }
  }

  /// One of four slots; none of them where it is negative.
  @inline(__always)
  private static func mark(_ slot: Int, _ x: UnsafeMutablePointer<Float>) {
    for k in 0..<4 { x[k] = k == slot ? 1 : 0 }
  }

  @inline(__always)
  private static func screen(_ device: Device) -> Int {
    switch device {
    case .mobile: 0
    case .tv: 1
    case .web: 2
    case .tablet: 3
    case .unset, .voice, .other: -1
    }
  }

  /// A range of a vector; what lies beyond the vector is zero.
  @inline(__always)
  private static func copy(
    _ vector: UnsafePointer<Float>?, _ from: Int, _ count: Int, _ stride: Int, _ x: UnsafeMutablePointer<Float>
  ) {
    var n = 0
    if let vector {
      n = min(count, max(0, stride - from))
      x.update(from: vector + from, count: n)
    }
    if n < count { (x + n).update(repeating: 0, count: count - n) }
  }
}
