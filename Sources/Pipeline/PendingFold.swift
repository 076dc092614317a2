import Bandits
import Events
import JSON
import Kernels
import Learners

/// Decisions of one shard's viewers that wait for their rewards (stage U, behind the viewer's own fold).
///
/// A decision is opened by its record or its impression, whichever folds first; feedback joins it by (viewer,
/// decision id) and title; an item's reward is a maximum over a total order, so the order of arrival cannot show.
/// Timers stand in merge time: a decision's short window ends for all its items at once, later stages wait on.
///
/// - Complexity: O(items) a decision and a lookup for feedback that names one; nothing for other events.
struct PendingFold: ~Copyable {
  let options: DecisionOptions
  let ids: Identities
  let catalog: Catalog
  let viewers: ViewerTable
  let shard: Int
  let shards: Int
  let dimension: Int
  private let scale: ContextScale
  /// Contexts are worth keeping: somebody learns from them.
  private let needsContext: Bool
  private let needsPolicy: Bool
  private let ceiling: Int
  private var assembly: ContextAssembly
  private(set) var slots: [PendingSlot]
  private var timers = RowHeap()
  /// Rows to publish and rows to save, by number (`row * 64 + key slot`).
  var publishing = PublishQueue()
  var saving = DirtySet()
  var taught = LessonList()
  private var entry: Int32 = 0
  private var lessonNumber: Int32 = 0

  init(
    _ options: DecisionOptions, learn: LearnOptions, ids: Identities, catalog: Catalog, viewers: ViewerTable,
    shard: Int, of shards: Int
  ) {
    self.options = options
    self.ids = ids
    self.catalog = catalog
    self.viewers = viewers
    self.shard = shard
    self.shards = shards
    dimension = options.layout.dimension
    scale = options.layout.scale
    needsContext = !options.models.isEmpty || options.resolvedEncoder != nil
    needsPolicy = options.models.contains { $0.arm == .policy }
    ceiling = options.maxBytes / PendingSlot.count
    assembly = ContextAssembly(options, learn)
    slots = Array(repeating: PendingSlot(), count: PendingSlot.count)
  }

  /// When ``advance(to:_:)`` may next find something, Unix ms.
  var nextTimer: Int64? { timers.first?.key }
  /// Decisions waiting for a reward, feedback waiting for its decision, and declared bytes.
  var waiting: Int { slots.reduce(0) { $0 + $1.waiting } }
  var early: Int { slots.reduce(0) { $0 + $1.early } }
  var bytes: Int { slots.reduce(0) { $0 + $1.bytes } }

  private func keySlot(_ viewer: UInt32) -> Int { KeySlots.slot(ids.viewers.hash(of: viewer)) }
  private func number(_ row: UInt32, _ slot: Int) -> UInt32 { row * UInt32(PendingSlot.count) + UInt32(slot) }

  // MARK: Events

  /// Folds an event of an own viewer behind ``ViewerFold``.
  @inline(__always)
  mutating func fold(
    _ event: UnsafePointer<Event>, _ payload: Payload, _ effect: Effect, entry: Int, _ tally: inout Tally
  ) {
    guard event.pointee.decisionHash != 0 || event.pointee.kind == .erase, effect.flags.contains(.folded),
      event.pointee.viewer != Event.none
    else { return }
    self.entry = Int32(entry)
    lessonNumber = 0
    take(event, payload, effect, &tally)
  }

  @inline(never)
  private mutating func take(
    _ event: UnsafePointer<Event>, _ payload: Payload, _ effect: Effect, _ tally: inout Tally
  ) {
    switch event.pointee.kind {
    case .impression: open(event, payload, &tally)
    case .decision:
      if event.pointee.flags.contains(.cancels) { return cancel(event, &tally) }
      open(event, payload, &tally)
    case .watch, .click, .rate, .interaction:
      if effect.flags.contains(.feedback) { feedback(event, payload, effect, &tally) }
    case .erase: erase(event.pointee.viewer, at: event.pointee.mergeTime)
    case .search, .preference, .availability: break
    }
  }

