import Ports
import Telemetry

/// Alerts and dead letters on their way out: turns wait where the brokers take them more slowly than they arise.
extension Worker {
  /// Hands on what had no room, and says whether a turn may be folded now.
  func outletHasRoom() throws(WorkerFault) -> Bool {
    if !waitingOut.isEmpty { _ = outlet.flush(timeoutMs: 0) }
    var sent = 0
    while sent < waitingOut.count {
      do { try outlet.send(waitingOut[sent]) } catch {
        guard error.isRetriable else { throw WorkerFault.port(error) }
        break
      }
      sent += 1
    }
    waitingOut.removeFirst(sent)
    let hasRoom = waitingOut.isEmpty && outlet.hasRoom
    note(hasRoom: hasRoom)
    return hasRoom && !isHeldForCheckpoint
  }

  private func note(hasRoom: Bool) {
    if hasRoom {
      if outletReason != nil {
        Log.shared.info("alerts and dead letters are acknowledged again", ["turn": .integer(Int(manifest.turn))])
      }
      outletFullSince = 0
      outletReason = nil
      return
    }
    if outletFullSince == 0 { outletFullSince = max(1, clock.monotonicNs) }
    guard outletReason == nil, clock.monotonicNs - outletFullSince > 5_000_000_000 else { return }
    outletReason = "alerts and dead letters are not acknowledged by the brokers; turns wait"
    Log.shared.error(
      "alerts and dead letters are not acknowledged by the brokers; turns wait",
      mend: "look at the brokers and at the topics of alerts and dead letters; it goes on by itself",
      ["waiting": .integer(outlet.unacknowledged + waitingOut.count)])
  }

  /// A due checkpoint waits for acknowledgements, and a stream of dead letters always has some under way: turns pause
  /// for half a second of every two until it can begin.
  private var isHeldForCheckpoint: Bool {
    checkpointHeldSince > 0 && (clock.monotonicNs - checkpointHeldSince) % 2_000_000_000 < 500_000_000
  }

  /// A checkpoint is due; begun = the outlet had nothing unacknowledged.
  func noteCheckpoint(begun: Bool) {
    if begun {
      checkpointHeldSince = 0
    } else if checkpointHeldSince == 0 {
      checkpointHeldSince = max(1, clock.monotonicNs)
    }
  }
}
