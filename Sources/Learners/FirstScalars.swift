/// The front of a viewer's stored row in layout 1: what contexts say was counted in fixed places, 72 bytes of them.
struct FirstScalars {
  private(set) var scalars: ViewerRow.Scalars
  private let moods: [6 of UInt32]
  private let companions: [4 of UInt32]
  private let devices: [8 of UInt32]

  init(_ reader: inout ByteReader) throws(StateError) {
    // Up to here the layouts agree.
    let bytes = try reader.bytes(88)
    moods = try reader.take([6 of UInt32].self)
    companions = try reader.take([4 of UInt32].self)
    devices = try reader.take([8 of UInt32].self)
    let histogram = try reader.take([31 of Float].self)
    _ = try reader.take(Float.self)
    var scalars = ViewerRow.Scalars()
    withUnsafeMutableBytes(of: &scalars) { $0.copyMemory(from: bytes) }
    scalars.histogram = histogram
    self.scalars = scalars
  }

  /// Into a row whose lists are there.
  func count(in row: UnsafeMutablePointer<ViewerRow>) {
    func add(_ counts: some Sequence<UInt32>, _ first: UInt32) {
      for (index, count) in counts.enumerated() where count > 0 {
        row.counts.append(UInt64(first + UInt32(index)) << 32 | UInt64(count))
      }
    }
    add(moods.indices.map { moods[$0] }, Counted.moods)
    add(companions.indices.map { companions[$0] }, Counted.companions)
    add(devices.indices.map { devices[$0] }, Counted.devices)
  }
}