  /// The row of an event's decision, taken out; made if need be.
  private mutating func row(_ event: UnsafePointer<Event>, _ payload: Payload, _ slot: Int) -> (UInt32, PendingDecision)
  {
    if let row = slots[slot].find(event.pointee.viewer, event.pointee.decisionHash) {
      var decision = slots[slot].take(row)
      if decision.state == .gone { slots[slot].renew(&decision) }
      return (row, decision)
    }
    let id = payload.field(.decisionID).map { Array($0) } ?? []
    return slots[slot].make(event.pointee.viewer, event.pointee.decisionHash, id)
  }

  /// Puts a row back after it changed.
  private mutating func put(_ decision: consuming PendingDecision, _ row: UInt32, _ slot: Int, isNew: Bool) {
    if decision.due != decision.queued, decision.due != .max { timers.push(decision.due, number(row, slot)) }
    decision.queued = decision.due
    slots[slot].put(decision, at: row)
    if isNew { slots[slot].enqueue(decision, at: row) }
    saving.mark(number(row, slot))
  }

  /// An impression, a decision record or an activation.
  private mutating func open(_ event: UnsafePointer<Event>, _ payload: Payload, _ tally: inout Tally) {
    let slot = keySlot(event.pointee.viewer)
    let isRecord = event.pointee.kind == .decision
    let isActivation = event.pointee.flags.contains(.activates)
    var (row, decision) = row(event, payload, slot)
    let before = decision.state
    guard before != .finished else { return slots[slot].put(decision, at: row) }
    if isRecord, !isActivation {
      decision.decidedAt = min(decision.decidedAt, event.pointee.time)
      if event.pointee.flags.contains(.deferred) { decision.isDeferred = true }
    } else {
      decision.shownAt = min(decision.shownAt, event.pointee.time)
      if isActivation, before == .early { tally.add(.decisionUnknown) }
    }
    if let policy = payload.field(.policy), isRecord && !isActivation || decision.policy.isEmpty {
      decision.policy = Array(policy)
    }
    let replaced = list(&decision, event, payload, &tally)
    settle(&decision, replaced, at: event.pointee.mergeTime, isTimer: false, &tally)
    if decision.state == .open {
      decision.updatedAt = event.pointee.mergeTime
      publishing.mark(number(row, slot))
    }
    put(decision, row, slot, isNew: decision.state != before)
    evict(slot, at: event.pointee.mergeTime, &tally)
  }

  /// Takes over a record's items; returns the contexts that it replaces of items which have taught, by item, as they
  /// were; empty = there was none, so that nothing was learned yet.
  private mutating func list(
    _ decision: inout PendingDecision, _ event: UnsafePointer<Event>, _ payload: Payload, _ tally: inout Tally
  ) -> [Int: [Int16]] {
    guard let bytes = payload.field(.items), let base = bytes.baseAddress else { return [:] }
    let count = bytes.count / ShownItem.byteCount
    let logged = needsContext ? loggedContexts(payload, count, &tally) : nil
    var replaced: [Int: [Int16]] = [:]
    var situation: ContextFacts?
    var isSituationKnown = false
    let viewer = viewers.row(event.pointee.viewer)
    for k in 0..<count {
      let shown = ShownItem(reading: base + k * ShownItem.byteCount)
      let known = decision.index(of: shown.title)
      let i = known ?? decision.items.count
      if known == nil {
        decision.items.append(PendingItem(title: shown.title, reward: PendingReward(start: decision.start)))
        if needsContext { decision.cells.append(contentsOf: repeatElement(0, count: dimension)) }
      }
      decision.items[i].isListed = true
      if decision.items[i].position == 0 { decision.items[i].position = shown.position }
      decision.items[i].explored = decision.items[i].explored || shown.explored
      if decision.items[i].propensity.isNaN { decision.items[i].propensity = shown.propensity }
      if decision.items[i].score.isNaN { decision.items[i].score = shown.score }
      guard needsContext, !decision.items[i].isClosed else { continue }
      let place = i * dimension
      if let logged {
        guard decision.items[i].context != .logged else { continue }
        if decision.items[i].reward.told != nil {
          let had = decision.items[i].context != .none
          replaced[i] = had ? Array(decision.cells[place..<(place + dimension)]) : []
        }
        for j in 0..<dimension { decision.cells[place + j] = logged[k * dimension + j] }
        decision.items[i].context = .logged
      } else if decision.items[i].context == .none {
        if !isSituationKnown {
          isSituationKnown = true
          situation = assembly.situation(
            event, decision.policy, viewer, viewers.dimension > 0 ? viewers.vector(event.pointee.viewer) : nil,
            dimension: viewers.dimension)
        }
        guard let situation,
          let x = assembly.context(
            situation, catalog.title(shown.title).pointee, viewer, event, dimension: viewers.dimension, ids: ids)
        else { continue }
        write(x, to: &decision.cells, at: place)
        decision.items[i].context = .assembled
      }
    }
    return replaced
  }

