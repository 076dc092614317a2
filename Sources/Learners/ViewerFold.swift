import Events
import Kernels

/// Stage U of one shard: folds an event into its viewer's row and tells what it moves beyond.
///
/// Touches only rows of viewers it owns; reads the catalog and ids; no clock, no randomness, no hash order.
///
/// - Complexity: O(dimension + genres) an event and a scan of the viewer's short lists; allocates only when a list grows.
public struct ViewerFold: ~Copyable {
  public let table: ViewerTable
  public let catalog: Catalog
  public let ids: Identities
  public let options: LearnOptions
  public let shard: Int
  public let shards: Int
  /// Rows to publish and rows to save.
  public var publishing = PublishQueue()
  public var saving = DirtySet()
  var idle = IdleQueue()
  let lightest: LightestTable
  let kernels = VectorKernels.best
  let media = RewardTable.mediaV1
  let usesMedia: Bool
  let isCapped: Bool
  /// Folds are on that keep lists of a viewer.
  let keepsLists: Bool
  let arena: BlockArena
  let decay: Float
  let step: Double

  public init(
    table: ViewerTable, catalog: Catalog, ids: Identities, options: LearnOptions, shard: Int = 0, of shards: Int = 1
  ) {
    self.table = table
    self.catalog = catalog
    self.ids = ids
    self.options = options
    self.shard = shard
    self.shards = shards
    usesMedia = options.rewards == RewardTable.mediaV1
    isCapped = options.trust.isCapped && options.folds.contains(.trust)
    keepsLists =
      isCapped || options.trust.replacesRatings
      || !options.folds.isDisjoint(with: [.affinity, .history, .decisions, .context, .memory])
    arena = table.arena(shard)
    lightest = LightestTable(tauMs: options.historyTauMs)
    decay = Float(options.vectorDecay)
    step = 1 - options.vectorDecay
  }

  deinit { lightest.free() }

  /// The same for an event in hand.
  public mutating func fold(_ event: Event, _ payload: Payload, into effect: inout Effect, tally: inout Tally) {
    withUnsafePointer(to: event) { fold($0, payload, into: &effect, tally: &tally) }
  }

  /// Folds one event where it lies (150 bytes, not copied). Every event passes here once, also those without a viewer
  /// (they are only counted).
  ///
  /// - Parameters:
  ///   - payload: Items of an impression are marked as counted in place.
  ///   - effect: Overwritten; what the later stages need.
  public mutating func fold(
    _ event: UnsafePointer<Event>, _ payload: Payload, into effect: inout Effect, tally: inout Tally
  ) {
    effect = Effect()
    if event.pointee.flags.contains(.duplicate) {
      tally.add(.duplicate)
      return
    }
    tally.note(event.pointee.flags)
    tally.add(.folded)
    effect.flags = .folded
    if event.pointee.title != Event.none, !catalog.title(event.pointee.title).pointee.isInCatalog {
      tally.add(.unknownTitle)
    }
    guard event.pointee.viewer != Event.none, event.pointee.kind != .availability else { return }
    let row = wake(event)
    switch event.pointee.kind {
    case .watch: watch(row, event, payload, &effect, &tally)
    case .click: click(row, event, payload, &effect, &tally)
    case .rate: rate(row, event, payload, &effect, &tally)
    case .interaction: interact(row, event, payload, &effect, &tally)
    case .impression: impression(row, event, payload, &tally)
    case .decision: decision(row, event, payload)
    case .search: search(row, event, payload)
    case .preference: prefer(row, event, payload, &tally)
    case .erase:
      table.clear(event.pointee.viewer)
      effect.flags.insert(.erased)
    case .availability: break
    }
  }

