import Events
import Kernels
import Learners
import Ports

/// Rows to and from the state. Each carries the id of its slot, so a state explains itself.
extension Road {
  /// Copies what changed since the last save and completes the manifest.
  ///
  /// - Parameter viewers: At most so many viewers of each shard; fewer than changed only where nobody will fold on.
  func save(into snapshot: inout Snapshot, manifest: inout Manifest, viewers: Int = .max) {
    if hasThreads, unsavedRows >= Self.rowsSideBySide {
      saveSideBySide(into: &snapshot, viewers: viewers)
    } else {
      for shard in 0..<shards { saveRows(of: shard, into: &snapshot, viewers: viewers) }
    }
    if let pendingFolds {
      for shard in 0..<shards {
        pendingFolds[shard].saving.drain { row in
          guard let decision = pendingFolds[shard].decision(row) else { return snapshot.delete(.pending, row) }
          snapshot.append(.pending, row) { bytes in
            bytes.putRun(ids.viewers.bytes(decision.viewer))
            decision.encode(into: &bytes)
          }
        }
      }
    }
    models?.save(into: &snapshot)
    // Ids that events named but nothing was folded into keep their slots: history and items refer to them. Some were
    // read only, so that no turn has made room for them yet.
    titles.reserve(ids.titles.count)
    while savedTitles < ids.titles.count {
      save(title: UInt32(savedTitles), into: &snapshot)
      savedTitles += 1
    }
    catalogSaving.drain { slot in
      snapshot.append(.catalog, slot) { bytes in
        bytes.putRun(ids.titles.bytes(slot))
        catalog.encode(slot, into: &bytes)
      }
    }
    if sourcesChanged {
      snapshot.append(.source, 0) { catalog.encodeSources(into: &$0) }
      sourcesChanged = false
    }
    arms?.save(into: &snapshot)
    metricFold.pointee.drainSaving { key, bytes in
      snapshot.append(.metric, Self.metricSlot(key)) { $0 += bytes }
    }
    dedup.drainChanged { row, bytes in snapshot.append(.ring, row) { $0.append(contentsOf: bytes) } }
    manifest.dedupHead = dedup.head
    manifest.dedupTail = dedup.tail
    manifest.nextSweep = sweep.next
    manifest.symbols = ids.symbols.words
    manifest.tally = totals.saved
  }

  private func saveRows(of shard: Int, into snapshot: inout Snapshot, viewers: Int) {
    var ahead = Lookahead()
    viewerFolds[shard].saving.drain(atMost: viewers) { slot in
      ahead.take(slot, far: self.viewers.prefetch, near: self.viewers.prefetchLists) {
        save(viewer: $0, into: &snapshot)
      }
    }
    ahead.finish(near: self.viewers.prefetchLists) { save(viewer: $0, into: &snapshot) }
    titleFolds[shard].saving.drain { save(title: $0, into: &snapshot) }
  }

  /// Each shard copies its own rows.
  private func saveSideBySide(into snapshot: inout Snapshot, viewers: Int) {
    var parts = (1..<shards).map { snapshot.takeShare(of: shards - $0 + 1) }
    parts.withUnsafeMutableBufferPointer { parts in
      exchange.run(turn: nil) { shard in
        if shard == 0 {
          saveRows(of: 0, into: &snapshot, viewers: viewers)
        } else {
          saveRows(of: shard, into: &parts[shard - 1], viewers: viewers)
        }
      }
    }
    for part in parts { snapshot.join(part) }
  }

  /// Viewers and titles that changed since the last save.
  var unsavedRows: Int { (0..<shards).reduce(0) { $0 + viewerFolds[$1].saving.count + titleFolds[$1].saving.count } }

  var hasUnsavedViewers: Bool { (0..<shards).contains { viewerFolds[$0].saving.count > 0 } }

  private func save(viewer slot: UInt32, into snapshot: inout Snapshot) {
    guard viewers.row(slot).pointee.isAlive else {
      guard owesDelete(ofViewer: slot) else { return snapshot.delete(.viewer, slot) }
      // The store still shows the viewer: a row of the id alone reminds the next start.
      return snapshot.append(.viewer, slot) { $0.putRun(ids.viewers.bytes(slot)) }
    }
    snapshot.append(.viewer, slot) { bytes in
      bytes.putRun(ids.viewers.bytes(slot))
      viewers.encode(slot, into: &bytes)
    }
  }

  private func save(title slot: UInt32, into snapshot: inout Snapshot) {
    snapshot.append(.title, slot) { bytes in
      bytes.putRun(ids.titles.bytes(slot))
      titles.encode(slot, into: &bytes)
    }
  }

  /// A save that failed left its rows unsaved: they are marked again.
  func saveFailed(_ snapshot: borrowing Snapshot) {
    for row in snapshot.rows {
      switch row.table {
      case .viewer: viewerFolds[shard(ofViewer: row.slot)].saving.mark(row.slot)
      case .title: titleFolds[shard(ofTitle: row.slot)].saving.mark(row.slot)
      case .catalog: catalogSaving.mark(row.slot)
      case .source: sourcesChanged = true
      case .metric: metricFold.pointee.markUnsaved(Self.metricKey(row.slot))
      case .ring: dedup.markUnsaved()
      case .pending: pendingFolds?[shard(ofDecision: row.slot)].saving.mark(row.slot)
      case .model where row.slot >= ArmStage.firstRow:
        let title = row.slot - ArmStage.firstRow
        arms?.markUnsaved(title, key: ids.titles.hash(of: title))
      case .model: models?.saveFailed(row.slot, isDeleted: row.count == 0)
      case .manifest: break
      }
    }
  }

