import Events

/// Sessions (E6), shown decisions, searches, explicit preferences.
extension ViewerFold {
  /// The event belongs to the viewer's session, or begins a new one after a longer gap than the idle time.
  mutating func visit(_ row: UnsafeMutablePointer<ViewerRow>, _ event: UnsafePointer<Event>) {
    if row.pointee.s.sessionCount == 0 || event.pointee.time - row.pointee.s.sessionLast > options.sessionIdleMs {
      if row.pointee.s.sessionCount > 0, row.pointee.s.pageViews <= 1, row.pointee.s.interactions == 0 {
        row.pointee.s.bounces += 1
      }
      // With the first session the row gets fields that the store has not.
      if row.pointee.s.sessionCount == 0 { row.pointee.forgetStanding() }
      row.pointee.s.sessionCount += 1
      row.pointee.s.sessionStarted = event.pointee.time
      row.pointee.s.sessionLast = event.pointee.time
      row.pointee.s.pageViews = 0
      row.pointee.s.interactions = 0
      row.pointee.s.conversions = 0
      row.pointee.s.sessionPosition = 0
    }
    row.pointee.s.sessionLast = max(row.pointee.s.sessionLast, event.pointee.time)
    if event.pointee.sessionPosition >= 0 { row.pointee.s.sessionPosition = event.pointee.sessionPosition }
  }

  mutating func impression(
    _ row: UnsafeMutablePointer<ViewerRow>, _ event: UnsafePointer<Event>, _ payload: Payload, _ tally: inout Tally
  ) {
    if options.folds.contains(.session) {
      visit(row, event)
      row.pointee.s.pageViews += 1
    }
    guard let items = payload.field(.items), let base = items.baseAddress else { return }
    for index in 0..<(items.count / ShownItem.byteCount) {
      let bytes = base + index * ShownItem.byteCount
      var item = ShownItem(reading: bytes)
      if !catalog.title(item.title).pointee.isInCatalog { tally.add(.unknownTitle) }
      item.counted = !isCapped || isWithinCap(row, event, item.title, .impressions, &tally)
      item.write(to: bytes)
    }
    if options.folds.contains(.decisions) { show(row, event, payload, kind: 1) }
  }

  mutating func decision(_ row: UnsafeMutablePointer<ViewerRow>, _ event: UnsafePointer<Event>, _ payload: Payload) {
    if options.folds.contains(.decisions) { show(row, event, payload, kind: 2) }
  }

  /// Keeps what a decision showed. An impression and a decision record of one id are one decision: the first opens it,
  /// the other adds what is missing, up to as many items as are kept of all decisions.
  private mutating func show(
    _ row: UnsafeMutablePointer<ViewerRow>, _ event: UnsafePointer<Event>, _ payload: Payload, kind: UInt32
  ) {
    guard event.pointee.decisionHash != 0, let items = payload.field(.items), let base = items.baseAddress else {
      return
    }
    var head = ShownDecision(
      hash: event.pointee.decisionHash, time: event.pointee.time, items: 0, idBytes: 0, kinds: kind)
    var kept: [ShownTitle] = []
    if let (index, start) = find(row, event.pointee.decisionHash) {
      let old = row.decisions[index]
      head.time = old.time
      head.kinds |= old.kinds
      kept = Array(row.shown.values[start..<(start + Int(old.items))])
      drop(row, index, start)
    }
    let merges = !kept.isEmpty
    let itemsBefore = row.shown.count
    for item in kept { row.shown.append(item) }
    for index in 0..<(items.count / ShownItem.byteCount) {
      let item = ShownItem(reading: base + index * ShownItem.byteCount)
      if merges, let known = kept.firstIndex(where: { $0.title == item.title }) {
        var now = row.shown[itemsBefore + known]
        if now.position == 0, item.position > 0, item.explored || now.isExplored { row.pointee.s.exploredShown += 1 }
        now.position = item.position > 0 ? item.position : now.position
        now.isExplored = now.isExplored || item.explored
        row.shown[itemsBefore + known] = now
        continue
      }
      // A producer that names all its lists alike would let one decision grow for ever.
      guard row.shown.count - itemsBefore < options.decisionItemsKept else { continue }
      row.shown.append(
        ShownTitle(title: item.title, position: item.position, isExplored: item.explored, isAccepted: false))
      if item.explored, item.position > 0 { row.pointee.s.exploredShown += 1 }
    }
    head.items = UInt16(clamping: row.shown.count - itemsBefore)
    if let id = payload.field(.decisionID) {
      row.decisionIDs.append(contentsOf: UnsafeRawBufferPointer(id))
      head.idBytes = UInt16(clamping: id.count)
    }
    row.decisions.append(head)
    while row.decisions.count > 1,
      row.decisions.count > options.decisionsKept || row.shown.count > options.decisionItemsKept
        || row.decisions[0].time < event.pointee.mergeTime - options.decisionMs
    { drop(row, 0, 0) }
  }

