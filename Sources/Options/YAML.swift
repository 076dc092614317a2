import CYAML
import Glibc

/// YAML as far as settings need it: maps, lists and untyped scalars, each with its line and column.
///
/// Refused by position: anchors, aliases, tags, merge keys, a second document, repeated keys, keys that are no
/// scalars. Bounded, so that no text costs more than it weighs.
public enum YAML {
  public static let byteCountMax = 1 << 20
  public static let depthMax = 16
  public static let nodeCountMax = 20_000

  /// The tree of a text; an empty text is an empty map.
  ///
  /// - Parameter name: What messages call it, usually the file's name.
  public static func parse(_ bytes: [UInt8], name: String) throws(Problem) -> Node {
    guard bytes.count <= byteCountMax else {
      throw Problem(.file(name: name, line: 1, column: 1), "is larger than 1 MiB")
    }
    var reader = EventReader(bytes, name: name)
    return try reader.document()
  }

  public static func parse(_ text: String, name: String) throws(Problem) -> Node {
    try parse(Array(text.utf8), name: name)
  }

  /// Reads a file and parses it.
  public static func read(_ path: String) throws(Problem) -> Node {
    try parse(bytes(of: path, limit: byteCountMax), name: path)
  }

  /// The content of a small file; refuses more than `limit` bytes.
  public static func bytes(of path: String, limit: Int) throws(Problem) -> [UInt8] {
    let origin = Origin.argument(path)
    guard let file = fopen(path, "re") else {
      throw Problem(origin, "cannot be read: \(String(cString: strerror(errno)))")
    }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: limit + 1)
    let count = fread(&bytes, 1, bytes.count, file)
    if ferror(file) != 0 { throw Problem(origin, "cannot be read: \(String(cString: strerror(errno)))") }
    guard count <= limit else { throw Problem(origin, "is larger than \(limit) bytes") }
    return Array(bytes[..<count])
  }
}

/// Walks libyaml's events and builds nodes. Owns the parser for the length of one parse.
private struct EventReader: ~Copyable {
  private let parser: UnsafeMutablePointer<yaml_parser_t>
  private let input: UnsafeMutablePointer<UInt8>
  private let inputCount: Int
  private let name: String
  private var nodeCount = 0

  init(_ bytes: [UInt8], name: String) {
    self.name = name
    inputCount = bytes.count
    input = .allocate(capacity: max(1, bytes.count))
    input.initialize(repeating: 0, count: max(1, bytes.count))
    for (at, byte) in bytes.enumerated() { input[at] = byte }
    parser = .allocate(capacity: 1)
    parser.initialize(to: yaml_parser_t())
    precondition(yaml_parser_initialize(parser) == 1, "libyaml has memory for a parser")
    // Set first: a byte order mark would switch the reader to UTF-16 otherwise.
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    yaml_parser_set_input_string(parser, input, inputCount)
  }

  deinit {
    yaml_parser_delete(parser)
    parser.deallocate()
    input.deallocate()
  }

  mutating func document() throws(Problem) -> Node {
    var root: Node?
    while true {
      let event = try next()
      switch event.kind {
      case YAML_STREAM_START_EVENT, YAML_DOCUMENT_END_EVENT: continue
      case YAML_DOCUMENT_START_EVENT:
        guard root == nil else { throw Problem(event.origin, "only one document is allowed") }
        root = try node(try next(), depth: 1)
      case YAML_STREAM_END_EVENT:
        let empty = Node(.map([]), origin: .file(name: name, line: 1, column: 1))
        guard let root else { return empty }
        return root.isEmpty ? empty : root
      default: throw Problem(event.origin, "is not YAML that settings use")
      }
    }
  }

