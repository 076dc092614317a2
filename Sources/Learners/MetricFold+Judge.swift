/// What happens at a border of buckets.
extension MetricFold {
  /// Judges every scope at border `time`; appends alerts sorted by id.
  mutating func judge(at time: Int64, _ alerts: inout [DriftAlert]) {
    let hour = (time - Int64(drift.currentBuckets) * drift.bucketMs) / drift.hourMs
    var changed: [DriftAlert] = []
    let horizon = (hour - Int64(drift.baselineHours)) * drift.hourMs / drift.bucketMs
    for index in nodes.indices where nodes[index].isLive {
      let before = nodes[index].byteCount
      if nodes[index].series.0.recent.isEmpty, nodes[index].series.1.recent.isEmpty,
        nodes[index].series.2.recent.isEmpty, !nodes[index].isFiring
      {
        if nodes[index].key >> 32 == 2, Int64(nodes[index].bucket) < horizon { drop(UInt32(index)) }
        continue
      }
      for metric in DriftMetric.allCases {
        if let alert = judge(UInt32(index), metric, at: time, hour: hour) { changed.append(alert) }
      }
      saving.mark(UInt32(index))
      if nodes[index].key >> 32 == 2 { bytes += nodes[index].byteCount - before }
    }
    alerts += changed.sorted { $0.alertID < $1.alertID }
  }

  /// Last judged border of the firing alert that has waited longest, nil if none fires.
  func oldestJudged() -> Int64? {
    var oldest: Int64?
    for node in nodes where node.isLive && node.isFiring {
      for series in [node.series.0, node.series.1, node.series.2] where series.firedAt != 0 {
        oldest = min(oldest ?? .max, series.judgedAt)
      }
    }
    return oldest
  }

  /// Alerts that fire, as last judged: what a worker that starts on a saved state shows.
  public func firing() -> [DriftAlert] {
    var found: [DriftAlert] = []
    for node in nodes where node.isLive && node.isFiring {
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

  private mutating func judge(_ node: UInt32, _ metric: DriftMetric, at time: Int64, hour: Int64) -> DriftAlert? {
    let drift = drift
    let border = time / drift.bucketMs
    let key = nodes[Int(node)].key
    let change = nodes[Int(node)].with(metric) {
      series -> (DriftRule.Verdict, MetricSum, MetricSum, DriftAlert.Reason)? in
      series.roll(to: hour, drift)
      let current = series.current(border - Int64(drift.currentBuckets), border)
      let isFiring = series.firedAt != 0
      var verdict = DriftRule.Verdict()
      var baseline = MetricSum()
      if current.count >= drift.minimumSamples {
        baseline = series.baseline(hour - Int64(drift.baselineHours), hour)
      }
      guard current.count >= drift.minimumSamples, baseline.count >= drift.minimumSamples else {
        guard isFiring, time - series.judgedAt >= drift.unjudgedMs else { return nil }
        return (verdict, current, series.baseline(hour - Int64(drift.baselineHours), hour), .unjudged)
      }
      verdict = DriftRule.judge(
        current: current.mean(metric), baseline: baseline.mean(metric), threshold: drift.threshold,
        sigmas: drift.sigmas, standardError: Self.standardError(metric, current, baseline))
      if isFiring { series.judgedAt = time }
      guard verdict.fires != isFiring else { return nil }
      if verdict.fires {
        series.firedAt = time
        series.judgedAt = time
        series.direction = verdict.direction == .improvement ? 1 : 0
        series.kind = verdict.kind == .undefinedBaseline ? 1 : 0
        return (verdict, current, baseline, .deviates)
      }
      return (verdict, current, baseline, .recovered)
    }
    guard let (verdict, current, baseline, reason) = change else { return nil }
    let series = nodes[Int(node)].with(metric) { $0 }
    if reason != .deviates { nodes[Int(node)].with(metric) { $0.firedAt = 0 } }
    return alert(key, metric, series, verdict, current, baseline, reason, time, hour)
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