  /// Feedback that names a decision which showed its title: attributed; of an explored item, once, accepted.
  mutating func attribute(
    _ row: UnsafeMutablePointer<ViewerRow>, _ event: UnsafePointer<Event>, _ effect: inout Effect, _ tally: inout Tally
  ) {
    if event.pointee.decisionHash != 0, let (index, start) = find(row, event.pointee.decisionHash),
      event.pointee.mergeTime - row.decisions[index].time <= options.decisionMs
    {
      for at in start..<(start + Int(row.decisions[index].items))
      where row.shown[at].title == event.pointee.title {
        effect.flags.insert(.attributed)
        if row.shown[at].isExplored, !row.shown[at].isAccepted, effect.media > 0 {
          row.shown[at].isAccepted = true
          row.pointee.s.exploredAccepted += 1
        }
        return
      }
    }
    effect.flags.insert(.unattributed)
    tally.add(.unattributed)
  }

  /// Index of a decision and of its first item.
  private mutating func find(_ row: UnsafeMutablePointer<ViewerRow>, _ hash: UInt64) -> (Int, Int)? {
    var start = row.shown.count
    var index = row.decisions.count - 1
    while index >= 0 {
      start -= Int(row.decisions[index].items)
      if row.decisions[index].hash == hash { return (index, start) }
      index -= 1
    }
    return nil
  }

  private mutating func drop(_ row: UnsafeMutablePointer<ViewerRow>, _ index: Int, _ start: Int) {
    let head = row.decisions[index]
    let idStart = (0..<index).reduce(0) { $0 + Int(row.decisions[$1].idBytes) }
    row.shown.remove(start, count: Int(head.items))
    row.decisionIDs.remove(idStart, count: Int(head.idBytes))
    row.decisions.remove(at: index)
  }

  mutating func search(_ row: UnsafeMutablePointer<ViewerRow>, _ event: UnsafePointer<Event>, _ payload: Payload) {
    if options.folds.contains(.session) { visit(row, event) }
    guard options.folds.contains(.memory), let query = payload.field(.query) else { return }
    row.pointee.change(.memory)
    var starts: [Int] = []
    var at = 0
    while at + 10 <= row.queries.count {
      starts.append(at)
      at += 10 + Int(row.queries[at + 8]) + Int(row.queries[at + 9]) << 8
    }
    if starts.count >= options.queries {
      let first = starts.count - options.queries + 1
      row.queries.removeFirst(first < starts.count ? starts[first] : row.queries.count)
    }
    var cell: [UInt8] = []
    cell.put(event.pointee.time)
    cell.put(UInt16(clamping: query.count))
    cell.append(contentsOf: query.prefix(Int(UInt16.max)))
    cell.withUnsafeBytes { row.queries.append(contentsOf: $0) }
  }

  mutating func prefer(
    _ row: UnsafeMutablePointer<ViewerRow>, _ event: UnsafePointer<Event>, _ payload: Payload, _ tally: inout Tally
  ) {
    guard options.folds.contains(.memory), let object = payload.field(.preference) else { return }
    row.pointee.change(.memory)
    let id = payload.field(.eventID).map { UnsafeRawBufferPointer($0) } ?? UnsafeRawBufferPointer(start: nil, count: 0)
    let isRead = ExplicitPreferences.merge(
      UnsafeRawBufferPointer(object), time: event.pointee.time, id: id, into: row.explicit)
    if !isRead { tally.add(.badPreference) }
  }
}
