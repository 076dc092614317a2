import Kernels

/// What each kind of event says beside ids and time.
extension Decoder {
  // MARK: Watch

  @inline(__always)
  mutating func watch(_ event: inout Event) throws(DecodeFault) {
    event.duration = try number(.duration, 0, 86_400)
    event.total = try number(.total, 0, .greatestFiniteMagnitude)
    if event.total == 0 { throw DecodeFault(.badField, .total) }
    event.rate = try number(.completionRate, 0, 1.5)
    try set(.completed, .completedSet, .completed, &event)
    if current.pointee.detailsAlways || at.present & current.pointee.details != 0 {
      try watchDetails(&event)
      let action = token(.action)
      if action.kind != .absent { try watchAction(action, &event) }
    }
    if event.flags.contains(.progress) { return }
    if event.rate.isNaN, !event.flags.contains(.completedSet), event.duration.isNaN || event.total.isNaN {
      if event.duration.isNaN { throw DecodeFault(.noCompletion, name: nil) }
      if let knowsRuntime {
        let known = titleID.flatMap { ids.titles.find($0) }.map(knowsRuntime) ?? false
        guard known else { throw DecodeFault(.noCompletion, name: nil) }
      }
    }
    if !event.rate.isNaN, !event.duration.isNaN, !event.total.isNaN,
      abs(min(1, event.duration / event.total) - min(1, event.rate)) > 0.05 + 1e-9
    {
      event.flags.insert(.inconsistentCompletion)
    }
  }

  /// What few watches say; ``Field/details`` lists it.
  @inline(never)
  private mutating func watchDetails(_ event: inout Event) throws(DecodeFault) {
    if let pauses = try whole(.pauseCount, 0, .max) { event.pauseCount = Int16(min(pauses, 32_767)) }
    if try flag(.endedByUser) == true { event.flags.insert(.endedByUser) }
    try set(.liked, .likedSet, .liked, &event)
    try set(.favorited, .favoritedSet, .favorited, &event)
    try set(.shared, .sharedSet, .shared, &event)
    try set(.skippedEarly, .skippedEarlySet, .skippedEarly, &event)
    try set(.pausedOften, .pausedOftenSet, .pausedOften, &event)
    let quality = token(.quality)
    if quality.kind != .absent, try word(quality, .quality, Words.qualities) == nil {
      throw DecodeFault(.badField, .quality)
    }
    let phase = token(.phase)
    if phase.kind != .absent {
      guard let at = try word(phase, .phase, Words.phases) else { throw DecodeFault(.badField, .phase) }
      if at == 1 { event.flags.insert(.progress) }
    }
    try feedbackTime(&event)
  }

  /// A watch told as an interaction.
  @inline(never)
  private mutating func watchAction(_ action: Token, _ event: inout Event) throws(DecodeFault) {
    guard let at = try word(action, .action, Words.actions) else { return }
    let known = Words.actionValues[at]
    guard known == .watchComplete || known == .watchPartial else { return }
    event.action = known
    event.flags.insert(.fromInteraction)
    if known == .watchComplete { event.flags.formUnion([.completedSet, .completed]) }
  }

  @inline(__always)
  private mutating func set(
    _ field: Field, _ given: EventFlags, _ value: EventFlags, _ event: inout Event
  ) throws(DecodeFault) {
    guard let flag = try flag(field) else { return }
    event.flags.insert(given)
    if flag { event.flags.insert(value) }
  }

  @inline(__always)
  mutating func feedbackTime(_ event: inout Event) throws(DecodeFault) {
    let time = try number(.timeToFeedback, 0, .greatestFiniteMagnitude)
    if !time.isNaN { event.timeToFeedback = Int32(min(time, 2_147_483_647)) }
  }

  // MARK: Rate

  @inline(__always)
  mutating func rate(_ event: inout Event) throws(DecodeFault) {
    let token = token(.rating)
    guard token.kind != .absent else { throw DecodeFault(.missingField, .rating) }
    guard let rating = token.double else { throw DecodeFault(.badField, .rating) }
    var stars = rating
    let scale = try number(.scale, 5, 10)
    if scale == 10 {
      guard rating >= 1, rating <= 10 else { throw DecodeFault(.badRating, .rating) }
      stars = 1 + 4 * (rating - 1) / 9
    } else {
      guard scale.isNaN || scale == 5 else { throw DecodeFault(.badField, .scale) }
      guard rating >= 1, rating <= 5 else { throw DecodeFault(.badRating, .rating) }
    }
    event.rate = (stars * 2 + 0.5).rounded(.down)  // half stars, ties up
    try feedbackTime(&event)
  }

  // MARK: Interaction

  mutating func interaction(_ event: inout Event) throws(DecodeFault) {
    let token = token(.action)
    guard token.kind != .absent else { throw DecodeFault(.missingField, .action) }
    guard let at = try word(token, .action, Words.actions) else { throw DecodeFault(.badAction, .action) }
    let action = Words.actionValues[at]
    if action == .watchComplete || action == .watchPartial {
      event.kind = .watch
      return try watch(&event)
    }
    event.action = action
    if try flag(.undo) == true { event.flags.insert(.undo) }
    try feedbackTime(&event)
  }

  // MARK: The others

  @inline(never)
  mutating func uncommon(_ emit: Emit, _ event: inout Event) throws(DecodeFault) {
    switch emit {
    case .impression: try readItems(emit)
    case .decision: try decision(&event)
    case .availability: try availability(&event)
    case .search: try search(&event)
    case .preference: try preference()
    default: break
    }
  }