  /// The record's own contexts, clamped and rounded as the sums take them; nil where it brought none of this layout.
  private func loggedContexts(_ payload: Payload, _ count: Int, _ tally: inout Tally) -> [Int16]? {
    guard let bytes = payload.field(.features), bytes.count > 4, count > 0 else { return nil }
    let raw = UnsafeRawBufferPointer(bytes)
    let step = Float(bitPattern: raw.loadUnaligned(as: UInt32.self))
    let width = step == 0 ? 4 : 2
    guard raw.count - 4 == count * dimension * width else {
      tally.add(.contextLength)
      return nil
    }
    var cells = [Int16](repeating: 0, count: count * dimension)
    var x = [Double](repeating: 0, count: dimension)
    for item in 0..<count {
      for j in 0..<dimension {
        let at = 4 + (item * dimension + j) * width
        x[j] =
          width == 4
          ? Double(Float(bitPattern: raw.loadUnaligned(fromByteOffset: at, as: UInt32.self)))
          : Double(raw.loadUnaligned(fromByteOffset: at, as: Int16.self)) * Double(step)
      }
      write(x, to: &cells, at: item * dimension)
    }
    return cells
  }

  private func write(_ x: [Double], to cells: inout [Int16], at place: Int) {
    for j in 0..<dimension {
      let held = max(-scale.limits[j], min(scale.limits[j], x[j]))
      cells[place + j] = Int16(Production.cell(context: held, step: scale.steps[j]))
    }
  }

  /// Brings the rewards in line with where the windows begin now and with the contexts now known.
  private mutating func settle(
    _ decision: inout PendingDecision, _ replaced: [Int: [Int16]], at: Int64, isTimer: Bool, _ tally: inout Tally
  ) {
    guard let start = decision.startWanted else {
      if decision.state == .early, decision.decidedAt != .max {
        decision.state = .deferred
        decision.due = decision.decidedAt + options.windows.explicit
      } else if decision.state == .early, decision.due == .max {
        decision.due = at + options.windows.explicit
      }
      return
    }
    let isFirst = decision.state != .open
    if isFirst { decision.state = .open }
    let moved = isFirst || start != decision.start
    for i in decision.items.indices where !decision.items[i].isClosed {
      let old = decision.items[i].reward
      guard decision.items[i].isListed else { continue }
      let isJudged = moved || (old.told == nil && !decision.items[i].heard.isEmpty)
      guard isJudged || replaced[i] != nil else { continue }
      var fresh = PendingReward(start: start, position: Int(decision.items[i].position))
      if isJudged {
        for signal in decision.items[i].heard.sorted() {
          let (_, outcome) = fresh.take(signal, options.windows)
          if old.told == nil { tally.add(outcome == .joined ? .rewardJoinedEarly : .rewardLate) }
        }
      } else {
        fresh = old
      }
      decision.items[i].reward = fresh
      if let told = old.told {
        if let x = replaced[i] {
          if !x.isEmpty { teach(decision, i, .retract(told), decision.start, x, at, isTimer) }
          if let now = fresh.told { teach(decision, i, .learn(now), start, nil, at, isTimer) }
        } else if moved {
          teach(decision, i, .retract(told), decision.start, nil, at, isTimer)
          if let now = fresh.told { teach(decision, i, .learn(now), start, nil, at, isTimer) }
        }
      } else if let now = fresh.told {
        teach(decision, i, .learn(now), start, nil, at, isTimer)
      }
    }
    decision.start = start
    if decision.isStartFinal {
      for i in decision.items.indices where decision.items[i].isListed { decision.items[i].heard.removeAll() }
    }
    if !decision.isPastShort { decision.due = start + options.windows.short }
  }

