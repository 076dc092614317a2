/// What an event says happened.
public enum EventKind: UInt8, Sendable, CaseIterable {
  case watch = 1
  case click, rate, impression, interaction, search, preference, availability, erase, decision
}

/// What a viewer did in an `interaction`.
public enum Action: UInt8, Sendable, CaseIterable {
  case none = 0
  case like, dislike, favorite, skip, share, block, purchase, view, ignore, correction
  case watchComplete, watchPartial
}

/// Facts of an event that are true or false, and which optional ones it carries.
public struct EventFlags: OptionSet, Sendable {
  public let rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  public static let completedSet = EventFlags(rawValue: 1 << 0)
  public static let completed = EventFlags(rawValue: 1 << 1)
  public static let likedSet = EventFlags(rawValue: 1 << 2)
  public static let liked = EventFlags(rawValue: 1 << 3)
  public static let favoritedSet = EventFlags(rawValue: 1 << 4)
  public static let favorited = EventFlags(rawValue: 1 << 5)
  public static let sharedSet = EventFlags(rawValue: 1 << 6)
  public static let shared = EventFlags(rawValue: 1 << 7)
  public static let skippedEarlySet = EventFlags(rawValue: 1 << 8)
  public static let skippedEarly = EventFlags(rawValue: 1 << 9)
  public static let pausedOftenSet = EventFlags(rawValue: 1 << 10)
  public static let pausedOften = EventFlags(rawValue: 1 << 11)
  public static let endedByUser = EventFlags(rawValue: 1 << 12)
  /// A heartbeat of a watch that goes on: presence only.
  public static let progress = EventFlags(rawValue: 1 << 13)
  /// An interaction taken back.
  public static let undo = EventFlags(rawValue: 1 << 14)
  /// A watch that arrived as an interaction (`watch_complete`, `watch_partial`).
  public static let fromInteraction = EventFlags(rawValue: 1 << 15)
  /// Availability: the title can be played.
  public static let available = EventFlags(rawValue: 1 << 16)
  /// Availability: reported by a checker, not by a viewer.
  public static let checker = EventFlags(rawValue: 1 << 17)
  public static let deepLinkSet = EventFlags(rawValue: 1 << 18)
  public static let deepLink = EventFlags(rawValue: 1 << 19)

  // Counted by name when the event is folded; none of them is a fault.
  public static let unknownDevice = EventFlags(rawValue: 1 << 20)
  public static let unknownFields = EventFlags(rawValue: 1 << 21)
  public static let keyMismatch = EventFlags(rawValue: 1 << 22)
  public static let inconsistentCompletion = EventFlags(rawValue: 1 << 23)
  /// The event time lay more than 5 min ahead of the record's timestamp and was pulled back.
  public static let future = EventFlags(rawValue: 1 << 24)
  /// The event time lies before its partition's running maximum.
  public static let late = EventFlags(rawValue: 1 << 25)
  /// The id was folded before: counted, not folded again. Set by the sequencer.
  public static let duplicate = EventFlags(rawValue: 1 << 26)
  /// `clicked` names a title that `shown` does not (search).
  public static let clickedNotShown = EventFlags(rawValue: 1 << 27)
  public static let unknownContext = EventFlags(rawValue: 1 << 28)

  // What a decision record does.
  /// Its windows begin with an impression or an activation.
  public static let deferred = EventFlags(rawValue: 1 << 29)
  public static let activates = EventFlags(rawValue: 1 << 30)
  public static let cancels = EventFlags(rawValue: 1 << 31)
}

/// Devices a viewer may use; anything else counts as ``other``.
public enum Device: UInt8, Sendable, CaseIterable {
  case unset = 0
  case tv, mobile, web, voice, other, tablet
}

/// One decoded event: fixed size, free of pointers, held by the million while partitions wait for each other.
///
/// What has no fixed size (ids that are compared as text, shown items, preference fields) follows in a
/// ``Payload`` beside it. Viewer and title are slots of ``Identities``.
public struct Event: Sendable {
  /// A slot that stands for "none".
  public static let none = UInt32.max

  /// Place in the total order: running maximum, in the partition, of min(event time, record time). Unix ms.
  public var mergeTime: Int64 = 0
  /// Event time, clamped to record time plus 5 min. Unix ms.
  public var time: Int64 = 0
  /// Timestamp of the Kafka record, -1 when it has none. Unix ms.
  public var recordTime: Int64 = -1
  public var offset: Int64 = 0
  /// xxh3-64 of the event id.
  public var idHash: UInt64 = 0
  /// xxh3-64 of the decision id, 0 without one.
  public var decisionHash: UInt64 = 0
  /// Watch: seconds watched; availability: `checked_at` in ms; NaN when absent.
  public var duration: Double = .nan
  /// Watch: the item's length in seconds; NaN when absent.
  public var total: Double = .nan
  /// Watch: completion rate as sent (0...1.5); rate: half stars 2...10; NaN when absent.
  public var rate: Double = .nan
  public var viewer: UInt32 = Event.none
  public var title: UInt32 = Event.none
  public var payloadStart: UInt32 = 0
  public var payloadCount: UInt32 = 0
  public var flags: EventFlags = []
  /// Milliseconds from decision to feedback, -1 when absent.
  public var timeToFeedback: Int32 = -1
  /// `context.session.position`, -1 when absent.
  public var sessionPosition: Int32 = -1
  /// Minutes east of UTC, `Int16.min` when absent.
  public var tzMinutes: Int16 = .min
  /// Pauses of a watch, -1 when absent.
  public var pauseCount: Int16 = -1
  /// 1-based position in the list shown, 0 when absent.
  public var position: UInt16 = 0
  /// Index of the (topic, partition) this came from, in the worker's sorted table.
  public var source: UInt16 = 0
  /// Symbol of the platform, 0 when absent.
  public var platform: UInt16 = 0
  public var kind: EventKind
  public var action: Action = .none
  public var device: Device = .unset
  /// Index into ``Vocabulary/moods`` plus 1, 0 when absent or unknown.
  public var mood: UInt8 = 0
  /// Index into ``Vocabulary/companions`` plus 1, 0 when absent or unknown.
  public var companions: UInt8 = 0
  /// Order among several events of one record (json-lines).
  public var line: UInt8 = 0

  public init(kind: EventKind) { self.kind = kind }
}

/// The closed word lists of the envelope's context.
public enum Vocabulary {
  public static let moods = ["light", "intense", "thoughtful", "relaxing", "exciting"]
  public static let companions = ["alone", "family", "date", "friends"]
}