  /// Asks for the rows of an event about 16 events before it is folded.
  ///
  /// Mutating, like all that the loop over events calls: only so is the fold used where it lies. Lent for reading, its
  /// 1,064 bytes were copied, twice an event.
  @inline(__always)
  public mutating func prefetchRows(_ event: UnsafePointer<Event>) {
    if event.pointee.title != Event.none {
      prefetchShared(catalog.title(event.pointee.title), bytes: MemoryLayout<TitleFacts>.stride)
    }
    guard event.pointee.viewer != Event.none else { return }
    // Histograms, in the rest of the row, are of watches.
    let whole = keepsLists && event.pointee.kind == .watch
    prefetch(table.row(event.pointee.viewer), bytes: whole ? MemoryLayout<ViewerRow>.stride : 128)
    if table.stride > 0 { prefetch(table.vector(event.pointee.viewer), bytes: table.stride * 4) }
    if Self.remembers(event), options.folds.contains(.history) { lightest.prefetch(event.pointee.viewer) }
  }

  /// Asks for the title's vector and genres, and for what the viewer's lists begin with, about 8 events before the fold,
  /// when its facts and the row have arrived.
  @inline(__always)
  public mutating func prefetchVector(_ event: UnsafePointer<Event>) {
    if keepsLists, event.pointee.viewer != Event.none, let lists = table.row(event.pointee.viewer).pointee.lists {
      lists.prefetch(countsAlone: !Self.remembers(event))
    }
    guard event.pointee.title != Event.none else { return }
    let facts = catalog.title(event.pointee.title)
    if let genres = facts.pointee.genreSymbols.baseAddress { prefetchShared(genres, bytes: 16) }
    if let vector = facts.pointee.vector { prefetchShared(vector, bytes: table.stride * 4) }
  }

  /// Asks for the ends of the lists that are searched from there and appended to, about 4 events before the fold, when
  /// the front of the block has arrived.
  @inline(__always)
  public mutating func prefetchEnds(_ event: UnsafePointer<Event>) {
    if keepsLists, event.pointee.viewer != Event.none, let lists = table.row(event.pointee.viewer).pointee.lists {
      lists.prefetchEnds(history: Self.remembers(event), caps: event.pointee.kind != .rate)
    }
  }

  /// Whether an event searches and moves the history and affinities.
  @inline(__always)
  private static func remembers(_ event: UnsafePointer<Event>) -> Bool {
    event.pointee.kind == .watch || event.pointee.kind == .rate
  }

  /// Ends the state of viewers whose idle time ended before `mergeTime` (timers run after every record at their time).
  ///
  /// - Returns: Their slots, by time; they are marked, and their rows are to be deleted.
  public mutating func advance(to mergeTime: Int64) -> [UInt32] {
    var expired: [UInt32] = []
    while let due = idle.next, due < mergeTime {
      let slot = idle.pop().slot
      let row = table.row(slot)
      guard row.pointee.isAlive else {
        row.pointee.s.bits &= ~4
        continue
      }
      let end = row.pointee.s.touchedAt + options.viewerIdleMs
      if end < mergeTime {
        row.pointee.s.bits &= ~4
        table.clear(slot)
        publishing.mark(slot)
        saving.mark(slot)
        expired.append(slot)
      } else {
        idle.push(slot, due: end)
      }
    }
    return expired
  }

  /// When ``advance(to:)`` may next find something, unix ms.
  public var nextTimer: Int64? { mutating get { options.viewerIdleMs > 0 ? idle.next : nil } }

  /// After rows were loaded from a state: they wait for their idle time again.
  public mutating func finishLoading() {
    guard options.viewerIdleMs > 0 else { return }
    for slot in 0..<UInt32(min(table.slots, ids.viewers.count)) where owns(slot) {
      let row = table.row(slot)
      guard row.pointee.isAlive, row.pointee.s.bits & 4 == 0 else { continue }
      row.pointee.s.bits |= 4
      idle.push(slot, due: row.pointee.s.touchedAt + options.viewerIdleMs)
    }
  }

  /// True if this shard holds the viewer.
  public mutating func owns(_ slot: UInt32) -> Bool {
    shards == 1 || KeySlots.shard(ids.viewers.hash(of: slot), of: shards) == shard
  }