  private mutating func feedback(
    _ event: UnsafePointer<Event>, _ payload: Payload, _ effect: Effect, _ tally: inout Tally
  ) {
    let slot = keySlot(event.pointee.viewer)
    var (row, decision) = row(event, payload, slot)
    let signal = Signal(
      stage: Int(effect.signal.stage), time: event.pointee.time,
      event: payload.text(.eventID) ?? String(event.pointee.idHash, radix: 16), reward: effect.value)
    if decision.state == .finished {
      tally.add(.rewardLate)
      return slots[slot].put(decision, at: row)
    }
    let isNew = decision.state == .early && decision.items.isEmpty && decision.due == .max
    let known = decision.index(of: event.pointee.title)
    if known.map({ !decision.items[$0].isListed }) ?? true || decision.state != .open {
      guard decision.state != .open || !decision.isStartFinal else {
        tally.add(.rewardLate)
        return slots[slot].put(decision, at: row)
      }
      let i = known ?? decision.items.count
      if known == nil {
        decision.items.append(PendingItem(title: event.pointee.title, reward: PendingReward(start: 0)))
        if needsContext { decision.cells.append(contentsOf: repeatElement(0, count: dimension)) }
      }
      decision.items[i].hear(signal)
      tally.add(.rewardEarly)
      if decision.state == .early {
        let due = event.pointee.mergeTime + options.windows.explicit
        if decision.due == .max { decision.due = due }
      }
      put(decision, row, slot, isNew: isNew)
      return evict(slot, at: event.pointee.mergeTime, &tally)
    }
    let i = known!
    guard !decision.items[i].isClosed else {
      tally.add(.rewardLate)
      return slots[slot].put(decision, at: row)
    }
    if !decision.isStartFinal { decision.items[i].hear(signal) }
    let before = decision.items[i].reward.best?.stage
    let (action, outcome) = decision.items[i].reward.take(signal, options.windows)
    switch outcome {
    case .joined: tally.add(.rewardJoined)
    case .outOfOrder: tally.add(.rewardOutOfOrder)
    default: tally.add(.rewardLate)
    }
    act(decision, i, action, event.pointee.mergeTime, isTimer: false)
    if action == .nothing, outcome == .joined, before != signal.stage {
      // The same reward from a higher stage moves no sum, but the item's last line names the stage that decided,
      // whichever of the two came first.
      teach(
        decision, i, .correct(from: signal.reward, to: signal.reward), decision.start, nil, event.pointee.mergeTime,
        false)
    }
    if outcome == .joined {
      decision.updatedAt = event.pointee.mergeTime
      publishing.mark(number(row, slot))
    }
    slots[slot].put(decision, at: row)
    saving.mark(number(row, slot))
    if !decision.isStartFinal { evict(slot, at: event.pointee.mergeTime, &tally) }
  }

  private mutating func cancel(_ event: UnsafePointer<Event>, _ tally: inout Tally) {
    let slot = keySlot(event.pointee.viewer)
    guard let row = slots[slot].find(event.pointee.viewer, event.pointee.decisionHash),
      slots[slot].rows[Int(row)]?.state != .gone
    else { return tally.add(.decisionUnknown) }
    tally.add(.decisionCancelled)
    drop(row, slot, at: event.pointee.mergeTime)
  }

  private mutating func erase(_ viewer: UInt32, at time: Int64) {
    let slot = keySlot(viewer)
    for row in slots[slot].rows.indices where slots[slot].rows[row]?.viewer == viewer {
      drop(UInt32(row), slot, at: time)
    }
  }

  // MARK: Time

  /// Runs every timer due before `time`, each at its own moment, in front of the turn's record at `entry`.
  mutating func advance(to time: Int64, entry: Int, _ tally: inout Tally) {
    self.entry = Int32(entry)
    while let next = timers.first, next.key < time {
      _ = timers.pop()
      let slot = Int(next.row) % PendingSlot.count
      let row = next.row / UInt32(PendingSlot.count)
      guard Int(row) < slots[slot].rows.count, slots[slot].rows[Int(row)]?.due == next.key else { continue }
      lessonNumber = 0
      expire(row, slot, at: next.key, &tally)
    }
  }

