import Events
import Kernels

/// Stage C of one shard: folds what viewers did into their titles' rows.
///
/// Touches only rows of titles it owns (id hash modulo shards); reads the catalog; marks what it changed.
///
/// - Complexity: O(1) an event, without allocation but for voters.
public struct TitleFold: ~Copyable {
  public let table: TitleTable
  public let catalog: Catalog
  public let ids: Identities
  public let options: LearnOptions
  public let shard: Int
  public let shards: Int
  /// Rows to publish and rows to save.
  public var publishing = PublishQueue()
  public var saving = DirtySet()

  public init(
    table: TitleTable, catalog: Catalog, ids: Identities, options: LearnOptions, shard: Int = 0, of shards: Int = 1
  ) {
    self.table = table
    self.catalog = catalog
    self.ids = ids
    self.options = options
    self.shard = shard
    self.shards = shards
  }

  /// The same for an event in hand.
  public mutating func fold(_ event: Event, _ payload: Payload, _ effect: Effect) {
    withUnsafePointer(to: event) { event in withUnsafePointer(to: effect) { fold(event, payload, $0) } }
  }

  public mutating func foldItem(_ event: Event, _ item: ShownItem) {
    withUnsafePointer(to: event) { foldItem($0, item) }
  }

  /// Folds an event into its title. Impressions are folded item by item, ``foldItem(_:_:)``.
  public mutating func fold(_ event: UnsafePointer<Event>, _ payload: Payload, _ effect: UnsafePointer<Effect>) {
    guard effect.pointee.flags.contains(.folded), event.pointee.title != Event.none else { return }
    switch event.pointee.kind {
    case .watch:
      guard effect.pointee.flags.contains(.watch) else { return }
      let row = touch(event)
      row.pointee.s.watches += 1
      row.pointee.s.completionUnits += Int64(effect.pointee.completion * 4_294_967_296)
      if options.trust.watchIsImpression { row.pointee.s.impressions += 1 }
      if effect.pointee.flags.contains(.countedCompletion) { row.pointee.s.completions += 1 }
      if options.folds.contains(.trend) { trend(row, event, effect.pointee.trendWeight) }
    case .click:
      let row = touch(event)
      if options.trust.clickIsImpression { row.pointee.s.impressions += 1 }
      if effect.pointee.flags.contains(.countedClick) { row.pointee.s.clicks += 1 }
      if options.folds.contains(.trend) { trend(row, event, effect.pointee.trendWeight) }
    case .rate:
      let row = touch(event)
      row.pointee.s.ratingCount += Int64(effect.pointee.ratingCount)
      row.pointee.s.ratingHalfStars += Int64(effect.pointee.ratingHalfStars)
    case .interaction:
      let row = touch(event)
      if effect.pointee.flags.contains(.correction) { row.pointee.s.corrections += 1 }
    case .availability:
      vote(event, payload)
    case .impression, .search, .preference, .erase, .decision:
      break
    }
  }

  /// Folds one shown item of an impression, after the viewer's fold has told whether it counts.
  public mutating func foldItem(_ event: UnsafePointer<Event>, _ item: ShownItem) {
    let row = touch(event, item.title)
    if item.counted { row.pointee.s.impressions += 1 }
  }

  /// Asks for the row of an event of this shard's some events before it is folded.
  @inline(__always)
  public mutating func prefetchRow(_ event: UnsafePointer<Event>) {
    guard event.pointee.title != Event.none else { return }
    prefetch(table.row(event.pointee.title), bytes: MemoryLayout<TitleRow>.stride)
  }

  /// The catalog has a new row of this title (or its source has): it is published and saved anew.
  ///
  /// - Parameter time: Where the change stands in the total order, Unix ms.
  public mutating func catalogChanged(_ slot: UInt32, at time: Int64) {
    table.reserve(Int(slot) + 1)
    let row = table.row(slot)
    row.pointee.isAlive = row.pointee.hasEvents || catalog.title(slot).pointee.isInCatalog
    row.pointee.s.changedAt = max(row.pointee.s.changedAt, time)
    row.pointee.s.comparedAt = row.pointee.s.changedAt
    publishing.mark(slot)
    saving.mark(slot)
  }

  /// The daily sweep: which of this shard's titles have moved by more than the threshold through time alone.
  ///
  /// Compares with the score at the merge time of the title's last change or of the last sweep that republished it.
  /// - Returns: Slots to publish anew, ascending; they are marked.
  public mutating func sweep(at time: Int64) -> [UInt32] {
    var moved: [UInt32] = []
    for slot in 0..<UInt32(table.slots) {
      let row = table.row(slot)
      guard row.pointee.isAlive, owns(slot) else { continue }
      let facts = catalog.title(slot)
      let before = row.pointee.trust(at: row.pointee.s.comparedAt, facts.pointee, options.trust).overall
      let now = row.pointee.trust(at: time, facts.pointee, options.trust).overall
      guard abs(now - before) > options.sweepThreshold else { continue }
      row.pointee.s.comparedAt = time
      row.pointee.s.changedAt = max(row.pointee.s.changedAt, time)
      publishing.mark(slot)
      saving.mark(slot)
      moved.append(slot)
    }
    return moved
  }

