import Glibc
import Kernels

/// One of a viewer's lists, where it stands in the viewer's ``ListBlock``. Looks its place up at every use, so that it
/// stays right when the block moves; what ``base`` and ``values`` give is good until something is appended.
public struct ViewerList<Element: BitwiseCopyable> {
  let place: UnsafeMutablePointer<ListBlock?>
  let index: ListBlock.Index

  @inline(__always)
  init(_ place: UnsafeMutablePointer<ListBlock?>, _ index: ListBlock.Index) {
    self.place = place
    self.index = index
  }

  @inline(__always)
  public var count: Int { place.pointee.map { $0.count(index) } ?? 0 }
  @inline(__always)
  public var isEmpty: Bool { count == 0 }
  @inline(__always)
  public var base: UnsafeMutablePointer<Element>? {
    place.pointee.map { ($0.base + $0.start(index)).assumingMemoryBound(to: Element.self) }
  }
  public var values: UnsafeMutableBufferPointer<Element> { UnsafeMutableBufferPointer(start: base, count: count) }

  @inline(__always)
  public subscript(_ at: Int) -> Element {
    get { base.unsafelyUnwrapped[at] }
    nonmutating set { base.unsafelyUnwrapped[at] = newValue }
  }

  @inline(__always)
  public func append(_ element: Element) {
    let count = reserve(1)
    base.unsafelyUnwrapped[count] = element
    place.pointee.unsafelyUnwrapped.setCount(index, count + 1)
  }

  public func append(contentsOf more: UnsafeRawBufferPointer) {
    let number = more.count / MemoryLayout<Element>.stride
    guard number > 0, let from = more.baseAddress else { return }
    let count = reserve(number)
    memcpy(base.unsafelyUnwrapped + count, from, number * MemoryLayout<Element>.stride)
    place.pointee.unsafelyUnwrapped.setCount(index, count + number)
  }

  /// Takes the first `number` out; the others move up.
  public func removeFirst(_ number: Int = 1) { remove(0, count: number) }
  public func remove(at start: Int) { remove(start, count: 1) }

  public func remove(_ start: Int, count number: Int) {
    guard number > 0, let base, let block = place.pointee else { return }
    let left = count - number
    memmove(base + start, base + start + number, (left - start) * MemoryLayout<Element>.stride)
    block.setCount(index, left)
  }

  /// Takes one out; the last one moves into its place.
  public func swapRemove(at removed: Int) {
    let left = count - 1
    self[removed] = self[left]
    place.pointee.unsafelyUnwrapped.setCount(index, left)
  }

  public func removeAll() { place.pointee?.setCount(index, 0) }

  /// Makes room for `number` more; how many there are.
  @inline(__always)
  private func reserve(_ number: Int) -> Int {
    guard let block = place.pointee else { preconditionFailure("a viewer's lists begin when its row does") }
    let count = block.count(index)
    let byteCount = (count + number) * MemoryLayout<Element>.stride
    if byteCount > block.end(index) - block.start(index) { block.grow(index, to: byteCount) }
    return count
  }
}