  private mutating func expire(_ row: UInt32, _ slot: Int, at time: Int64, _ tally: inout Tally) {
    var decision = slots[slot].take(row)
    switch decision.state {
    case .early, .deferred:
      tally.add(.rewardLate, UInt64(decision.items.reduce(0) { $0 + $1.heard.count }))
      slots[slot].put(decision, at: row)
      return drop(row, slot, at: time)
    case .finished, .gone:
      slots[slot].put(decision, at: row)
      return drop(row, slot, at: time)
    case .open: break
    }
    let isLast = decision.isPastShort
    let lowest = decision.lowest
    decision.isPastShort = true
    var isWaiting = false
    for i in decision.items.indices where !decision.items[i].isClosed {
      if decision.items[i].isListed, decision.items[i].reward.best == nil {
        let seen = options.observed.holds(
          position: Int(decision.items[i].position), lowest: lowest, hasFeedback: false)
        let (action, outcome) = decision.items[i].reward.expire(seen: seen, fallback: options.fallback)
        act(decision, i, action, time, isTimer: true)
        if outcome == .defaulted { tally.add(.rewardDefault) }
        if outcome == .unobserved, isLast || !options.waitsForAll { tally.add(.rewardUnobserved) }
      }
      let stays =
        !isLast && decision.items[i].isListed && (decision.items[i].reward.best != nil || options.waitsForAll)
      if stays {
        isWaiting = true
      } else {
        decision.items[i].isClosed = true
        decision.items[i].heard.removeAll()
      }
    }
    decision.updatedAt = time
    publishing.mark(number(row, slot))
    if isWaiting {
      decision.due = decision.start + options.windows.explicit
      return put(decision, row, slot, isNew: false)
    }
    decision.state = .finished
    decision.items.removeAll { !$0.isListed }
    decision.cells = []
    decision.policy = []
    decision.due = max(decision.start + options.keepMs, time + 1)
    put(decision, row, slot, isNew: true)
  }

  /// Ends a row; its key, if it has one, is deleted from the store before it is forgotten.
  private mutating func drop(_ row: UInt32, _ slot: Int, at time: Int64) {
    var decision = slots[slot].take(row)
    saving.mark(number(row, slot))
    let isPublished =
      decision.state == .open || decision.state == .finished || decision.state == .gone || decision.owesDelete
    guard isPublished else { return slots[slot].remove(decision, at: row) }
    decision.state = .gone
    decision.items = []
    decision.cells = []
    decision.policy = []
    decision.due = .max
    decision.deletion = decision.deletion == .max ? 1 : decision.deletion + 1
    slots[slot].put(decision, at: row)
    publishing.mark(number(row, slot))
  }

  private mutating func evict(_ slot: Int, at time: Int64, _ tally: inout Tally) {
    while slots[slot].bytes > ceiling, let row = slots[slot].nextToGo() {
      if let decision = slots[slot].rows[Int(row)], decision.state != .finished {
        tally.add(.rewardEvicted, UInt64(decision.items.reduce(0) { $0 + ($1.isClosed ? 0 : 1) }))
      }
      drop(row, slot, at: time)
    }
  }

  // MARK: Lessons

  private mutating func act(
    _ decision: PendingDecision, _ item: Int, _ action: RewardAction, _ at: Int64, isTimer: Bool
  ) {
    switch action {
    case .nothing: break
    case .learn(let reward): teach(decision, item, .learn(reward), decision.start, nil, at, isTimer)
    case .correct(let old, let new):
      teach(decision, item, .correct(from: old, to: new), decision.start, nil, at, isTimer)
    }
  }

  /// - Parameter x: The context in place of the item's own.
  private mutating func teach(
    _ decision: PendingDecision, _ item: Int, _ change: Lesson.Change, _ time: Int64, _ x: [Int16]?, _ at: Int64,
    _ isTimer: Bool
  ) {
    guard needsContext, decision.items[item].context != .none else { return }
    lessonNumber += 1
    var lesson = Lesson(
      at: at, isTimer: isTimer, entry: entry, decision: decision.hash,
      viewer: ids.viewers.hash(of: decision.viewer), number: lessonNumber, change: change,
      title: decision.items[item].title, time: time, cells: taught.cells.count, policy: -1, resolved: -1)
    if let x {
      taught.cells += x
    } else {
      taught.cells += decision.cells[(item * dimension)..<((item + 1) * dimension)]
    }
    if needsPolicy {
      lesson.policy = Int32(taught.policies.count)
      taught.policies.append(ResolvedItem.policyName(decision.policy))
    }
    if options.resolvedEncoder != nil, let resolved = resolved(decision, item, change, time, at) {
      lesson.resolved = Int32(taught.resolved.count)
      taught.resolved.append(resolved)
    }
    taught.lessons.append(lesson)
  }

