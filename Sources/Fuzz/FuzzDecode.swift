import Events

@_extern(c, "LLVMFuzzerRunDriver")
func runDriver(
  _ argc: UnsafeMutablePointer<Int32>,
  _ argv: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ body: @convention(c) (UnsafePointer<UInt8>, Int) -> Int32
) -> Int32

/// The door that strangers' bytes come through: any record, of any input topic, must end in an event, a skip or a
/// reason, never in a trap. The first byte chooses the topic.
@main struct FuzzDecode {
  nonisolated(unsafe) static var decoder = Decoder(mapping: Envelope.mapping, ids: Identities())
  nonisolated(unsafe) static var batch = DecodedBatch()

  static func main() {
    var argc = CommandLine.argc
    var argv = CommandLine.unsafeArgv
    withUnsafeMutablePointer(to: &argv) { argv in
      argv.withMemoryRebound(
        to: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.self, capacity: 1
      ) { argv in
        _ = runDriver(&argc, argv) { bytes, count in
          guard count > 0 else { return 0 }
          let input = Int(bytes[0]) % FuzzDecode.decoder.mapping.inputs.count
          let value = UnsafeRawBufferPointer(start: bytes + 1, count: count - 1)
          FuzzDecode.batch.removeAll()
          _ = FuzzDecode.decoder.decode(
            Record(
              source: 0, input: input, partition: 0, offset: 1, timestamp: 1_795_230_000_000, key: nil, value: value,
              headers: NoHeaders()), into: &FuzzDecode.batch)
          return 0
        }
      }
    }
  }
}