  /// The viewer's row, begun anew if there was none or its idle time is over.
  @inline(__always)
  private mutating func wake(_ event: UnsafePointer<Event>) -> UnsafeMutablePointer<ViewerRow> {
    let row = table.row(event.pointee.viewer)
    if options.viewerIdleMs > 0 {
      if row.pointee.isAlive, event.pointee.mergeTime > row.pointee.s.touchedAt + options.viewerIdleMs {
        table.clear(event.pointee.viewer)
      }
      if row.pointee.s.bits & 4 == 0 {
        row.pointee.s.bits |= 4
        idle.push(event.pointee.viewer, due: event.pointee.mergeTime + options.viewerIdleMs)
      }
    }
    if keepsLists, row.pointee.lists == nil { row.begin(in: arena) }
    row.pointee.s.bits |= 1
    row.pointee.s.touchedAt = event.pointee.mergeTime
    publishing.mark(event.pointee.viewer)
    saving.mark(event.pointee.viewer)
    return row
  }

  private mutating func watch(
    _ row: UnsafeMutablePointer<ViewerRow>, _ event: UnsafePointer<Event>, _ payload: Payload, _ effect: inout Effect,
    _ tally: inout Tally
  ) {
    let isProgress = event.pointee.flags.contains(.progress)
    guard !isProgress else {
      if options.folds.contains(.session) { visit(row, event) }
      return
    }
    let facts = catalog.title(event.pointee.title)
    let completion = event.pointee.completion(runtimeMinutes: facts.pointee.runtimeMinutes) ?? 0
    let isComplete = completion >= options.completeAt || event.pointee.flags.contains(.completed)
    effect.flags.insert(.watch)
    effect.completion = completion
    effect.trendWeight = options.trendWatch
    effect.signal = isComplete ? .watchComplete : .watchPartial
    if isComplete {
      effect.flags.insert(.complete)
      if !isCapped || isWithinCap(row, event, event.pointee.title, .completions, &tally) {
        effect.flags.insert(.countedCompletion)
      }
    }
    row.pointee.s.watches += 1
    if options.folds.contains(.session) {
      visit(row, event)
      row.pointee.s.interactions += 1
      if isComplete { row.pointee.s.conversions += 1 }
    }
    if !options.folds.isDisjoint(with: [.affinity, .history]) {
      effect.engagement = engagement(row, event, completion)
      if options.affinitySignal == .watch { feel(row, event, facts, effect.engagement) }
      if options.folds.contains(.history) { remember(row, event, facts, Float(effect.engagement), isRated: false) }
    }
    if options.folds.contains(.temporal) { clock(row, event) }
    if options.folds.contains(.traits), facts.pointee.year != 0 {
      let year = clamp01((Double(facts.pointee.year) - 1900) / 125)
      row.pointee.s.recency = options.recencyDecay * row.pointee.s.recency + (1 - options.recencyDecay) * year
    }
    feedback(row, event, facts, &effect, &tally)
  }

  private mutating func click(
    _ row: UnsafeMutablePointer<ViewerRow>, _ event: UnsafePointer<Event>, _ payload: Payload, _ effect: inout Effect,
    _ tally: inout Tally
  ) {
    effect.signal = .click
    effect.trendWeight = options.trendClick
    if !isCapped || isWithinCap(row, event, event.pointee.title, .clicks, &tally) { effect.flags.insert(.countedClick) }
    if options.folds.contains(.session) {
      visit(row, event)
      row.pointee.s.interactions += 1
    }
    feedback(row, event, catalog.title(event.pointee.title), &effect, &tally)
  }

  private mutating func rate(
    _ row: UnsafeMutablePointer<ViewerRow>, _ event: UnsafePointer<Event>, _ payload: Payload, _ effect: inout Effect,
    _ tally: inout Tally
  ) {
    let half = Int32(event.pointee.rate)
    let share = (event.pointee.rate / 2 - 1) / 4
    effect.signal = .rate
    effect.ratingCount = 1
    effect.ratingHalfStars = half
    if options.trust.replacesRatings, options.folds.contains(.trust),
      let old = replaceRating(row, event.pointee.title, half)
    {
      effect.ratingCount = 0
      effect.ratingHalfStars = half - old
    }
    if options.folds.contains(.session) {
      visit(row, event)
      row.pointee.s.interactions += 1
    }
    let facts = catalog.title(event.pointee.title)
    if options.affinitySignal == .rate { feel(row, event, facts, share) }
    if options.folds.contains(.history) { remember(row, event, facts, Float(share), isRated: true) }
    feedback(row, event, facts, &effect, &tally)
  }