  private mutating func node(_ event: Event, depth: Int) throws(Problem) -> Node {
    guard depth <= YAML.depthMax else { throw Problem(event.origin, "is nested deeper than \(YAML.depthMax)") }
    nodeCount += 1
    guard nodeCount <= YAML.nodeCountMax else {
      throw Problem(event.origin, "has more than \(YAML.nodeCountMax) values")
    }
    switch event.kind {
    case YAML_SCALAR_EVENT: return Node(.scalar(event.text), origin: event.origin, isQuoted: event.isQuoted)
    case YAML_SEQUENCE_START_EVENT:
      var nodes: [Node] = []
      while true {
        let element = try next()
        if element.kind == YAML_SEQUENCE_END_EVENT { return Node(.list(nodes), origin: event.origin) }
        nodes.append(try node(element, depth: depth + 1))
      }
    case YAML_MAPPING_START_EVENT: return try map(from: event, depth: depth)
    default: throw Problem(event.origin, "aliases are not allowed")
    }
  }

  private mutating func map(from start: Event, depth: Int) throws(Problem) -> Node {
    var entries: [Node.Entry] = []
    var seen: Set<String> = []
    while true {
      let key = try next()
      if key.kind == YAML_MAPPING_END_EVENT { return Node(.map(entries), origin: start.origin) }
      guard key.kind == YAML_SCALAR_EVENT else { throw Problem(key.origin, "a key must be a plain text") }
      if key.text == "<<" && !key.isQuoted { throw Problem(key.origin, "merge keys are not allowed") }
      guard seen.insert(key.text).inserted else { throw Problem(key.origin, "\(key.text) stands here twice") }
      entries.append(.init(key: key.text, origin: key.origin, value: try node(try next(), depth: depth + 1)))
    }
  }

  private struct Event {
    var kind: yaml_event_type_t
    var origin: Origin
    var text = ""
    var isQuoted = false
  }

  private mutating func next() throws(Problem) -> Event {
    var event = yaml_event_t()
    guard yaml_parser_parse(parser, &event) == 1 else { throw fault() }
    defer { yaml_event_delete(&event) }
    var result = Event(kind: event.type, origin: origin(event.start_mark))
    switch event.type {
    case YAML_SCALAR_EVENT:
      let scalar = event.data.scalar
      try refuse(anchor: scalar.anchor, tag: scalar.tag, at: result.origin)
      result.text = String(decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
      result.isQuoted = scalar.style != YAML_PLAIN_SCALAR_STYLE
    case YAML_SEQUENCE_START_EVENT:
      try refuse(anchor: event.data.sequence_start.anchor, tag: event.data.sequence_start.tag, at: result.origin)
    case YAML_MAPPING_START_EVENT:
      try refuse(anchor: event.data.mapping_start.anchor, tag: event.data.mapping_start.tag, at: result.origin)
    case YAML_ALIAS_EVENT: throw Problem(result.origin, "aliases are not allowed")
    case YAML_DOCUMENT_START_EVENT:
      let document = event.data.document_start
      if document.tag_directives.start != document.tag_directives.end {
        throw Problem(result.origin, "tags are not allowed")
      }
    default: break
    }
    return result
  }

  private func refuse(
    anchor: UnsafeMutablePointer<UInt8>?, tag: UnsafeMutablePointer<UInt8>?, at origin: Origin
  ) throws(Problem) {
    if anchor != nil { throw Problem(origin, "anchors are not allowed") }
    if tag != nil { throw Problem(origin, "tags are not allowed") }
  }

  private func origin(_ mark: yaml_mark_t) -> Origin {
    .file(name: name, line: Int(mark.line) + 1, column: Int(mark.column) + 1)
  }

  private func fault() -> Problem {
    var message = parser.pointee.problem.map { String(cString: $0) } ?? "cannot be read"
    if message.contains("cannot start any token") { message += "; indent with spaces, not tabs, and quote % @ and `" }
    if message.contains("UTF-8") { message += "; the file must be UTF-8" }
    guard parser.pointee.error == YAML_READER_ERROR else {
      return Problem(origin(parser.pointee.problem_mark), message)
    }
    // The reader knows only a byte offset: count lines and characters up to it.
    let offset = min(Int(parser.pointee.problem_offset), inputCount)
    var line = 1
    var column = 1
    for i in 0..<offset {
      if input[i] == UInt8(ascii: "\n") {
        line += 1
        column = 1
      } else if input[i] & 0xc0 != 0x80 {
        column += 1
      }
    }
    return Problem(.file(name: name, line: line, column: column), message)
  }
}