  private mutating func availability(_ event: inout Event) throws(DecodeFault) {
    guard let available = try flag(.available) else { throw DecodeFault(.missingField, .available) }
    if available { event.flags.insert(.available) }
    let source = token(.source)
    if source.kind != .absent {
      guard let at = try word(source, .source, Words.sources) else { throw DecodeFault(.badField, .source) }
      if at == 1 { event.flags.insert(.checker) }
    }
    if let deepLink = try flag(.deepLinkValidated) {
      event.flags.insert(.deepLinkSet)
      if deepLink { event.flags.insert(.deepLink) }
    }
    let checked = token(.checkedAt)
    if checked.kind != .absent { event.duration = Double(try otherTime(checked, .checkedAt, .badField)) }
  }

  private mutating func decision(_ event: inout Event) throws(DecodeFault) {
    let op = token(.op)
    if op.kind != .absent {
      guard let at = try word(op, .op, Words.operations) else { throw DecodeFault(.badField, .op) }
      event.flags.insert(at == 0 ? .activates : .cancels)
    }
    items.removeAll(keepingCapacity: true)
    if op.kind == .absent || token(.items).kind != .absent { try readItems(.decision) }
    if try flag(.deferred) == true { event.flags.insert(.deferred) }
    let features = token(.features)
    if features.kind != .absent { try checkFeatures(features) }
    event.sessionPosition = -1
  }

  // MARK: Common

  /// What every event may say and few do.
  @inline(never)
  mutating func common(_ event: inout Event) throws(DecodeFault) {
    decisionID = try text(.decisionID, most: 64)
    _ = try text(.sessionID, most: 64)
    let position = token(.position)
    if position.kind != .absent { event.position = try self.position(position, .position) }
    if let minutes = try whole(.tzOffset, -840, 840) { event.tzMinutes = Int16(minutes) }
    try expect(.context, .object)
    try expect(.experiment, .object)
    let mood = token(.mood)
    if mood.kind != .absent {
      if let at = try word(mood, .mood, Words.moods) {
        event.mood = UInt8(at + 1)
      } else {
        event.flags.insert(.unknownContext)
      }
    }
    let companions = token(.companions)
    if companions.kind != .absent {
      if let at = try word(companions, .companions, Words.companions) {
        event.companions = UInt8(at + 1)
      } else {
        event.flags.insert(.unknownContext)
      }
    }
    try expect(.contextDevice, .string, or: .escaped)
    if let place = try whole(.sessionPosition, 0, 2_147_483_647) { event.sessionPosition = Int32(place) }
    _ = try number(.hour, 0, 23)
    _ = try number(.dayOfWeek, 0, 6)
    _ = try number(.timeAvailable, 0, 1440)
    _ = try number(.bounceRate, 0, 1)
  }

  /// 1...1000.
  @inline(__always)
  mutating func position(_ token: Token, _ field: Field) throws(DecodeFault) -> UInt16 {
    guard token.double != nil else { throw DecodeFault(.badField, field) }
    guard let value = token.whole, value >= 1, value <= 1000 else { throw DecodeFault(.badPosition, field) }
    return UInt16(value)
  }

  @inline(__always)
  mutating func readDevice(_ emit: Emit, _ event: inout Event) throws(DecodeFault) {
    var token = token(.device)
    if token.kind == .absent {
      guard emit == .decision else { return }
      token = self.token(.contextDevice)
      if token.kind == .absent { return }
    }
    let text = try text(token, .device)
    event.device = .other
    if let word = ShortWord(text.baseAddress!.assumingMemoryBound(to: UInt8.self), text.count) {
      let known = programs[input].devices
      for i in 0..<programs[input].deviceCount where known[i].word == word {
        event.device = known[i].device
        return
      }
    } else if programs[input].longDevices.contains(where: { $0.elementsEqual(text) }) {
      return
    }
    event.flags.insert(.unknownDevice)
  }

  @inline(__always)
  mutating func readPlatform(_ given: Token, _ event: inout Event) throws(DecodeFault) {
    let token = plain(given)
    guard token.kind == .string, token.count > 0 else { throw DecodeFault(.badField, .platform) }
    if let known = platforms.find(token) {
      event.platform = known
    } else {
      event.platform = platforms.add(token, ids)
    }
  }

  /// Index of a word in a list, nil = not there.
  @inline(__always)
  mutating func word(_ token: Token, _ field: Field, _ words: WordList) throws(DecodeFault) -> Int? {
    let text = try text(token, field)
    guard text.count > 0,
      let word = ShortWord(text.baseAddress!.assumingMemoryBound(to: UInt8.self), text.count)
    else { return nil }
    return words.place(of: word)
  }
}

/// The closed word lists of the envelope.
enum Words {
  static let qualities = WordList(["SD", "HD", "FHD", "4K"])
  static let phases = WordList(["start", "progress", "stop"])
  static let sources = WordList(["user", "checker"])
  static let operations = WordList(["activate", "cancel"])
  static let moods = WordList(Vocabulary.moods)
  static let companions = WordList(Vocabulary.companions)
  static let actions = WordList([
    "like", "dislike", "favorite", "skip", "share", "block", "purchase", "view", "ignore", "correction",
    "watch_complete", "watch_partial",
  ])
  static let actionValues: [Action] = [
    .like, .dislike, .favorite, .skip, .share, .block, .purchase, .view, .ignore, .correction, .watchComplete,
    .watchPartial,
  ]
}

/// Words that are compared as they are; lives as long as the process, so that a look counts no reference.
struct WordList: @unchecked Sendable {
  private let words: UnsafeMutablePointer<ShortWord>
  private let count: Int

  init(_ texts: [String]) {
    count = texts.count
    words = .allocate(capacity: count)
    for (i, text) in texts.enumerated() { (words + i).initialize(to: ShortWord(text)!) }
  }

  func place(of word: ShortWord) -> Int? {
    for i in 0..<count where words[i] == word { return i }
    return nil
  }
}
