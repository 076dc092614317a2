/// Which titles' series leave under `drift.max_bytes`: those untouched for longest.
extension MetricFold {
  /// Over the bound the title untouched for longest leaves; one whose alert fires stays until it has resolved.
  @inline(never)
  mutating func evict(sparing kept: UInt32, _ tally: inout Tally) {
    // Those that fired at their turn are older than all that follow, and may have resolved.
    let fired = leaving.firing
    leaving.firing.removeAll(keepingCapacity: true)
    for place in fired where isStill(place) {
      if bytes <= drift.maxBytes || !leave(place, kept, &tally) { leaving.firing.append(place) }
    }
    var isFresh = false
    while bytes > drift.maxBytes {
      guard let place = leaving.next() else {
        if isFresh { return }
        order()
        isFresh = true
        continue
      }
      if isStill(place), !leave(place, kept, &tally) { leaving.firing.append(place) }
    }
  }

  /// Takes a title's node away.
  mutating func drop(_ number: UInt32) {
    let node = nodes.row(number)
    let key = node.pointee.key
    bytes -= node.pointee.byteCount
    titles[Int(UInt32(truncatingIfNeeded: key))] = .max
    node.pointee.free()
    node.pointee.isLive = false
    deleted.append(key)
    free.append(number)
  }

  private mutating func leave(_ place: LeavingTitles.Place, _ kept: UInt32, _ tally: inout Tally) -> Bool {
    guard place.node != kept, !nodes.row(place.node).pointee.isFiring else { return false }
    drop(place.node)
    tally.add(.driftEvicted)
    return true
  }

  /// False for a title that was touched since, or has left.
  private func isStill(_ place: LeavingTitles.Place) -> Bool {
    let node = nodes.row(place.node)
    return node.pointee.isLive && node.pointee.touched == place.touched
  }

  private mutating func order() {
    var places: [LeavingTitles.Place] = []
    for number in 0..<nodeCount where nodes.row(number).pointee.isLive && nodes.row(number).pointee.isTitle {
      places.append(LeavingTitles.Place(touched: nodes.row(number).pointee.touched, node: number))
    }
    leaving = LeavingTitles(places)
  }
}

/// Titles by last touch, as they stood when this was made. A touch writes nothing here: who was touched since comes
/// behind all of these, so that a place whose touch is not the node's any more is passed over, and a new order is
/// made when this one is used up.
///
/// Cost: a sort of all titles for as many that leave or were touched.
struct LeavingTitles {
  struct Place {
    var touched: UInt64
    var node: UInt32
  }

  private var places: [Place] = []
  private var used = 0
  /// Passed at their turn because an alert fired; in order.
  var firing: [Place] = []

  init() {}

  init(_ places: [Place]) { self.places = places.sorted { $0.touched < $1.touched } }

  mutating func next() -> Place? {
    guard used < places.count else { return nil }
    used += 1
    return places[used - 1]
  }
}
