/// One input as the decoder runs it: tables of slots where the compiled mapping has lists of steps.
struct Program: ~Copyable {
  let input: CompiledMapping.Input
  let table: ScanTable
  let structured: ScanTable
  let rules: UnsafeMutablePointer<RuleProgram>
  let ruleCount: Int
  let slotCount: Int
  let devices: UnsafeMutablePointer<(word: ShortWord, device: Device)>
  let deviceCount: Int
  /// Devices with names beyond 16 bytes count as `other`.
  let longDevices: [[UInt8]]
  // Copies of what every record needs, so that the hot road touches no array.
  let maxBytes: Int
  let isEnvelope: Bool
  let isJSON: Bool
  let unwraps: Bool
  let schemaSlot: Int
  /// What stands at that slot; empty without one.
  let schema: UnsafeRawBufferPointer
  let dataSlot: Int
  let base64Slot: Int

  init(_ input: CompiledMapping.Input) {
    self.input = input
    table = ScanTable(input.table)
    structured = ScanTable(input.structured)
    slotCount = max(input.table.slotCount, input.structured.slotCount)
    ruleCount = input.rules.count
    rules = .allocate(capacity: max(1, ruleCount))
    for (i, rule) in input.rules.enumerated() { (rules + i).initialize(to: RuleProgram(rule, input)) }
    var known: [(word: ShortWord, device: Device)] = []
    var long: [[UInt8]] = []
    for name in input.devices {
      let device = Device.named[name] ?? .other
      if let word = ShortWord(name) { known.append((word, device)) } else { long.append(Array(name.utf8)) }
    }
    deviceCount = known.count
    devices = .allocate(capacity: max(1, known.count))
    devices.initialize(from: known, count: known.count)
    longDevices = long
    maxBytes = input.maxBytes
    isEnvelope = input.isEnvelope
    isJSON = input.framing == .json && !input.unwrapsCloudEvents
    unwraps = input.unwrapsCloudEvents
    schemaSlot = input.schema == nil ? -1 : input.schemaSlot
    let text = UnsafeMutableRawBufferPointer.allocate(byteCount: input.schema?.count ?? 0, alignment: 1)
    text.copyBytes(from: input.schema ?? [])
    schema = UnsafeRawBufferPointer(text)
    func slot(_ name: String) -> Int {
      input.structured.nodes[0].first { $0.name == Array(name.utf8) }?.slot ?? -1
    }
    dataSlot = slot("data")
    base64Slot = slot("data_base64")
  }

  deinit {
    rules.deinitialize(count: ruleCount)
    rules.deallocate()
    devices.deallocate()
    schema.deallocate()
  }
}

/// One rule as the decoder runs it.
struct RuleProgram: ~Copyable {
  let emit: Emit
  /// An event of this kind of which nothing is known yet.
  let blank: Event
  let hasCondition: Bool
  let when: Predicate?
  /// By field: the slot its value usually stands at, -1 = none or not plain.
  let slots: UnsafeMutablePointer<Int32>
  /// By field: further steps are to be tried.
  let hasMore: UnsafeMutablePointer<Bool>
  let bindings: [[ValueStep]]
  let required: [CompiledMapping.Requirement]
  /// Slots that every record needs and that need no steps; the others are in `required`.
  let requiredSlots: UnsafeMutablePointer<Int32>
  let requiredCount: Int
  let allPlain: Bool
  /// Slots of fields that few records carry; without any of them nobody looks.
  let rare: UInt64
  let rareAlways: Bool
  /// The same for what few watches say.
  let details: UInt64
  let detailsAlways: Bool
  let items: ItemProgram?
  let isContentKeyed: Bool

  init(_ rule: CompiledMapping.Rule, _ input: CompiledMapping.Input) {
    emit = rule.emit
    blank = Event(kind: rule.emit.kind)
    when = rule.when
    hasCondition = rule.when != nil
    bindings = rule.bindings
    let count = Field.allCases.count
    slots = .allocate(capacity: count)
    hasMore = .allocate(capacity: count)
    for (i, steps) in rule.bindings.enumerated() {
      let plain = steps.first?.plainSlot
      slots[i] = Int32(plain ?? -1)
      hasMore[i] = plain == nil ? !steps.isEmpty : steps.count > 1
    }
    required = rule.required
    let plain = rule.required.compactMap { $0.steps.count == 1 ? $0.steps[0].plainSlot : nil }
    allPlain = plain.count == rule.required.count
    requiredCount = plain.count
    requiredSlots = .allocate(capacity: max(1, plain.count))
    for (i, slot) in plain.enumerated() { requiredSlots[i] = Int32(slot) }
    let (plainSlots, more) = (slots, hasMore)
    func mask(_ fields: [Field]) -> (mask: UInt64, always: Bool) {
      var mask: UInt64 = 0
      var always = false
      for field in fields {
        let slot = Int(plainSlots[Int(field.rawValue)])
        if more[Int(field.rawValue)] || slot >= 64 { always = true } else if slot >= 0 { mask |= 1 << UInt64(slot) }
      }
      return (mask, always)
    }
    let hot: [Field] = [.schema, .eventID, .timestamp, .userID, .contentID, .device, .platform]
    (rare, rareAlways) = mask(Field.common.filter { !hot.contains($0) })
    (details, detailsAlways) = mask(Field.details)
    items = rule.items.map { ItemProgram($0) }
    isContentKeyed = [.availability, .catalog, .source].contains(rule.emit)
  }

  deinit {
    slots.deallocate()
    hasMore.deallocate()
    requiredSlots.deallocate()
  }
}

/// How elements of a list are read. Lives as long as the process: mappings are compiled once.
final class ItemProgram {
  let table: ScanTable
  let slotCount: Int
  let rootSlot: Int
  let bindings: [[ValueStep]]

  init(_ items: CompiledMapping.Items) {
    table = ScanTable(items.table)
    slotCount = items.table.slotCount
    rootSlot = items.table.rootSlot
    bindings = items.bindings
  }
}

extension Device {
  /// Names as the envelope writes them.
  public static let named: [String: Device] = [
    "tv": .tv, "mobile": .mobile, "web": .web, "voice": .voice, "other": .other, "tablet": .tablet,
  ]
}