  /// Metric rows by slot: 0 global, 1 the head, genres by symbol from 2, titles by slot behind them.
  private static let firstTitleSlot = UInt32(2 + Symbols.ceiling)

  private static func metricSlot(_ key: UInt64) -> UInt32 {
    let id = UInt32(truncatingIfNeeded: key)
    switch key >> 32 {
    case 0: return 0
    case 1: return 2 + id
    case 2: return firstTitleSlot + id
    default: return 1
    }
  }

  private static func metricKey(_ slot: UInt32) -> UInt64 {
    switch slot {
    case 0: 0
    case 1: MetricFold.headKey
    case ..<firstTitleSlot: 1 << 32 | UInt64(slot - 2)
    default: 2 << 32 | UInt64(slot - firstTitleSlot)
    }
  }

  func shard(ofViewer slot: UInt32) -> Int {
    shards == 1 ? 0 : KeySlots.shard(ids.viewers.hash(of: slot), of: shards)
  }
  /// Of a waiting decision, by its row's number.
  func shard(ofDecision row: UInt32) -> Int { Int(row) % KeySlots.count % shards }
  func shard(ofTitle slot: UInt32) -> Int {
    shards == 1 ? 0 : TitleFold.shard(ofHash: ids.titles.hash(of: slot), of: shards)
  }

  /// Takes one saved row back. Checksums were verified by the store; a row of another layout stops the start.
  func load(_ table: StateTable, _ slot: UInt32, _ row: UnsafeRawBufferPointer) {
    loadedBytes += row.count
    var reader = ByteReader(row)
    func id() -> UnsafeRawBufferPointer { reader.takeRun() }
    var isWhole = true
    func rest() -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: row[reader.at...]) }
    do {
      switch table {
      case .viewer:
        ids.viewers.restore(id(), at: slot)
        viewers.reserve(Int(slot) + 1)
        if rest().isEmpty {
          viewerFolds[shard(ofViewer: slot)].publishing.mark(slot)
        } else {
          try viewers.decode(slot, rest(), shard: shard(ofViewer: slot))
        }
      case .title:
        ids.titles.restore(id(), at: slot)
        titles.reserve(Int(slot) + 1)
        if !rest().isEmpty { try titles.decode(slot, rest()) }
      case .catalog:
        _ = id()
        if !rest().isEmpty { try catalog.decode(slot, rest()) }
      case .source: try catalog.decodeSources(row)
      case .metric: try metricFold.pointee.decode(Self.metricKey(slot), row)
      case .ring: ringRows.append(Array(row))
      case .pending:
        let viewer = Array(id())
        if let pendingFolds {
          let found = pendingFolds[shard(ofDecision: slot)].load(slot, rest())
          isWhole = found != nil
          if let found { pendingViewers.append((found, viewer)) }
        }
      case .model where slot >= ArmStage.firstRow: arms?.load(slot - ArmStage.firstRow, row)
      case .model: isWhole = models?.load(slot, row) ?? true
      case .manifest: break
      }
      precondition(isWhole, "row \(slot) of \(table) passed its checksum but does not decode")
    } catch {
      preconditionFailure("row \(slot) of \(table) passed its checksum but does not decode: \(error)")
    }
  }

  /// Joins what was loaded.
  func finishLoading(_ manifest: Manifest) {
    ids.symbols = Symbols(words: manifest.symbols)
    savedTitles = ids.titles.count
    // A viewer whose row has ended may still have decisions that wait.
    for (slot, id) in pendingViewers where slot >= ids.viewers.count || ids.viewers.bytes(slot).isEmpty {
      id.withUnsafeBytes { ids.viewers.restore($0, at: slot) }
    }
    pendingViewers.removeAll()
    viewers.reserve(ids.viewers.count)
    catalog.finishLoading(titles: ids.titles.count)
    viewers.fix(dimension: catalog.dimension)
    titles.reserve(ids.titles.count)
    dedup.restore(tail: manifest.dedupTail, head: manifest.dedupHead, rows: ringRows)
    ringRows.removeAll()
    sweep.next = manifest.nextSweep == .min ? .max : manifest.nextSweep
    tally = Tally(saved: manifest.tally)
    lastMergeTime = manifest.lastMergeTime
    metricFold.pointee.finishLoading()
    for shard in 0..<shards {
      viewerFolds[shard].finishLoading()
      pendingFolds?[shard].finishLoading()
    }
    models?.finishLoading()
  }

  /// The rows that would change the catalog as it stands.
  func changed(_ rows: [ReferenceRow]) -> [ReferenceRow] { rows.filter { catalog.differs($0, ids: ids) } }

  /// Rows of reference tables take effect; only between turns.
  func apply(_ rows: [ReferenceRow], lastMergeTime: Int64) {
    for row in rows {
      if case .source = row { sourcesChanged = true }
      for slot in catalog.apply(row, ids: ids) {
        titles.reserve(Int(slot) + 1)
        if case .title = row { catalogSaving.mark(slot) }
        titleFolds[shard(ofTitle: slot)].catalogChanged(
          slot, at: max(lastMergeTime, catalog.title(slot).pointee.lastUpdated))
      }
    }
    catalog.settle()
    viewers.fix(dimension: catalog.dimension)
  }
}
