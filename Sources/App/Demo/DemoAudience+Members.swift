import Ports

/// Members: viewers who come back and get a list that was ranked for them, or, one in four, a control group whose list
/// is drawn evenly. What they want is hidden from everything but this file: two genres each, and long films rather on
/// a television than on a phone.
extension DemoAudience {
  static let memberCount = 300
  static let candidateCount = 10
  /// Titles that lists are made from: the most shown ones.
  static let shelf = 300

  struct Invitation {
    var member: Int
    var user: String
    var decision: String
    var candidates: [Int]
    var situation: Situation
    var isControl: Bool
  }

  /// The same audience as its members' side: other draws, other ids.
  func members(life: Double) -> DemoAudience {
    var own = self
    own.random = DemoRandom(0xfeed)
    own.serial = 1 << 40
    own.plan(life: life)
    return own
  }

  /// Draws the next visit.
  mutating func invite(at time: Int64) -> Invitation {
    let member = random.below(Self.memberCount)
    serial += 1
    var candidates: [Int] = []
    while candidates.count < Self.candidateCount {
      let title = popular[random.below(min(Self.shelf, popular.count))]
      if !candidates.contains(title) { candidates.append(title) }
    }
    let device = random.unit() < 0.5 ? "tv" : "mobile"
    return Invitation(
      member: member, user: "f\(member)", decision: "r\(serial)", candidates: candidates,
      situation: Situation(time: time, device: device), isControl: member % 4 == 0)
  }

  /// The decision, the list as shown, and what the member did with it.
  mutating func react(to list: DemoRanker.List, of visit: Invitation, at time: Int64, second: Double) -> (
    records: [OutRecord], isClicked: Bool
  ) {
    var records = [
      OutRecord(
        topic: "decisions", key: Array(visit.user.utf8),
        value: list.record(visit.decision, visit.user, catalog, visit.situation, at: time), timestamp: time)
    ]
    let shown = list.places.filter { $0.position > 0 }.sorted { $0.position < $1.position }.map(\.title)
    records.append(impression(visit.user, visit.decision, shown.map { catalog.titles[$0].id }, time))
    guard
      let pick = shown.enumerated().first(where: { i, title in
        wants(visit, title) > random.unit() * (1.1 + Double(i) * 0.2)
      })
    else { return (records, false) }
    let title = catalog.titles[pick.element]
    records.append(
      click(visit.user, title.id, visit.decision, pick.offset + 1, time + 1, device: visit.situation.device))
    let length = Double(title.runtimeMinutes) * 60
    var completion = min(1, max(0.05, 0.75 + 0.15 * random.normal()))
    if pick.element == popular[0], second >= breaksAt, second < mendsAt { completion = 0.02 + 0.03 * random.unit() }
    records.append(
      watch(
        visit.user, title.id, visit.decision, length * completion, length, time + 2, device: visit.situation.device))
    return (records, true)
  }

  /// A member's wish for a title in [0, 1].
  private func wants(_ visit: Invitation, _ title: Int) -> Double {
    let genres = (0..<2).map {
      DemoCatalog.genres[
        Int(DemoRandom.bits(0xfb, UInt64(visit.member * 2 + $0)) % UInt64(DemoCatalog.genres.count))]
    }
    let isWanted = catalog.titles[title].genres.contains { genres.contains($0) }
    let isLong = catalog.titles[title].runtimeMinutes > 75
    let fits = isLong == (visit.situation.device == "tv")
    return (isWanted ? 0.8 : 0.08) * (fits ? 1 : 0.5)
  }
}