  private func resolved(
    _ decision: PendingDecision, _ item: Int, _ change: Lesson.Change, _ time: Int64, _ at: Int64
  ) -> ResolvedItem? {
    let reward: Double
    var previous: Double?
    switch change {
    case .retract: return nil  // what it learns instead follows
    case .learn(let now): reward = now
    case .correct(let old, let now): (reward, previous) = (now, old)
    }
    var items: [ResolvedItem.Item] = []
    var index = 0
    for (k, own) in decision.items.enumerated() where own.isListed {
      if k == item { index = items.count }
      items.append(
        ResolvedItem.Item(
          content: ids.titles.text(own.title), position: Int(own.position), propensity: Double(own.propensity),
          score: Double(own.score), explored: own.explored,
          x: (0..<dimension).map { Double(decision.cells[k * dimension + $0]) * scale.steps[$0] }))
    }
    return ResolvedItem(
      decisionID: String(decoding: decision.id, as: UTF8.self), userID: ids.viewers.text(decision.viewer), time: time,
      at: at, policy: decision.policy, items: items, index: index, reward: reward,
      stage: decision.items[item].reward.best?.stage ?? 0, previous: previous,
      isAssembled: decision.items[item].context == .assembled)
  }

  // MARK: Rows

  func decision(_ number: UInt32) -> PendingDecision? {
    let slot = Int(number) % PendingSlot.count
    let row = Int(number) / PendingSlot.count
    return row < slots[slot].rows.count ? slots[slot].rows[row] : nil
  }

  /// The store has confirmed what was published: a row that was gone is forgotten, if no later deletion is owed.
  mutating func confirm(_ number: UInt32, deletion: UInt8) {
    guard deletion != 0, let decision = decision(number), decision.deletion == deletion else { return }
    let slot = Int(number) % PendingSlot.count
    let row = number / UInt32(PendingSlot.count)
    guard decision.state == .gone else {
      slots[slot].rows[Int(row)]!.deletion = 0
      return saving.mark(number)
    }
    let taken = slots[slot].take(row)
    slots[slot].remove(taken, at: row)
    saving.mark(number)
  }

  /// Takes a stored row back; returns its viewer, nil = it does not decode.
  mutating func load(_ number: UInt32, _ row: UnsafeRawBufferPointer) -> UInt32? {
    guard var decision = PendingDecision(decoding: row) else { return nil }
    decision.queued = decision.due
    let slot = Int(number) % PendingSlot.count
    slots[slot].restore(decision, at: number / UInt32(PendingSlot.count))
    if decision.due != .max { timers.push(decision.due, number) }
    if decision.state == .gone || decision.owesDelete { publishing.mark(number) }
    return decision.viewer
  }

  mutating func finishLoading() { for slot in slots.indices { slots[slot].finishLoading() } }

  /// Numbers of all rows with a key in the store, ascending.
  var published: [UInt32] {
    slots.indices.flatMap { slot in
      slots[slot].rows.indices.compactMap { row in
        guard let decision = slots[slot].rows[row],
          decision.owesDelete || (decision.state != .early && decision.state != .deferred)
        else { return nil }
        return number(UInt32(row), slot)
      }
    }.sorted()
  }

  /// Numbers of all rows that hold something.
  var kept: [UInt32] {
    slots.indices.flatMap { slot in
      slots[slot].rows.indices.compactMap { row in
        guard let decision = slots[slot].rows[row], decision.state != .gone else { return nil }
        return number(UInt32(row), slot)
      }
    }
  }
}

extension ResolvedItem {
  /// Name of the policy in what a decision record said of itself.
  static func policyName(_ policy: [UInt8]) -> String {
    guard !policy.isEmpty else { return "" }
    return (try? JSONValue(parsing: policy))?["policy"]?.string ?? ""
  }
}