  private mutating func interact(
    _ row: UnsafeMutablePointer<ViewerRow>, _ event: UnsafePointer<Event>, _ payload: Payload, _ effect: inout Effect,
    _ tally: inout Tally
  ) {
    let isUndo = event.pointee.flags.contains(.undo)
    if !isUndo {
      effect.signal = RewardSignal(event.pointee.action)
      if event.pointee.action == .correction { effect.flags.insert(.correction) }
    }
    if options.folds.contains(.session) {
      visit(row, event)
      switch event.pointee.action {
      case .view: row.pointee.s.pageViews += 1
      case .ignore: break
      default: row.pointee.s.interactions += 1
      }
      if event.pointee.action == .purchase, !isUndo { row.pointee.s.conversions += 1 }
    }
    if options.folds.contains(.memory), let flag = TitleFlag(event.pointee.action) {
      setFlag(row, event.pointee.title, flag, on: !isUndo)
    }
    feedback(row, event, catalog.title(event.pointee.title), &effect, &tally)
  }

  /// What watch, click, rate and interaction have in common: count, context, value, vector, attribution.
  @inline(__always)
  private mutating func feedback(
    _ row: UnsafeMutablePointer<ViewerRow>, _ event: UnsafePointer<Event>, _ facts: UnsafePointer<TitleFacts>,
    _ effect: inout Effect, _ tally: inout Tally
  ) {
    row.pointee.s.n += 1
    if options.folds.contains(.context) { count(row, event) }
    if effect.signal != .none {
      effect.flags.insert(.feedback)
      let stars = event.pointee.kind == .rate ? event.pointee.rate / 2 : 0
      effect.value = options.rewards.value(
        effect.signal, completion: effect.completion, stars: stars, feedbackMs: event.pointee.timeToFeedback,
        position: event.pointee.position)
      effect.media =
        usesMedia
        ? effect.value
        : media.value(
          effect.signal, completion: effect.completion, stars: stars, feedbackMs: event.pointee.timeToFeedback,
          position: event.pointee.position)
      if options.folds.contains(.vector), let c = facts.pointee.vector {
        move(row, event.pointee.viewer, c, facts, &effect)
      }
    }
    if options.folds.contains(.decisions) { attribute(row, event, &effect, &tally) }
  }

  /// D4: u <- unit(decay u + (1 - decay) g unit(c)); while zero only a positive g moves it. Plain form: without units.
  @inline(__always)
  private mutating func move(
    _ row: UnsafeMutablePointer<ViewerRow>, _ slot: UInt32, _ c: UnsafePointer<Float>,
    _ facts: UnsafePointer<TitleFacts>, _ effect: inout Effect
  ) {
    let u = table.vector(slot)
    if options.vectorForm == .plain {
      kernels.ema(u, toward: c, decay: decay, scale: Float(step * effect.value), count: table.stride)
      row.pointee.s.bits |= 2
      effect.flags.insert(.moved)
      return
    }
    let g = effect.value
    guard g != 0, facts.pointee.inverseNorm > 0, row.pointee.isWarm || g > 0 else { return }
    // Cold, the direction alone counts: any positive scale gives unit(c).
    let scale = (row.pointee.isWarm ? step * g : 1) * Double(facts.pointee.inverseNorm)
    let norm = kernels.emaUnit(u, toward: c, decay: decay, scale: Float(scale), count: table.stride)
    row.pointee.s.bits = norm > 0 ? row.pointee.s.bits | 2 : row.pointee.s.bits & ~2
    effect.flags.insert(.moved)
  }
}
