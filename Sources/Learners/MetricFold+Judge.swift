/// What happens at a border of buckets.
extension MetricFold {
  /// Judges every scope at border `time`; appends alerts sorted by id.
  mutating func judge(at time: Int64, _ alerts: inout [DriftAlert]) {
    let hour = (time - Int64(drift.currentBuckets) * drift.bucketMs) / drift.hourMs
    var changed: [DriftAlert] = []
    let horizon = (hour - Int64(drift.baselineHours)) * drift.hourMs / drift.bucketMs
    for number in 0..<nodeCount {
      let node = nodes.row(number)
      if number + 4 < nodeCount, nodes.row(number + 4).pointee.rolledTo != hour {
        nodes.row(number + 4).pointee.prefetchRuns()
      }
      guard node.pointee.isLive else { continue }
      guard !node.pointee.isIdle else {
        if node.pointee.isTitle, Int64(node.pointee.bucket) < horizon { drop(number) }
        continue
      }
      if node.pointee.rolledTo != hour { roll(number, to: hour) }
      // A window without enough samples changes nothing but an alert that fires.
      guard node.pointee.isFiring || node.pointee.holds(drift.minimumSamples) else { continue }
      for metric in DriftMetric.allCases {
        if let alert = judge(node, metric, at: time, hour: hour) { changed.append(alert) }
      }
      saving.mark(number)
    }
    alerts += changed.sorted { $0.alertID < $1.alertID }
  }

  private mutating func roll(_ number: UInt32, to hour: Int64) {
    let node = nodes.row(number)
    let before = node.pointee.byteCount
    var isChanged = false
    for metric in DriftMetric.allCases where node.series(metric).pointee.roll(to: hour, drift) { isChanged = true }
    node.pointee.rolledTo = hour
    if isChanged { saving.mark(number) }
    if node.pointee.isTitle { bytes += node.pointee.byteCount - before }
  }

  /// Last judged border of the firing alert that has waited longest, nil if none fires.
  func oldestJudged() -> Int64? {
    var oldest: Int64?
    for number in 0..<nodeCount where nodes.row(number).pointee.isLive && nodes.row(number).pointee.isFiring {
      let node = nodes.row(number).pointee
      for series in [node.series.0, node.series.1, node.series.2] where series.firedAt != 0 {
        oldest = min(oldest ?? .max, series.judgedAt)
      }
    }
    return oldest
  }

  /// Alerts that fire, as last judged: what a worker that starts on a saved state shows.
  public func firing() -> [DriftAlert] {
    var found: [DriftAlert] = []
    for number in 0..<nodeCount where nodes.row(number).pointee.isLive && nodes.row(number).pointee.isFiring {
      let node = nodes.row(number).pointee
      for (metric, series) in zip(DriftMetric.allCases, [node.series.0, node.series.1, node.series.2])
      where series.firedAt != 0 {
        let border = series.judgedAt / drift.bucketMs
        let hour = (series.judgedAt - Int64(drift.currentBuckets) * drift.bucketMs) / drift.hourMs
        let current = series.current(border - Int64(drift.currentBuckets), border)
        let baseline = series.baseline(hour - Int64(drift.baselineHours), hour)
        let verdict = DriftRule.judge(
          current: current.mean(metric), baseline: baseline.mean(metric), threshold: drift.threshold,
          sigmas: drift.sigmas, standardError: Self.standardError(metric, current, baseline))
        found.append(alert(node.key, metric, series, verdict, current, baseline, .deviates, series.judgedAt, hour))
      }
    }
    return found.sorted { $0.alertID < $1.alertID }
  }

  private mutating func judge(
    _ node: UnsafeMutablePointer<MetricNode>, _ metric: DriftMetric, at time: Int64, hour: Int64
  ) -> DriftAlert? {
    let border = time / drift.bucketMs
    let series = node.series(metric)
    let current = series.pointee.current(border - Int64(drift.currentBuckets), border)
    let isFiring = series.pointee.firedAt != 0
    var baseline = MetricSum()
    if current.count >= drift.minimumSamples || isFiring {
      baseline = series.pointee.baseline(hour - Int64(drift.baselineHours), hour)
    }
    var verdict = DriftRule.Verdict()
    var reason = DriftAlert.Reason.unjudged
    if current.count >= drift.minimumSamples, baseline.count >= drift.minimumSamples {
      verdict = DriftRule.judge(
        current: current.mean(metric), baseline: baseline.mean(metric), threshold: drift.threshold,
        sigmas: drift.sigmas, standardError: Self.standardError(metric, current, baseline))
      if isFiring { series.pointee.judgedAt = time }
      guard verdict.fires != isFiring else { return nil }
      reason = verdict.fires ? .deviates : .recovered
      if verdict.fires {
        series.pointee.firedAt = time
        series.pointee.judgedAt = time
        series.pointee.direction = verdict.direction == .improvement ? 1 : 0
        series.pointee.kind = verdict.kind == .undefinedBaseline ? 1 : 0
      }
    } else {
      guard isFiring, time - series.pointee.judgedAt >= drift.unjudgedMs else { return nil }
    }
    let told = alert(node.pointee.key, metric, series.pointee, verdict, current, baseline, reason, time, hour)
    if reason != .deviates { series.pointee.firedAt = 0 }
    return told
  }

  private func alert(
    _ key: UInt64, _ metric: DriftMetric, _ series: MetricSeries, _ verdict: DriftRule.Verdict, _ current: MetricSum,
    _ baseline: MetricSum, _ reason: DriftAlert.Reason, _ time: Int64, _ hour: Int64
  ) -> DriftAlert {
    let id = UInt32(truncatingIfNeeded: key)
    let (kind, name) =
      switch key >> 32 {
      case 0: ("global", "")
      case 1: ("genre", ids.symbols[UInt16(id)])
      default: ("content", ids.titles.text(id))
      }
    let scope = name.isEmpty ? kind : kind + ":" + name
    return DriftAlert(
      state: reason == .deviates ? .firing : .resolved, reason: reason,
      alertID: "relative:\(scope):\(metric.name):\(series.firedAt)", metric: metric, scopeKind: kind, scopeID: name,
      kind: series.kind == 1 ? .undefinedBaseline : .relative,
      direction: series.direction == 1 ? .improvement : .degradation, current: current.mean(metric),
      baseline: baseline.mean(metric), relative: verdict.relative, signed: verdict.signed, threshold: drift.threshold,
      sigmas: drift.sigmas, standardError: Self.standardError(metric, current, baseline), currentCount: current.count,
      baselineCount: baseline.count, currentStart: time - Int64(drift.currentBuckets) * drift.bucketMs,
      currentEnd: time, baselineStart: (hour - Int64(drift.baselineHours)) * drift.hourMs,
      baselineEnd: hour * drift.hourMs, firedAt: series.firedAt, time: time)
  }

  /// Of the difference of two means.
  static func standardError(_ metric: DriftMetric, _ a: MetricSum, _ b: MetricSum) -> Double {
    guard a.count > 0, b.count > 0 else { return 0 }
    return (a.variance(metric) / Double(a.count) + b.variance(metric) / Double(b.count)).squareRoot()
  }
}