  /// True if this shard holds the title.
  public mutating func owns(_ slot: UInt32) -> Bool {
    shards == 1 || Self.shard(ofHash: ids.titles.hash(of: slot), of: shards) == shard
  }

  /// Of so many shards the one that holds a title, by its id's hash.
  @inline(__always)
  public static func shard(ofHash hash: UInt64, of shards: Int) -> Int { Int(hash % UInt64(shards)) }

  @inline(__always)
  private mutating func touch(_ event: UnsafePointer<Event>) -> UnsafeMutablePointer<TitleRow> {
    touch(event, event.pointee.title)
  }

  @inline(__always)
  private mutating func touch(_ event: UnsafePointer<Event>, _ slot: UInt32) -> UnsafeMutablePointer<TitleRow> {
    let row = table.row(slot)
    if row.pointee.s.bits & 2 == 0 {
      row.pointee.s.bits |= 3
      row.pointee.s.firstEvent = event.pointee.time
      row.pointee.s.lastEvent = event.pointee.time
    }
    row.pointee.s.previousEvent = row.pointee.s.lastEvent
    row.pointee.s.lastEvent = max(row.pointee.s.lastEvent, event.pointee.time)
    row.pointee.s.changedAt = event.pointee.mergeTime
    row.pointee.s.comparedAt = event.pointee.mergeTime
    publishing.mark(slot)
    saving.mark(slot)
    return row
  }

  private mutating func trend(_ row: UnsafeMutablePointer<TitleRow>, _ event: UnsafePointer<Event>, _ weight: Double) {
    TitleRow.decayed(
      &row.pointee.s.trend, &row.pointee.s.trendAt, add: weight, time: event.pointee.time,
      tau: options.trendTauMs)
    if event.pointee.kind == .watch {
      TitleRow.decayed(
        &row.pointee.s.popularity, &row.pointee.s.popularityAt, add: 1, time: event.pointee.time,
        tau: options.popularityTauMs)
    }
  }

  /// One vote of a voter, title and UTC day; the first stands. Two days are remembered.
  private mutating func vote(_ event: UnsafePointer<Event>, _ payload: Payload) {
    let row = touch(event)
    if event.pointee.flags.contains(.checker) {
      let checked = event.pointee.duration.isNaN ? event.pointee.time : Int64(event.pointee.duration)
      row.pointee.s.lastCheck = max(row.pointee.s.lastCheck, checked)
      if event.pointee.flags.contains(.deepLinkSet) { row.pointee.deepLink = event.pointee.flags.contains(.deepLink) }
    }
    var voter = UInt64(1) << 63
    if event.pointee.viewer != Event.none {
      // By the id, not by its slot: a viewer without a row has another slot after a restart.
      voter = ids.viewers.hash(of: event.pointee.viewer) & ~(UInt64(1) << 63) | 1
    } else if let text = payload.field(.voter) {
      voter = xxh3(UnsafeRawBufferPointer(text)) | UInt64(1) << 63
    }
    guard first(voter, on: utcDay(event.pointee.time), row) else { return }
    if event.pointee.flags.contains(.available) {
      row.pointee.s.available += 1
    } else {
      row.pointee.s.unavailable += 1
    }
  }

  private mutating func first(_ voter: UInt64, on day: Int64, _ row: UnsafeMutablePointer<TitleRow>) -> Bool {
    if row.pointee.votes.0.day == day { return row.pointee.votes.0.voters.insert(voter) }
    if row.pointee.votes.1.day == day { return row.pointee.votes.1.voters.insert(voter) }
    if day > row.pointee.votes.0.day {
      row.pointee.votes.1.voters.free()
      row.pointee.votes.1 = row.pointee.votes.0
      row.pointee.votes.0 = VoteDay(day: day)
      return row.pointee.votes.0.voters.insert(voter)
    }
    guard day > row.pointee.votes.1.day else { return true }  // older than both: as new, not remembered
    row.pointee.votes.1.voters.free()
    row.pointee.votes.1 = VoteDay(day: day)
    return row.pointee.votes.1.voters.insert(voter)
  }
}

/// UTC day of a time, counted from 1970.
@inline(__always)
func utcDay(_ time: Int64) -> Int64 {
  time >= 0 ? time / 86_400_000 : (time - 86_399_999) / 86_400_000
}
